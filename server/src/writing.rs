//! Makes ready what answers in its own words: a model on this machine, or one on another.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use domain::Analyzer;
use generator::{
    DeviceChoice, LoadOptions, MemoryPlan, Model, Packing, Remote, Writer, WriterParts,
};

use crate::error::{Failure, FailureClass};
use crate::output::Output;
use crate::settings::{GeneratorSettings, ModelSettings};

/// Questions that the cache of keys and values holds whole where the settings do not say: those
/// beyond wait for each other, and what begins alike is found again.
const CACHED_QUESTIONS: usize = 4;

/// Opens what the settings name; `None` where they name nothing.
///
/// Blocks for as long as a model takes to load.
///
/// # Errors
/// The model or the settings are at fault; the message says which file or key.
pub(crate) fn open(
    settings: &GeneratorSettings,
    models: PathBuf,
    analyzer: &Arc<Analyzer>,
    output: Output,
) -> Result<Option<Writer>, Failure> {
    let parts = WriterParts {
        analyzer: Arc::clone(analyzer),
        extractive: settings.extractive.clone(),
        grounding: settings.grounding.clone(),
        config: settings.writer.clone(),
    };
    if !settings.remote.url.is_empty() {
        let remote = Remote::new(&settings.remote)
            .map_err(|error| configuration(error.code(), error.to_string()).caused_by(error))?;
        return Ok(Some(Writer::remote(remote, parts)));
    }
    if settings.model.path.is_empty() {
        return Ok(None);
    }
    let path = find(&settings.model.path, &models)?;
    output.say(&format!("Cargando el modelo {}…", settings.model.path));
    let mut options = load_options(&settings.model, &settings.engine)?;
    if options.cache_tokens == 0 {
        let one = settings.writer.prompt_tokens + settings.writer.answer_tokens;
        options.cache_tokens = one.saturating_mul(CACHED_QUESTIONS);
    }
    let model = Model::open(&path, &options)
        .map_err(|error| configuration("model_invalid", error.to_string()).caused_by(error))?;
    output.say(&format!("Modelo cargado: {}", planned(model.plan())));
    let writer = Writer::local(model, settings.engine.clone(), parts)
        .map_err(|error| configuration("engine_failed", error.to_string()).caused_by(error))?;
    Ok(Some(writer))
}

/// How the settings want a model loaded.
///
/// # Errors
/// A setting has a value that means nothing.
pub(crate) fn load_options(
    settings: &ModelSettings,
    engine: &generator::EngineConfig,
) -> Result<LoadOptions, Failure> {
    Ok(LoadOptions {
        device: device(&settings.device)?,
        adapter: (!settings.adapter.is_empty()).then(|| PathBuf::from(&settings.adapter)),
        context_tokens: settings.context_tokens,
        cache_tokens: engine.cache_tokens,
        step_tokens: engine.prefill_tokens_per_step,
        memory_limit: (settings.memory_limit_bytes > 0).then_some(settings.memory_limit_bytes),
        quantize: packing(&settings.quantize)?,
    })
}

/// A model's folder or file, by the name it has in the data directory or by its path.
///
/// # Errors
/// There is nothing there.
pub(crate) fn find(name: &str, models: &Path) -> Result<PathBuf, Failure> {
    let plain = !name.contains(['/', '\\']) && name != "." && name != "..";
    let candidates = [plain.then(|| models.join(name)), Some(PathBuf::from(name))];
    candidates
        .into_iter()
        .flatten()
        .find(|path| path.exists())
        .ok_or_else(|| {
            let message = format!(
                "no se encuentra el modelo «{name}» (clave generator.model.path): no está en la lista de «sistole models list» ni es una carpeta o un fichero .gguf"
            );
            configuration("model_not_found", message)
        })
}

fn packing(name: &str) -> Result<Option<Packing>, Failure> {
    match name {
        "" => Ok(None),
        "q8_0" => Ok(Some(Packing::Q8_0)),
        "q6_k" => Ok(Some(Packing::Q6K)),
        "q4_k" => Ok(Some(Packing::Q4K)),
        _ => Err(configuration(
            "setting_out_of_range",
            "la clave generator.model.quantize debe ser q8_0, q6_k o q4_k, o quedar vacía",
        )),
    }
}

/// What a loaded model takes, in words.
pub(crate) fn planned(plan: &MemoryPlan) -> String {
    let mib = |bytes: u64| bytes >> 20;
    format!(
        "pesos {} MiB, caché {} MiB, trabajo {} MiB; había {} MiB libres",
        mib(plan.weights),
        mib(plan.cache),
        mib(plan.workspace),
        mib(plan.available)
    )
}

fn device(name: &str) -> Result<DeviceChoice, Failure> {
    match name.split_once(':') {
        None if name == "auto" => Ok(DeviceChoice::Auto),
        None if name == "cpu" => Ok(DeviceChoice::Cpu),
        None if name == "cuda" => Ok(DeviceChoice::Cuda(0)),
        Some(("cuda", number)) if number.parse::<usize>().is_ok() => {
            Ok(DeviceChoice::Cuda(number.parse().unwrap_or_default()))
        }
        _ => Err(configuration(
            "setting_out_of_range",
            "la clave generator.model.device debe ser auto, cpu, cuda o cuda:N",
        )),
    }
}

fn configuration(code: &'static str, message: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Configuration, code, message)
}
