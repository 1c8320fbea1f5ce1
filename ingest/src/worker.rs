//! Reading a file in a process of its own, so that a hostile file costs only itself.
//!
//! The parent writes to the child's standard input: the length of a [`Request`] (four bytes,
//! little end first), the request in postcard, and then the file. The child answers on standard
//! output with the length of a result (eight bytes) and the result in postcard, and ends.

mod child;
mod parent;

use serde::{Deserialize, Serialize};

use crate::{ExtractError, ExtractLimits, Extracted, WorkerLimits};

pub use child::worker_main;
pub use parent::ParseWorker;

/// What the child is asked.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    file_name: String,
    limits: ExtractLimits,
    worker: WorkerLimits,
}

/// What the child answers.
type Reply = Result<Extracted, ExtractError>;

/// A request is small; a longer one is not from the parent.
const MAX_REQUEST: usize = 64 * 1024;
