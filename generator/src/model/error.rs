//! Why a model cannot be used. Every sentence is for the person who runs the server.

use std::io;

use super::gguf::GgufError;
use super::plan::{MemoryPlan, human};
use super::template::TemplateError;
use super::tokenizer::TokenizerError;
use crate::store::ManifestError;

/// Why a model cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Nothing at the path.
    #[error(
        "no existe el modelo «{name}»: compruebe la ruta o descárguelo con «sistole models pull»"
    )]
    NotFound {
        /// Last part of the path.
        name: String,
    },
    /// A folder with neither `config.json` nor one `.gguf` file.
    #[error(
        "la carpeta «{name}» no contiene un modelo: falta config.json con sus pesos safetensors, o un archivo .gguf"
    )]
    NotAModel {
        /// Last part of the path.
        name: String,
    },
    /// More than one GGUF file where one is meant.
    #[error("la carpeta «{name}» contiene varios archivos .gguf: indique la ruta de uno de ellos")]
    Several {
        /// Last part of the path.
        name: String,
    },
    /// A file that cannot be opened or read.
    #[error("no se puede leer «{file}»: compruebe que existe y sus permisos")]
    Read {
        /// File name.
        file: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file that should be JSON.
    #[error("«{file}» no es un JSON válido: vuelva a descargar el modelo")]
    Json {
        /// File name.
        file: String,
        /// Where it breaks.
        #[source]
        source: serde_json::Error,
    },
    /// A value without which the model cannot be computed.
    #[error("a «{file}» le falta «{key}»: el modelo está incompleto y no se supone ningún valor")]
    MissingKey {
        /// File name.
        file: String,
        /// Key.
        key: String,
    },
    /// A value that cannot be right.
    #[error("«{key}» de «{file}» no es válido ({reason}): vuelva a descargar el modelo")]
    InvalidKey {
        /// File name.
        file: String,
        /// Key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An architecture that is not computed.
    #[error("la arquitectura «{found}» no se admite: use un modelo Llama o Qwen2")]
    Architecture {
        /// As the file names it.
        found: String,
    },
    /// Something about the model that is not computed, though its architecture is.
    #[error("el modelo usa {feature}, que no se admite: use otra versión del modelo")]
    Unsupported {
        /// What it uses.
        feature: String,
    },
    /// A file of weights that the index names and the folder lacks.
    #[error("falta el archivo de pesos «{file}»: vuelva a descargar el modelo")]
    ShardMissing {
        /// File name.
        file: String,
    },
    /// A file of weights that ends early or has bytes too many.
    #[error(
        "el archivo de pesos «{file}» está incompleto ({found} bytes de {expected}): vuelva a descargarlo"
    )]
    ShardTruncated {
        /// File name.
        file: String,
        /// Bytes its header announces.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// A file of weights whose header breaks the format.
    #[error("el archivo de pesos «{file}» está dañado: vuelva a descargarlo")]
    ShardInvalid {
        /// File name.
        file: String,
        /// What breaks.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A tensor that the architecture needs.
    #[error("al modelo le falta el tensor «{name}»: vuelva a descargar el modelo")]
    TensorMissing {
        /// Name in the file.
        name: String,
    },
    /// A tensor of another shape than the configuration says.
    #[error(
        "el tensor «{name}» mide {found:?} y debería medir {expected:?}: los pesos no son de esta configuración"
    )]
    TensorShape {
        /// Name in the file.
        name: String,
        /// From the configuration.
        expected: Vec<usize>,
        /// In the file.
        found: Vec<usize>,
    },
    /// A type of numbers that is not read.
    #[error("el tensor «{name}» es de tipo {found}, que no se admite: use uno de {supported}")]
    TensorType {
        /// Name in the file.
        name: String,
        /// As the format names it.
        found: String,
        /// Those that are read.
        supported: &'static str,
    },
    /// A GGUF file that breaks the format.
    #[error("el archivo «{file}» no se puede usar: {source}")]
    Gguf {
        /// File name.
        file: String,
        /// What breaks.
        #[source]
        source: GgufError,
    },
    /// A LoRA adapter that cannot be merged.
    #[error("el adaptador LoRA no se puede usar: {reason}")]
    Adapter {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// The manifest, or a file that is not what it says.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The chat template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The `tokenizer.json` beside a GGUF file numbers words otherwise than the file.
    #[error("tokenizer.json no corresponde a este GGUF: use el del mismo modelo, o quítelo")]
    TokenizerDiffers,
    /// Neither the files nor the vocabulary say how a conversation is written.
    #[error(
        "el modelo no trae plantilla de conversación: use la versión «instruct» o añada chat_template.jinja"
    )]
    NoTemplate,
    /// No token ends a turn: the model would never stop.
    #[error(
        "el modelo no dice qué símbolo termina su respuesta (eos_token_id): complete generation_config.json"
    )]
    NoStop,
    /// A window larger than the model was trained for.
    #[error(
        "se ha pedido una ventana de {wanted} símbolos y el modelo llega a {most}: reduzca context_tokens"
    )]
    Window {
        /// Asked for, in tokens.
        wanted: usize,
        /// The model's, in tokens.
        most: usize,
    },
    /// It does not fit.
    #[error("el modelo no cabe en la memoria: necesita {} ({} de pesos, {} de caché y {} de trabajo) y hay {} libres", human(plan.total()), human(plan.weights), human(plan.cache), human(plan.workspace), human(plan.available))]
    Memory {
        /// The figures.
        plan: MemoryPlan,
    },
    /// The device asked for is not there.
    #[error("no se puede usar el dispositivo {device}: compruebe el controlador o elija cpu")]
    Device {
        /// As asked for.
        device: String,
        /// What the driver says.
        #[source]
        source: candle_core::Error,
    },
    /// A shape that the GPU's kernels do not serve.
    #[error("la GPU no puede calcular este modelo ({reason}): elija cpu")]
    NotOnGpu {
        /// What of the model, and what is served.
        reason: String,
    },
    /// The arithmetic library refused; no file should be able to bring this about.
    #[error("no se han podido preparar los pesos del modelo")]
    Compute(#[from] candle_core::Error),
}

impl LoadError {
    pub(super) fn missing_key(file: &str, key: &str) -> Self {
        Self::MissingKey {
            file: file.to_owned(),
            key: key.to_owned(),
        }
    }

    pub(super) fn invalid_key(file: &str, key: &str, reason: impl Into<String>) -> Self {
        Self::InvalidKey {
            file: file.to_owned(),
            key: key.to_owned(),
            reason: reason.into(),
        }
    }

    pub(super) fn unsupported(feature: impl Into<String>) -> Self {
        Self::Unsupported {
            feature: feature.into(),
        }
    }
}
