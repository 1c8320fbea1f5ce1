//! How fast a model reads and writes: one that is there, or random weights of a true shape.

use std::path::Path;

use generator::{DeviceChoice, Model, Shape, SpeedReport};
use serde_json::{Value, json};

use super::memory_mib;
use crate::cli::BenchArgs;
use crate::error::{Failure, FailureClass};
use crate::output::Output;
use crate::settings::Settings;

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    prompt_tokens: usize,
    answer_tokens: usize,
    users: usize,
}

impl Load {
    pub(super) const fn of(args: &BenchArgs) -> Self {
        Self {
            prompt_tokens: args.prompt_tokens,
            answer_tokens: args.answer_tokens,
            users: args.users,
        }
    }
}

/// Measures the model of `--model` or of the settings.
pub(super) async fn measure(
    settings: &Settings,
    args: &BenchArgs,
    output: Output,
) -> Result<Value, Failure> {
    let named = args
        .model
        .clone()
        .unwrap_or_else(|| settings.generator.model.path.clone());
    if named.is_empty() {
        return Err(Failure::new(
            FailureClass::Usage,
            "bench_no_model",
            "diga qué modelo se mide, con --model FICHERO o con la clave generator.model.path",
        ));
    }
    let mut options =
        crate::writing::load_options(&settings.generator.model, &settings.generator.engine)?;
    let load = Load::of(args);
    options.context_tokens = options
        .context_tokens
        .max(load.prompt_tokens + load.answer_tokens);
    let path = crate::writing::find(&named, &settings.storage.data_dir.join("models"))?;
    output.say(&format!("Cargando {named}…"));
    let bytes = bytes_of(&path);
    blocking(move || {
        let model = Model::open(&path, &options).map_err(invalid)?;
        report(model, load, bytes)
    })
    .await
}

/// Measures random weights of the shapes that hospitals run, on the first GPU, once it has shown on
/// small models that it computes what the processor computes.
pub(super) async fn measure_gpu(args: &BenchArgs, output: Output) -> Result<Value, Failure> {
    let load = Load::of(args);
    let parity = parity(output).await?;
    let mut reports = Vec::new();
    let shapes = match args.shape.as_deref() {
        None => vec![Shape::Salamandra7b, Shape::Alia40b],
        Some(name) => vec![name.parse::<Shape>().map_err(|error| {
            Failure::new(
                FailureClass::Usage,
                "bench_unknown_shape",
                error.to_string(),
            )
        })?],
    };
    for shape in shapes {
        output.say(&format!("Pesos al azar con la forma de {}…", shape.name()));
        let measured = blocking(move || {
            let window = load.prompt_tokens + load.answer_tokens;
            let model = Model::with_random_weights(shape, DeviceChoice::Cuda(0), window)
                .map_err(invalid)?;
            report(model, load, 0)
        })
        .await?;
        reports.push(measured);
    }
    Ok(json!({ "parity": parity, "speed": reports }))
}

async fn parity(output: Output) -> Result<Value, Failure> {
    output.say("Comparando la GPU con el procesador en modelos pequeños…");
    let reports = blocking(|| {
        let reports = generator::compare_with_cpu(DeviceChoice::Cuda(0)).map_err(|error| {
            let message = error.to_string();
            Failure::new(FailureClass::Failed, "bench_failed", message).caused_by(error)
        })?;
        Ok(json!(reports))
    })
    .await?;
    let all = reports.as_array().map_or(&[][..], Vec::as_slice);
    let wrong: Vec<String> = all
        .iter()
        .filter(|one| one["passes"] != true)
        .map(Value::to_string)
        .collect();
    if wrong.is_empty() {
        return Ok(reports);
    }
    let message = format!(
        "la GPU no calcula lo mismo que el procesador: {}",
        wrong.join(" ")
    );
    Err(Failure::new(
        FailureClass::Failed,
        "bench_gpu_differs",
        message,
    ))
}

fn report(model: Model, load: Load, file_bytes: u64) -> Result<Value, Failure> {
    let digest = model.digest().to_owned();
    let loaded = memory_mib(std::process::id());
    let measured: SpeedReport =
        generator::measure_speed(model, load.prompt_tokens, load.answer_tokens, load.users)
            .map_err(|error| {
                Failure::new(FailureClass::Failed, "bench_failed", error.to_string())
                    .caused_by(error)
            })?;
    let after = memory_mib(std::process::id());
    Ok(json!({
        "digest": digest,
        "file_mib": file_bytes >> 20,
        "resident_mib_loaded": loaded.map(|(resident, _)| resident),
        "resident_mib": after.map(|(resident, _)| resident),
        "peak_mib": after.map(|(_, peak)| peak),
        "speed": measured,
    }))
}

async fn blocking(
    work: impl FnOnce() -> Result<Value, Failure> + Send + 'static,
) -> Result<Value, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        Failure::new(FailureClass::Failed, "bench_failed", "la medida ha fallado").caused_by(error)
    })?
}

fn invalid(error: generator::LoadError) -> Failure {
    Failure::new(
        FailureClass::Configuration,
        "model_invalid",
        error.to_string(),
    )
    .caused_by(error)
}

/// Bytes of a file, or of the weights in a folder.
fn bytes_of(path: &Path) -> u64 {
    walkdir::WalkDir::new(path)
        .into_iter()
        .flatten()
        .filter(|entry| {
            let weights = ["gguf", "safetensors"];
            let extension = entry.path().extension().and_then(|name| name.to_str());
            extension.is_some_and(|extension| weights.contains(&extension))
        })
        .filter_map(|entry| entry.metadata().ok())
        .map(|file| file.len())
        .sum()
}
