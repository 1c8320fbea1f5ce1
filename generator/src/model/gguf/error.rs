//! What is wrong with a GGUF file.

use std::io;

/// What is wrong with a GGUF file.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// It is something else.
    #[error("no es un archivo GGUF")]
    Magic,
    /// A version of the format that is not read.
    #[error("es de la versión {0} del formato y se admiten la 2 y la 3")]
    Version(u32),
    /// It ends within its header or before a tensor's end.
    #[error("está incompleto ({found} bytes de al menos {expected}), vuelva a descargarlo")]
    Truncated {
        /// Bytes that its header needs.
        expected: u64,
        /// Bytes there are.
        found: u64,
    },
    /// Alignment of tensors that is no alignment.
    #[error("su alineación ({0}) no es una potencia de dos, vuelva a descargarlo")]
    Alignment(u64),
    /// A count or a length that cannot be.
    #[error("anuncia {found} {what}, que es imposible: vuelva a descargarlo")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many.
        found: u64,
    },
    /// Metadata of a type that the format does not have, or nested arrays.
    #[error("sus metadatos usan un tipo desconocido ({0}), vuelva a descargarlo")]
    ValueType(u32),
    /// Two tensors or two keys of one name.
    #[error("repite «{0}», vuelva a descargarlo")]
    Repeated(String),
    /// A tensor that is not where or what a tensor can be.
    #[error("el tensor «{name}» {reason}, vuelva a descargarlo")]
    Tensor {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// Several files that are one model.
    #[error("es una de {0} partes: únalas con llama-gguf-split --merge")]
    Split(u64),
    /// The system's word.
    #[error("no se puede leer, compruebe que existe y sus permisos")]
    Read(#[from] io::Error),
}
