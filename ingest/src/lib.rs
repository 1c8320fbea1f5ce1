//! ingest — from a file's bytes to passages: reading the formats, and cutting what was read.

mod chunk;
mod docx;
mod encoding;
mod error;
mod extract;
mod extracted;
mod flow;
mod html;
mod limits;
mod markdown;
mod media;
mod pdf;
mod plain;
mod scripts;
mod table;
mod tokens;
mod worker;

pub use chunk::{ChunkConfig, chunk, document_language};
pub use error::ExtractError;
pub use extract::extract;
pub use extracted::{
    Block, BlockKind, Cell, Extracted, Page, PageSource, Warning, WarningCode, Word,
};
pub use limits::{ExtractLimits, WorkerLimits};
pub use media::{MediaType, sniff};
pub use tokens::{LoadTokenizerError, TokenCounter, TokenizerCounter, WordCounter};
pub use worker::{ParseWorker, worker_main};
