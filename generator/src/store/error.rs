//! What can go wrong with the folder of models, told in one sentence that says what to mend.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::manifest::ManifestError;

/// Why a model could not be listed, imported, downloaded or verified.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A model cannot be called this.
    #[error(
        "«{name}» no sirve como nombre de modelo: use letras, cifras, puntos y guiones, hasta 96, y empiece por letra o cifra"
    )]
    NameInvalid {
        /// What was asked for.
        name: String,
    },
    /// Neither a preset nor a repository.
    #[error(
        "«{text}» no es un modelo conocido ({}) ni un repositorio DUEÑO/NOMBRE[@REVISIÓN]",
        known.join(", ")
    )]
    SourceInvalid {
        /// What was asked for.
        text: String,
        /// The presets there are.
        known: Vec<String>,
    },
    /// There is another model of this name.
    #[error(
        "ya hay otro modelo «{name}» con otros ficheros: dé otro nombre con --name, o borre su carpeta de models"
    )]
    Exists {
        /// Its name.
        name: String,
    },
    /// There is no model of this name.
    #[error("no hay ningún modelo «{name}»: véalos con «sistole models list»")]
    NotFound {
        /// Its name.
        name: String,
    },
    /// Another process imports or downloads.
    #[error("otro proceso está importando o descargando un modelo: espere a que termine")]
    Busy,
    /// What was to be imported is not there.
    #[error("no existe {}", path.display())]
    Missing {
        /// Its path.
        path: PathBuf,
    },
    /// What was to be imported is no model that can be used.
    #[error("no es un modelo que se pueda usar: {reason}")]
    NotAModel {
        /// What is wrong with it.
        reason: String,
    },
    /// The weights are in a format that runs code when it is read.
    #[error(
        "los pesos están en formato pickle ({file}), que puede ejecutar código al leerse: pida el modelo en safetensors o GGUF"
    )]
    Pickle {
        /// A file of weights.
        file: String,
    },
    /// A file is a link to somewhere else.
    #[error(
        "{file} es un enlace a un fichero de fuera de la carpeta: copie el fichero en su lugar"
    )]
    LinkOutside {
        /// Its name.
        file: String,
    },
    /// A file has a name that no model's file has.
    #[error("el nombre de fichero {file:?} no se admite en un modelo")]
    FileName {
        /// Its name.
        file: String,
    },
    /// A file of weights is damaged or cut short.
    #[error("{file} está dañado o incompleto: {reason}")]
    Damaged {
        /// Its name.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The disk has no room.
    #[error(
        "no queda espacio en el disco de los modelos: hacen falta {} MiB y hay {} MiB libres; libere espacio y repita la orden{}",
        mebibytes(*.needed_bytes), free_bytes >> 20, if *.resumes { ", que continuará donde quedó" } else { "" }
    )]
    NoSpace {
        /// Bytes that are to be written, with those that must stay free.
        needed_bytes: u64,
        /// Bytes that may be written.
        free_bytes: u64,
        /// Whether what was written is kept to go on from.
        resumes: bool,
    },
    /// A model's files are not those of its manifest.
    #[error("modelo «{name}»: {source}")]
    Manifest {
        /// The model.
        name: String,
        /// What is wrong.
        #[source]
        source: ManifestError,
    },
    /// This program was built without downloads.
    #[error(
        "este programa se compiló sin descargas: descargue el modelo en otra máquina e impórtelo con «sistole models import»"
    )]
    PullNotBuilt,
    /// The hub cannot be reached, now.
    #[error(
        "no se puede llegar a {host} ({reason}): compruebe la conexión o el proxy y repita la orden, que continuará donde quedó; sin red, use «sistole models import»"
    )]
    Unreachable {
        /// The hub's host.
        host: String,
        /// In a few words.
        reason: String,
    },
    /// The hub has no such repository, revision or file.
    #[error(
        "{host} no tiene {what}: compruebe el nombre y la revisión, y si es privado ponga su clave de acceso en la variable HF_TOKEN"
    )]
    NoSuchRepository {
        /// The hub's host.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// The hub wants to know who asks.
    #[error(
        "{host} no deja descargar {what} sin permiso: acepte sus condiciones en la página del modelo y ponga su clave de acceso en la variable HF_TOKEN"
    )]
    NotAllowed {
        /// The hub's host.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// The hub's answer is not what it should be.
    #[error("la respuesta de {host} no se entiende ({reason}): compruebe HF_ENDPOINT")]
    Nonsense {
        /// The hub's host.
        host: String,
        /// In a few words.
        reason: String,
    },
    /// The hub's address, or the proxy's, is no address.
    #[error("la dirección de descarga no es válida ({reason}): compruebe HF_ENDPOINT y el proxy")]
    Address {
        /// In a few words.
        reason: String,
    },
    /// What came is not what the hub says it has.
    #[error(
        "{file} llegó mal: SHA-256 esperado {expected}, encontrado {found}; se ha borrado, repita la orden"
    )]
    Mismatch {
        /// Its name.
        file: String,
        /// The SHA-256 that the hub states.
        expected: String,
        /// The SHA-256 of what came.
        found: String,
    },
    /// The disk refuses.
    #[error("no se puede leer o escribir {what}: compruebe los permisos y el disco")]
    Io {
        /// What was read or written.
        what: String,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
}

const fn mebibytes(bytes: u64) -> u64 {
    bytes.div_ceil(1 << 20)
}

impl StoreError {
    /// A stable name.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NameInvalid { .. } => "model_name_invalid",
            Self::SourceInvalid { .. } => "model_unknown",
            Self::Exists { .. } => "model_exists",
            Self::NotFound { .. } => "model_not_found",
            Self::Busy => "models_busy",
            Self::Missing { .. } => "path_missing",
            Self::NotAModel { .. } => "not_a_model",
            Self::Pickle { .. } => "pickle_weights",
            Self::LinkOutside { .. } => "link_outside",
            Self::FileName { .. } => "file_name_invalid",
            Self::Damaged { .. } => "file_damaged",
            Self::NoSpace { .. } => "no_space",
            Self::Manifest { .. } | Self::Mismatch { .. } => "model_mismatch",
            Self::PullNotBuilt => "pull_not_built",
            Self::Unreachable { .. } => "hub_unreachable",
            Self::NoSuchRepository { .. } => "repository_not_found",
            Self::NotAllowed { .. } => "repository_gated",
            Self::Nonsense { .. } => "hub_nonsense",
            Self::Address { .. } => "hub_address_invalid",
            Self::Io { .. } => "disk_failed",
        }
    }

    /// Reading or writing `what` failed; a full disk is told as one.
    pub(super) fn io(what: &str, source: io::Error) -> Self {
        Self::Io {
            what: what.to_owned(),
            source,
        }
    }
}
