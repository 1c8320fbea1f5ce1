//! From evidence to verified sentences in a model's words.

mod config;
mod error;
mod flow;
mod write;

pub use config::WriterConfig;
pub use error::WriteError;
pub use write::{Mode, Writer, WriterParts, Written};
