//! Settings: the defaults compiled in, then each `--config` file, then the environment.
//!
//! Every key there is stands in `configs/default.toml`, so a key that is not there is a mistake,
//! told with the file that holds it and the nearest key that exists.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use crate::error::{Failure, FailureClass};

/// The defaults, as shipped.
pub(crate) const DEFAULTS: &str = include_str!("../../configs/default.toml");

/// Environment variables that set a key begin with this; `__` stands between section and key.
pub(crate) const ENVIRONMENT_PREFIX: &str = "SISTOLE__";

/// All settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Where things are kept.
    pub(crate) storage: StorageSettings,
    /// The catalogue.
    pub(crate) catalog: CatalogSettings,
    /// The HTTP server.
    pub(crate) server: ServerSettings,
    /// Reading documents.
    pub(crate) ingest: IngestSettings,
    /// The specialty's words.
    pub(crate) domain: DomainSettings,
    /// Finding passages.
    pub(crate) retriever: RetrieverSettings,
    /// Making answers.
    pub(crate) generator: GeneratorSettings,
    /// The log.
    pub(crate) log: LogSettings,
}

/// `[storage]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StorageSettings {
    /// The data directory.
    pub(crate) data_dir: PathBuf,
    /// Free bytes below which nothing is written.
    pub(crate) min_free_bytes: u64,
}

/// `[catalog]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CatalogSettings {
    /// Database; empty for SQLite in the data directory.
    pub(crate) url: String,
}

/// `[server]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerSettings {
    /// Address and port to listen on.
    pub(crate) bind: String,
    /// Open connections at once.
    pub(crate) max_connections: usize,
    /// Questions at once.
    pub(crate) max_in_flight: usize,
    /// How long one request may take.
    pub(crate) request_timeout_ms: u64,
    /// How long the head of a request may take to arrive.
    pub(crate) header_timeout_ms: u64,
    /// How long requests under way may take after the signal to stop.
    pub(crate) shutdown_grace_ms: u64,
    /// The largest body that is not an upload.
    pub(crate) max_body_bytes: usize,
}

/// `[ingest]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct IngestSettings {
    /// Files at once; 0 for one per processor.
    pub(crate) parallel_files: usize,
    /// A `tokenizer.json`; empty for an estimate from words.
    pub(crate) tokenizer: String,
    /// Collection of documents that name none.
    pub(crate) collection: String,
    /// Limits on what one file may hold.
    pub(crate) limits: ingest::ExtractLimits,
    /// Limits on the process that reads it.
    pub(crate) worker: ingest::WorkerLimits,
    /// Sizes of passages.
    pub(crate) chunk: ingest::ChunkConfig,
}

/// `[domain]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DomainSettings {
    /// A domain pack's file; empty for the one compiled in.
    pub(crate) pack: String,
}

/// `[retriever]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RetrieverSettings {
    /// Passages taken from the index for an answer.
    pub(crate) candidates: usize,
    /// The lexical index.
    pub(crate) index: retriever::IndexConfig,
}

/// `[generator]`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GeneratorSettings {
    /// The answer made of quotations.
    #[serde(flatten)]
    pub(crate) extractive: generator::ExtractiveConfig,
    /// The model that answers in its own words.
    pub(crate) model: ModelSettings,
    /// The thread that runs it.
    pub(crate) engine: generator::EngineConfig,
    /// A model on another machine.
    pub(crate) remote: generator::RemoteConfig,
    /// What its answers may take.
    pub(crate) writer: generator::WriterConfig,
    /// The gates its sentences pass.
    pub(crate) grounding: generator::GroundingConfig,
}

impl GeneratorSettings {
    /// Whether a model is to answer, on this machine or on another.
    pub(crate) fn names_a_model(&self) -> bool {
        !self.model.path.is_empty() || !self.remote.url.is_empty()
    }
}

/// `[generator.model]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModelSettings {
    /// A name of `models list`, a folder or a `.gguf` file; empty for none.
    pub(crate) path: String,
    /// `auto`, `cpu`, `cuda` or `cuda:N`.
    pub(crate) device: String,
    /// A folder with a LoRA adapter; empty for none.
    pub(crate) adapter: String,
    /// `q8_0`, `q6_k` or `q4_k`; empty for the weights as published.
    pub(crate) quantize: String,
    /// Window in tokens; 0 for the model's own.
    pub(crate) context_tokens: usize,
    /// The most memory that weights, cache and workspace may take; 0 for what is free.
    pub(crate) memory_limit_bytes: u64,
    /// Whether the server refuses to start without it.
    pub(crate) required: bool,
}

/// `[log]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSettings {
    /// Least severe level written.
    pub(crate) level: String,
    /// `text` or `json`.
    pub(crate) format: String,
}

impl Settings {
    /// Reads the defaults, then `files` in order, then `environment`.
    ///
    /// # Errors
    /// A [`FailureClass::Configuration`] failure that names the key, where it stands and, for a
    /// key that does not exist, the nearest that does.
    pub(crate) fn load(
        files: &[PathBuf],
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Failure> {
        let defaults: Table = DEFAULTS.parse().map_err(|error: toml::de::Error| {
            configuration(
                "defaults_invalid",
                "la configuración incluida no se puede leer",
            )
            .caused_by(error)
        })?;
        let mut merged = defaults.clone();
        for file in files {
            let overlay = read_table(file)?;
            let origin = format!("el fichero {}", file.display());
            overlay_table(&mut merged, &overlay, &defaults, &origin, "")?;
        }
        for (name, text) in environment {
            if let Some(key) = name.strip_prefix(ENVIRONMENT_PREFIX) {
                let path: Vec<String> = key.split("__").map(str::to_lowercase).collect();
                set_from_environment(&mut merged, &defaults, &path, &name, &text)?;
            }
        }
        let settings = Self::deserialize(Value::Table(merged)).map_err(|error| {
            configuration(
                "setting_invalid",
                format!("la configuración no es válida: {}", error.message()),
            )
        })?;
        settings.check_ranges()?;
        Ok(settings)
    }

    /// Values of the right kind that no installation can mean.
    fn check_ranges(&self) -> Result<(), Failure> {
        let index = &self.retriever.index;
        let share = |value: f32| (0.0..=1.0).contains(&value);
        let checks = [
            (
                "server.max_in_flight",
                (1..=100_000).contains(&self.server.max_in_flight),
                "de 1 a 100000",
            ),
            (
                "server.max_connections",
                (1..=100_000).contains(&self.server.max_connections),
                "de 1 a 100000",
            ),
            (
                "retriever.candidates",
                (1..=1_000).contains(&self.retriever.candidates),
                "de 1 a 1000",
            ),
            (
                "retriever.index.k1",
                index.k1 > 0.0 && index.k1.is_finite(),
                "mayor que 0",
            ),
            ("retriever.index.b", share(index.b), "de 0 a 1"),
            (
                "retriever.index.avg_len",
                index.avg_len >= 1.0 && index.avg_len.is_finite(),
                "1 o más",
            ),
            (
                "generator.min_coverage",
                share(self.generator.extractive.min_coverage),
                "de 0 a 1",
            ),
            (
                "generator.max_sentences",
                self.generator.extractive.max_sentences >= 1,
                "1 o más",
            ),
            (
                "generator.writer.max_passages",
                (1..=99).contains(&self.generator.writer.max_passages),
                "de 1 a 99",
            ),
            (
                "generator.writer.prompt_tokens",
                self.generator.writer.prompt_tokens >= 256,
                "256 o más",
            ),
            (
                "generator.writer.answer_tokens",
                self.generator.writer.answer_tokens >= 16,
                "16 o más",
            ),
            (
                "generator.writer.temperature",
                (0.0..=2.0).contains(&self.generator.writer.temperature),
                "de 0 a 2",
            ),
            (
                "generator.grounding.min_support",
                share(self.generator.grounding.min_support),
                "de 0 a 1",
            ),
            (
                "generator.grounding.min_likeness",
                share(self.generator.grounding.min_likeness),
                "de 0 a 1",
            ),
            (
                "generator.model.path y generator.remote.url",
                self.generator.model.path.is_empty() || self.generator.remote.url.is_empty(),
                "solo una de las dos: un modelo en esta máquina o uno en otra",
            ),
            (
                "log.level",
                ["error", "warn", "info", "debug", "trace"].contains(&self.log.level.as_str()),
                "error, warn, info, debug o trace",
            ),
            (
                "log.format",
                ["text", "json"].contains(&self.log.format.as_str()),
                "text o json",
            ),
        ];
        match checks.iter().find(|(_, right, _)| !right) {
            None => Ok(()),
            Some((key, _, range)) => {
                let message = format!("la clave {key} debe ser {range}");
                Err(configuration("setting_out_of_range", message))
            }
        }
    }
}

fn configuration(code: &'static str, message: impl Into<String>) -> Failure {
    Failure::new(FailureClass::Configuration, code, message)
}

fn read_table(file: &Path) -> Result<Table, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        configuration(
            "config_unreadable",
            format!("no se puede leer el fichero de configuración {shown}"),
        )
        .caused_by(error)
    })?;
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| {
            text[..span.start.min(text.len())].matches('\n').count() + 1
        });
        configuration(
            "config_not_toml",
            format!(
                "el fichero de configuración {shown} no es TOML válido en la línea {line}: {}",
                error.message()
            ),
        )
    })
}

/// Lays `overlay` over `merged`; both must have the keys and kinds of `defaults`.
fn overlay_table(
    merged: &mut Table,
    overlay: &Table,
    defaults: &Table,
    origin: &str,
    prefix: &str,
) -> Result<(), Failure> {
    for (key, value) in overlay {
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        let Some(default) = defaults.get(key) else {
            return Err(unknown_key(&path, origin));
        };
        match (default, value, merged.get_mut(key)) {
            (Value::Table(default), Value::Table(value), Some(Value::Table(merged))) => {
                overlay_table(merged, value, default, origin, &path)?;
            }
            (Value::Float(_), Value::Integer(whole), Some(slot)) => {
                #[expect(clippy::cast_precision_loss, reason = "settings are small numbers")]
                let float = *whole as f64;
                *slot = Value::Float(float);
            }
            (default, value, Some(slot)) if default.same_type(value) => *slot = value.clone(),
            (default, value, _) => {
                return Err(configuration(
                    "setting_wrong_type",
                    format!(
                        "la clave {path} en {origin} debe ser {}, y es {}",
                        kind(default),
                        kind(value)
                    ),
                ));
            }
        }
    }
    Ok(())
}

fn set_from_environment(
    merged: &mut Table,
    defaults: &Table,
    path: &[String],
    name: &str,
    text: &str,
) -> Result<(), Failure> {
    let origin = format!("la variable de entorno {name}");
    let shown = path.join(".");
    let mut default = Some(&Value::Table(defaults.clone())).cloned();
    for key in path {
        default = match default {
            Some(Value::Table(table)) => table.get(key).cloned(),
            _ => None,
        };
    }
    let Some(default) = default else {
        return Err(unknown_key(&shown, &origin));
    };
    let wrong = || {
        configuration(
            "setting_wrong_type",
            format!("la clave {shown} en {origin} debe ser {}", kind(&default)),
        )
    };
    let value = match &default {
        Value::String(_) => Value::String(text.to_owned()),
        Value::Integer(_) => Value::Integer(text.replace('_', "").parse().map_err(|_| wrong())?),
        Value::Float(_) => Value::Float(text.parse().map_err(|_| wrong())?),
        Value::Boolean(_) => Value::Boolean(text.parse().map_err(|_| wrong())?),
        Value::Array(_) => Value::Array(
            text.split(',')
                .map(|item| Value::String(item.trim().to_owned()))
                .collect(),
        ),
        Value::Table(_) | Value::Datetime(_) => return Err(wrong()),
    };
    let mut overlay = value;
    for key in path.iter().rev() {
        overlay = Value::Table(Table::from_iter([(key.clone(), overlay)]));
    }
    match overlay {
        Value::Table(overlay) => overlay_table(merged, &overlay, defaults, &origin, ""),
        _ => Err(unknown_key(&shown, &origin)),
    }
}

fn unknown_key(path: &str, origin: &str) -> Failure {
    let hint =
        nearest_key(path).map_or_else(String::new, |nearest| format!("; ¿quería decir {nearest}?"));
    configuration(
        "unknown_key",
        format!("la clave {path} en {origin} no existe{hint}"),
    )
}

/// The existing key whose path, or whose last part, is most like `path`.
fn nearest_key(path: &str) -> Option<String> {
    let defaults: Table = DEFAULTS.parse().ok()?;
    let mut keys = Vec::new();
    list_keys(&defaults, "", &mut keys);
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |key: &String| {
        strsim::jaro_winkler(key, path).max(0.95 * strsim::jaro_winkler(&last(key), &last(path)))
    };
    keys.into_iter()
        .map(|key| (likeness(&key), key))
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, key)| key)
}

fn list_keys(table: &Table, prefix: &str, keys: &mut Vec<String>) {
    for (key, value) in table {
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        if let Value::Table(inner) = value {
            list_keys(inner, &path, keys);
        }
        keys.push(path);
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "un texto",
        Value::Integer(_) => "un número entero",
        Value::Float(_) => "un número",
        Value::Boolean(_) => "true o false",
        Value::Datetime(_) => "una fecha",
        Value::Array(_) => "una lista",
        Value::Table(_) => "una sección",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, environment: &[(&str, &str)]) -> Result<Settings, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hospital.toml");
        std::fs::write(&path, file).unwrap();
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Settings::load(&[path], environment)
    }

    fn refused(file: &str, environment: &[(&str, &str)]) -> String {
        let failure = load(file, environment).expect_err("it was taken");
        assert_eq!(failure.class(), FailureClass::Configuration);
        failure.to_string()
    }

    #[test]
    fn the_defaults_are_complete_and_listen_on_loopback_only() {
        let settings = Settings::load(&[], []).unwrap();
        assert!(settings.server.bind.starts_with("127.0.0.1:"));
    }

    #[test]
    fn every_key_of_the_crates_below_stands_in_the_defaults_with_the_value_they_were_tuned_to() {
        let defaults: Table = DEFAULTS.parse().unwrap();
        let same = |section: &str, own: Value| {
            let mut value = Value::Table(defaults.clone());
            for key in section.split('.') {
                value = value.get(key).unwrap().clone();
            }
            let own: Table = own.try_into().unwrap();
            assert_eq!(value.as_table().unwrap().len(), own.len(), "{section}");
            for (key, default) in &own {
                let (written, default) = (value[key].to_string(), default.to_string());
                // An f32 shows more digits as f64 than were ever meant.
                let close =
                    |one: &str, other: &str| match (one.parse::<f64>(), other.parse::<f64>()) {
                        (Ok(one), Ok(other)) => (one - other).abs() < 1e-6,
                        _ => one == other,
                    };
                assert!(
                    close(&written, &default),
                    "{section}.{key} is {written}, tuned to {default}"
                );
            }
        };
        same(
            "ingest.limits",
            Value::try_from(ingest::ExtractLimits::default()).unwrap(),
        );
        same(
            "ingest.worker",
            Value::try_from(ingest::WorkerLimits::default()).unwrap(),
        );
        same(
            "retriever.index",
            Value::try_from(retriever::IndexConfig::default()).unwrap(),
        );
        let settings = Settings::load(&[], []).unwrap();
        assert_eq!(
            settings.generator.extractive,
            generator::ExtractiveConfig::default()
        );
        for (section, own) in [
            (
                "generator.engine",
                Value::try_from(generator::EngineConfig::default()).unwrap(),
            ),
            (
                "generator.remote",
                Value::try_from(generator::RemoteConfig::default()).unwrap(),
            ),
            (
                "generator.writer",
                Value::try_from(generator::WriterConfig::default()).unwrap(),
            ),
            (
                "generator.grounding",
                Value::try_from(generator::GroundingConfig::default()).unwrap(),
            ),
        ] {
            same(section, own);
        }
        assert_eq!(
            format!("{:?}", settings.ingest.chunk),
            format!("{:?}", ingest::ChunkConfig::default())
        );
    }

    #[test]
    fn a_later_layer_overlays_an_earlier_one_key_by_key() {
        let file = "[server]\nbind = \"127.0.0.1:9000\"\nmax_in_flight = 3\n";
        let settings = load(
            file,
            &[("SISTOLE__SERVER__MAX_IN_FLIGHT", "5"), ("HOME", "x")],
        )
        .unwrap();
        assert_eq!(settings.server.bind, "127.0.0.1:9000");
        assert_eq!(settings.server.max_in_flight, 5);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_file_and_the_nearest_key() {
        let message = refused("[server]\nbid = \"127.0.0.1:1\"\n", &[]);
        assert!(message.contains("server.bid"), "{message}");
        assert!(message.contains("hospital.toml"), "{message}");
        assert!(message.contains("¿quería decir server.bind?"), "{message}");
    }

    #[test]
    fn an_unknown_variable_of_the_environment_is_named() {
        let message = refused("", &[("SISTOLE__STORAGE__DATADIR", "x")]);
        assert!(message.contains("SISTOLE__STORAGE__DATADIR"), "{message}");
        assert!(message.contains("storage.data_dir"), "{message}");
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_told_with_the_kind_it_must_have() {
        let message = refused("[server]\nmax_in_flight = \"muchas\"\n", &[]);
        assert!(
            message.contains("server.max_in_flight") && message.contains("un número entero"),
            "{message}"
        );
        let message = refused("", &[("SISTOLE__SERVER__MAX_IN_FLIGHT", "muchas")]);
        assert!(message.contains("un número entero"), "{message}");
    }

    #[test]
    fn a_value_out_of_its_range_is_told_with_the_range() {
        let message = refused("[generator]\nmin_coverage = -5.0\n", &[]);
        assert!(
            message.contains("generator.min_coverage") && message.contains("de 0 a 1"),
            "{message}"
        );
        let message = refused("", &[("SISTOLE__LOG__LEVEL", "mucho")]);
        assert!(message.contains("log.level"), "{message}");
    }

    #[test]
    fn a_file_that_is_not_toml_is_told_with_the_line() {
        let message = refused("[server]\nbind = \n", &[]);
        assert!(message.contains("línea 2"), "{message}");
    }
}
