//! `sistole models`: the models of this machine.

use std::path::Path;
use std::process::ExitCode;

use generator::{
    Brought, ImportRequest, ManifestError, ModelStore, Preset, PullRequest, StoreError,
    StoreProgress, StoredModel, presets,
};
use indicatif::ProgressBar;
use serde::Serialize;

use crate::cli::{ImportArgs, ModelsCommand, PullArgs};
use crate::error::{Failure, FailureClass};
use crate::output::Output;
use crate::settings::Settings;

/// A model, as the contract shows it.
#[derive(Serialize)]
struct ModelJson {
    name: String,
    source: String,
    revision: Option<String>,
    license: Option<String>,
    files: usize,
    bytes: u64,
    sha256: String,
    created: String,
    verified: Option<String>,
}

/// What is known of a preset.
#[derive(Serialize)]
struct PresetJson {
    name: &'static str,
    repository: &'static str,
    license: &'static str,
    weight_bytes: u64,
    device: &'static str,
    memory_gib: u32,
    context_tokens: u32,
    present: bool,
}

/// A model that is not as it should be.
#[derive(Serialize)]
struct FaultJson {
    name: String,
    ok: bool,
    code: &'static str,
    message: String,
    file: Option<String>,
    expected: Option<String>,
    found: Option<String>,
}

/// One line of a list.
#[derive(Serialize)]
#[serde(untagged)]
enum Listed {
    Model(ModelJson),
    Fault(FaultJson),
}

#[derive(Serialize)]
struct ListJson {
    models: Vec<Listed>,
    presets: Vec<PresetJson>,
}

#[derive(Serialize)]
struct VerifiedJson {
    models: Vec<Listed>,
}

#[derive(Serialize)]
struct BroughtJson {
    model: ModelJson,
    unchanged: bool,
    notes: Vec<String>,
}

pub(super) async fn run(
    settings: &Settings,
    command: ModelsCommand,
    output: Output,
) -> Result<ExitCode, Failure> {
    let folder = settings.storage.data_dir.join("models");
    let store = ModelStore::new(&folder, settings.storage.min_free_bytes);
    // Files and the network are read the blocking way.
    let done = tokio::task::spawn_blocking(move || match command {
        ModelsCommand::List => list(&store, output),
        ModelsCommand::Pull(args) => pull(&store, &folder, args, output),
        ModelsCommand::Import(args) => import(&store, &folder, args, output),
        ModelsCommand::Verify(args) => verify(&store, args.name, output),
    });
    match done.await {
        Ok(done) => done,
        Err(error) => Err(Failure::new(
            FailureClass::Failed,
            "interrupted",
            "la orden se interrumpió por un fallo del programa",
        )
        .caused_by(error)),
    }
}

fn list(store: &ModelStore, output: Output) -> Result<ExitCode, Failure> {
    let models: Vec<Listed> = store
        .list()
        .map_err(store_failure)?
        .into_iter()
        .map(|listed| match listed.model {
            Ok(model) => Listed::Model(ModelJson::from(model)),
            Err(error) => Listed::Fault(FaultJson::new(listed.name, &error)),
        })
        .collect();
    let present = |preset: &Preset| models.iter().any(|model| model.name() == preset.name);
    let presets = presets()
        .iter()
        .map(|preset| PresetJson {
            name: &preset.name,
            repository: &preset.repository,
            license: &preset.license,
            weight_bytes: preset.expected.weight_bytes,
            device: &preset.recommended.device,
            memory_gib: preset.recommended.memory_gib,
            context_tokens: preset.recommended.context_tokens,
            present: present(preset),
        })
        .collect();
    let listed = ListJson { models, presets };
    output.result(&listed, || {
        let mut lines: Vec<String> = listed.models.iter().map(Listed::line).collect();
        if lines.is_empty() {
            lines.push("No hay modelos: las respuestas son citas literales.".to_owned());
        }
        let known = listed.presets.iter().filter(|preset| !preset.present);
        lines.extend(known.map(|preset| {
            format!(
                "(sin descargar) {}  {}  {}  para {} con {} GiB: «sistole models pull {}»",
                preset.name,
                size(preset.weight_bytes),
                preset.license,
                if preset.device == "cuda" {
                    "GPU"
                } else {
                    "procesador"
                },
                preset.memory_gib,
                preset.name
            )
        }));
        lines.join("\n")
    });
    Ok(ExitCode::SUCCESS)
}

fn pull(
    store: &ModelStore,
    folder: &Path,
    args: PullArgs,
    output: Output,
) -> Result<ExitCode, Failure> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let request = PullRequest {
        source: args.source,
        name: args.name,
        file: args.file,
        endpoint: variable("HF_ENDPOINT"),
        token: variable("HF_TOKEN"),
        offline: variable("HF_HUB_OFFLINE").is_some_and(|value| {
            ["1", "true", "yes", "on"].contains(&value.to_lowercase().as_str())
        }),
    };
    let plan = store.plan_pull(&request).map_err(store_failure)?;
    if plan.present.is_none() {
        output.say(&format!(
            "{} ({}): {} ficheros, {}",
            plan.repository,
            plan.revision,
            plan.files.len(),
            size(plan.bytes)
        ));
        output.say(&match plan.license.as_str() {
            "" => "El repositorio no declara licencia: compruébela antes de usar el modelo."
                .to_owned(),
            license => format!("Licencia: {license}. Al descargar el modelo, la acepta."),
        });
    }
    let bar = output.byte_bar();
    let brought = store.pull(plan, &mut |step| advance(&bar, step));
    bar.finish_and_clear();
    tell(folder, brought.map_err(store_failure)?, output)
}

fn import(
    store: &ModelStore,
    folder: &Path,
    args: ImportArgs,
    output: Output,
) -> Result<ExitCode, Failure> {
    let request = ImportRequest {
        from: args.from,
        name: args.name,
        file: args.file,
    };
    let bar = output.byte_bar();
    let brought = store.import(&request, &mut |step| advance(&bar, step));
    bar.finish_and_clear();
    tell(folder, brought.map_err(store_failure)?, output)
}

fn tell(folder: &Path, brought: Brought, output: Output) -> Result<ExitCode, Failure> {
    for note in &brought.notes {
        output.say(note);
    }
    let name = &brought.model.name;
    let setting = if brought
        .model
        .manifest
        .files
        .contains_key("adapter_config.json")
    {
        format!("adapter = \"{}\"", folder.join(name).display())
    } else {
        format!("path = \"{name}\"")
    };
    let brought = BroughtJson {
        model: ModelJson::from(brought.model),
        unchanged: brought.unchanged,
        notes: brought.notes,
    };
    output.result(&brought, || {
        let line = brought.model.line();
        if brought.unchanged {
            format!("Ya estaba: {line}")
        } else {
            format!("Guardado: {line}\nPara usarlo: {setting} en [generator.model]")
        }
    });
    Ok(ExitCode::SUCCESS)
}

fn verify(store: &ModelStore, name: Option<String>, output: Output) -> Result<ExitCode, Failure> {
    let names = match name {
        // A name that is not there is told as that, not as a fault of a model.
        Some(name) => vec![name],
        None => store
            .list()
            .map_err(store_failure)?
            .into_iter()
            .map(|listed| listed.name)
            .collect(),
    };
    let mut models = Vec::new();
    let bar = output.byte_bar();
    for name in names {
        match store.verify(&name, &mut |step| advance(&bar, step)) {
            Ok(model) => models.push(Listed::Model(ModelJson::from(model))),
            Err(error @ StoreError::Manifest { .. }) => {
                bar.suspend(|| output.say(&error.to_string()));
                models.push(Listed::Fault(FaultJson::new(name, &error)));
            }
            Err(error) => return Err(store_failure(error)),
        }
    }
    bar.finish_and_clear();
    let sound = models.iter().all(|model| matches!(model, Listed::Model(_)));
    let verified = VerifiedJson { models };
    output.result(&verified, || {
        if verified.models.is_empty() {
            return "No hay modelos que comprobar.".to_owned();
        }
        let lines: Vec<String> = verified.models.iter().map(Listed::line).collect();
        lines.join("\n")
    });
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FailureClass::Configuration.code())
    })
}

fn advance(bar: &ProgressBar, step: StoreProgress<'_>) {
    if bar.length() != Some(step.total) {
        bar.set_length(step.total);
    }
    if bar.message() != step.file {
        bar.set_message(step.file.to_owned());
    }
    bar.set_position(step.done);
}

/// Bytes in a unit that reads well.
fn size(bytes: u64) -> String {
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    if mebibytes < 1024.0 {
        format!("{mebibytes:.0} MiB")
    } else {
        format!("{:.1} GiB", mebibytes / 1024.0)
    }
}

/// The folder of models failed.
fn store_failure(error: StoreError) -> Failure {
    let class = match error {
        StoreError::Busy | StoreError::Unreachable { .. } => FailureClass::TryAgain,
        StoreError::NameInvalid { .. } | StoreError::SourceInvalid { .. } => FailureClass::Usage,
        StoreError::NotAModel { .. }
        | StoreError::Pickle { .. }
        | StoreError::LinkOutside { .. }
        | StoreError::FileName { .. }
        | StoreError::Damaged { .. }
        | StoreError::Manifest { .. }
        | StoreError::Mismatch { .. }
        | StoreError::NotAllowed { .. }
        | StoreError::Nonsense { .. }
        | StoreError::Address { .. } => FailureClass::Configuration,
        _ => FailureClass::Failed,
    };
    Failure::new(class, error.code(), error.to_string()).caused_by(error)
}

impl From<StoredModel> for ModelJson {
    fn from(model: StoredModel) -> Self {
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            files: model.manifest.files.len(),
            bytes: model.manifest.bytes(),
            sha256: model.manifest.digest(),
            created: model.manifest.created.to_string(),
            verified: model.verified.map(|at| at.to_string()),
            name: model.name,
            source: model.manifest.source,
            revision: some(model.manifest.revision),
            license: some(model.manifest.license),
        }
    }
}

impl ModelJson {
    fn line(&self) -> String {
        let verified = self.verified.as_ref().map_or_else(
            || "sin comprobar".to_owned(),
            |at| format!("comprobado {at}"),
        );
        let revision = self
            .revision
            .as_ref()
            .map_or_else(String::new, |revision| format!("@{revision}"));
        format!(
            "{}  {}  {}{revision}  {verified}",
            self.name,
            size(self.bytes),
            self.source
        )
    }
}

impl FaultJson {
    fn new(name: String, error: &StoreError) -> Self {
        let fault = match error {
            StoreError::Manifest { source, .. } => ManifestError::fault(source),
            _ => None,
        };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Self {
            name,
            ok: false,
            code: error.code(),
            message: error.to_string(),
            file: fault.map(|(file, _, _)| file.to_owned()),
            expected: owned(fault.and_then(|(_, expected, _)| expected)),
            found: owned(fault.and_then(|(_, _, found)| found)),
        }
    }
}

impl Listed {
    fn name(&self) -> &str {
        match self {
            Self::Model(model) => &model.name,
            Self::Fault(fault) => &fault.name,
        }
    }

    fn line(&self) -> String {
        match self {
            Self::Model(model) => model.line(),
            Self::Fault(fault) => format!("MAL  {}", fault.message),
        }
    }
}
