//! Text as it comes, from the engine of this machine or from another machine.

use std::sync::Arc;

use super::WriteError;
use crate::engine::{Event, FinishReason, Generation};
use crate::model::{ModelTokenizer, StreamDecoder};
use crate::remote::{self, RemoteEvent, RemoteStream};

/// A text on its way. Dropping it stops the writing.
pub(super) enum Flow {
    /// From the engine.
    Local {
        generation: Generation,
        tokenizer: Arc<ModelTokenizer>,
        decoder: StreamDecoder,
    },
    /// From another machine.
    Remote(Box<RemoteStream>),
}

/// What comes next.
pub(super) enum Piece {
    /// Further text, possibly empty.
    Text(String),
    /// The text is whole, or was cut where a limit was reached.
    End { is_whole: bool },
}

impl Flow {
    /// The next piece.
    pub(super) async fn next(&mut self) -> Result<Piece, WriteError> {
        match self {
            Self::Local {
                generation,
                tokenizer,
                decoder,
            } => match generation.next().await {
                Some(Event::Tokens { ids }) => Ok(Piece::Text(decoder.push(tokenizer, &ids))),
                Some(Event::Finished(finished)) => Ok(Piece::End {
                    is_whole: finished.reason == FinishReason::Stop,
                }),
                Some(Event::Failed(error)) => Err(error.into()),
                None => Err(WriteError::Internal),
            },
            Self::Remote(stream) => match stream.next().await {
                Some(Ok(RemoteEvent::Text(text))) => Ok(Piece::Text(text)),
                Some(Ok(RemoteEvent::Finished { reason, .. })) => Ok(Piece::End {
                    is_whole: reason == remote::FinishReason::Stop,
                }),
                None => Err(WriteError::Internal),
                Some(Err(error)) => Err(error.into()),
            },
        }
    }
}
