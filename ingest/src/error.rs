//! Why a file cannot be read. Each message is for the person who brought the file.

use std::io;

use serde::{Deserialize, Serialize};

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
pub enum ExtractError {
    /// A password is needed to open it.
    #[error("el archivo está cifrado con contraseña: quítele la contraseña y vuelva a subirlo")]
    Encrypted,
    /// It ends before it should.
    #[error(
        "el archivo está incompleto, como si se hubiera cortado al copiarlo: vuelva a copiarlo o a exportarlo"
    )]
    Truncated,
    /// Its structure cannot be followed.
    #[error("el archivo está dañado y no se puede leer: vuelva a exportarlo desde el original")]
    Damaged,
    /// It has no bytes.
    #[error("el archivo está vacío: compruebe que se guardó bien y vuelva a subirlo")]
    Empty,
    /// It has no page.
    #[error("el documento no tiene ninguna página: vuelva a exportarlo desde el original")]
    NoPages,
    /// It has pages, but no text.
    #[error(
        "el documento no tiene texto que se pueda leer (puede ser un escaneado): suba una versión con texto"
    )]
    NoText,
    /// More than a limit allows.
    #[error(
        "el archivo supera el límite de {what} ({limit}): divídalo o pida que se suba el límite"
    )]
    TooLarge {
        /// What there is too much of, in Spanish.
        what: String,
        /// The limit, with its unit.
        limit: String,
    },
    /// Elements stand too deep inside one another.
    #[error(
        "el archivo tiene elementos anidados a más de {limit} niveles: simplifíquelo o expórtelo de nuevo"
    )]
    TooDeep {
        /// How deep they may stand.
        limit: u32,
    },
    /// A small file that unpacks to a huge one.
    #[error(
        "el archivo se expande a un tamaño desmedido al descomprimirlo, como las bombas de compresión: expórtelo de nuevo desde el original"
    )]
    Bomb,
    /// Not a format that is read.
    #[error(
        "el formato del archivo no se admite{}: use PDF con texto, DOCX, HTML, Markdown o texto",
        found.as_ref().map(|name| format!(" ({name})")).unwrap_or_default()
    )]
    Unsupported {
        /// What it seems to be.
        found: Option<String>,
    },
    /// Text whose letters cannot be told.
    #[error("no se reconoce la codificación del texto: guárdelo como UTF-8 y vuelva a subirlo")]
    UnreadableEncoding,
    /// The process that read it died.
    #[error(
        "el archivo hace fallar al lector y se ha descartado: vuelva a exportarlo desde el original"
    )]
    ParserCrash {
        /// The signal that ended it; `None` where it gave up by itself.
        signal: Option<i32>,
    },
    /// Reading takes too long.
    #[error(
        "leer el archivo lleva demasiado tiempo y se ha descartado: divídalo o expórtelo de nuevo"
    )]
    Timeout,
    /// Reading takes too much memory.
    #[error("leer el archivo exige demasiada memoria: divídalo o expórtelo de nuevo")]
    OutOfMemory,
    /// What is read from it is too large.
    #[error("el contenido del archivo es demasiado grande: divídalo en varios documentos")]
    OutputTooLarge,
    /// The process that reads files could not be started or spoke nonsense.
    #[error("no se ha podido leer el archivo por un fallo del servidor: inténtelo de nuevo")]
    #[serde(skip)]
    Io(#[source] io::Error),
}

impl ExtractError {
    /// A file of more than `limit` bytes.
    pub(crate) fn file_too_large(limit: u64) -> Self {
        const MIB: u64 = 1024 * 1024;
        let shown = if limit >= MIB {
            format!("{} MiB", limit / MIB)
        } else {
            format!("{limit} bytes")
        };
        Self::TooLarge {
            what: "tamaño de archivo".to_owned(),
            limit: shown,
        }
    }

    /// A name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Encrypted => "encrypted",
            Self::Truncated => "truncated",
            Self::Damaged => "damaged",
            Self::Empty => "empty_file",
            Self::NoPages => "no_pages",
            Self::NoText => "no_text",
            Self::TooLarge { .. } => "too_large",
            Self::TooDeep { .. } => "too_deep",
            Self::Bomb => "bomb",
            Self::Unsupported { .. } => "unsupported_type",
            Self::UnreadableEncoding => "unreadable_encoding",
            Self::ParserCrash { .. } => "parser_crash",
            Self::Timeout => "parser_timeout",
            Self::OutOfMemory => "parser_memory",
            Self::OutputTooLarge => "parser_output",
            Self::Io(_) => "parser_io",
        }
    }
}
