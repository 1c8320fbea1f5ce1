//! Why a model gave no answer. In every case the answer made of quotations can stand in.

use std::error::Error;

use crate::engine::{EngineError, GenerateError};
use crate::prompt::PromptError;
use crate::remote::RemoteError;
use crate::verify::Tally;

/// Why a model gave no answer that may be shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// It has as much to do as it takes.
    #[error("el modelo está ocupado: vuelva a intentarlo en unos segundos")]
    Busy,
    /// It said nothing that could be checked before the time was up.
    #[error(
        "el modelo ha tardado demasiado: suba generator.writer.time_limit_ms o use un modelo más rápido"
    )]
    TimedOut,
    /// Nothing that it wrote passed the gates.
    #[error("nada de lo que ha escrito el modelo se ha podido comprobar")]
    NotVerified(Tally),
    /// The question and its passages cannot be put to it.
    #[error("la pregunta no se puede plantear al modelo")]
    Prompt(#[source] PromptError),
    /// It stopped working.
    #[error("el modelo ha dejado de funcionar")]
    Engine(#[source] Box<dyn Error + Send + Sync>),
    /// The machine it is on does not answer as it should.
    #[error("el modelo remoto no responde como debe")]
    Remote(#[source] RemoteError),
    /// A fault of this program.
    #[error("un fallo interno ha impedido usar el modelo")]
    Internal,
}

impl WriteError {
    /// A name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Busy => "model_busy",
            Self::TimedOut => "model_too_slow",
            Self::NotVerified(_) => "model_not_verified",
            Self::Prompt(_) => "prompt_impossible",
            Self::Engine(_) => "engine_failed",
            Self::Remote(_) => "remote_failed",
            Self::Internal => "internal",
        }
    }
}

impl From<EngineError> for WriteError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Full { .. } => Self::Busy,
            other => Self::Engine(Box::new(other)),
        }
    }
}

impl From<GenerateError> for WriteError {
    fn from(error: GenerateError) -> Self {
        Self::Engine(Box::new(error))
    }
}

impl From<RemoteError> for WriteError {
    fn from(error: RemoteError) -> Self {
        match error {
            RemoteError::Full | RemoteError::Overloaded { .. } => Self::Busy,
            other => Self::Remote(other),
        }
    }
}

impl From<PromptError> for WriteError {
    fn from(error: PromptError) -> Self {
        Self::Prompt(error)
    }
}
