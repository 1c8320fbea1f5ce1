//! What an index of passages must do, whoever does it: Qdrant in this process now, a Qdrant
//! server later.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use domain::{PassageId, Ranked, Scope, VersionId};

use crate::SparseVector;

/// What went wrong with the index. The message is for an operator; it holds no text of a question.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The index can no longer be trusted or used. It is a cache: build it again.
    #[error("el índice se ha perdido ({0}): hay que reconstruirlo con «sistole index rebuild»")]
    Lost(String),
    /// One operation was refused; the index goes on.
    #[error("el índice ha rechazado la operación ({0})")]
    Refused(String),
    /// A file or folder of the index could not be read or written.
    #[error("no se puede leer o escribir la carpeta del índice: compruebe permisos y espacio")]
    Io(#[from] std::io::Error),
    /// Another process has the index open.
    #[error("otro proceso tiene abierto el índice: ciérrelo primero")]
    InUse,
    /// The index has been closed.
    #[error("el índice está cerrado")]
    Closed,
    /// An index is being built beside this one already.
    #[error("ya se está reconstruyendo el índice: espere a que termine")]
    Rebuilding,
}

/// What was found when the index was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// There was none: an empty one was made.
    New,
    /// As it was closed.
    Clean,
    /// It loads, but was not closed: what was written after the last flush may be missing in whole
    /// or in part. The caller must compare it with the catalogue and mend the difference.
    Dirty,
    /// It was there and cannot be used, for this reason; an empty one was made beside it. The
    /// caller must rebuild.
    Lost(String),
}

/// One passage as the index holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexPoint {
    /// The passage.
    pub passage_id: PassageId,
    /// Its version.
    pub version_id: VersionId,
    /// Its document's collection.
    pub collection: String,
    /// The groups its document is open to; none: open to everyone.
    pub groups: Vec<String>,
    /// Its terms.
    pub lexical: SparseVector,
}

/// What an operation of the index gives, some time later.
pub type IndexFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, IndexError>> + Send + 'a>>;

/// An index of passages. Any number of searches run beside one writer; writers wait in line.
///
/// Nothing written is safe from a crash until [`PassageIndex::flush`] has returned.
pub trait PassageIndex: Send + Sync {
    /// Adds passages, or replaces those with the same identifiers.
    fn upsert(&self, points: Vec<IndexPoint>) -> IndexFuture<'_, ()>;

    /// Removes every passage of these versions.
    fn remove_versions<'a>(&'a self, versions: &'a [VersionId]) -> IndexFuture<'a, ()>;

    /// Puts everything written so far on disk. After an error nothing is certain: the index is
    /// [`IndexError::Lost`].
    fn flush(&self) -> IndexFuture<'_, ()>;

    /// The passages in `scope` that fit best, best first, at most `limit`.
    fn search<'a>(
        &'a self,
        query: SparseVector,
        scope: &'a Scope,
        limit: usize,
    ) -> IndexFuture<'a, Vec<Ranked>>;

    /// How many passages there are, exactly.
    fn count(&self) -> IndexFuture<'_, usize>;

    /// The versions that have passages here, and how many each.
    fn versions(&self) -> IndexFuture<'_, Vec<(VersionId, usize)>>;

    /// The passages of a version.
    fn point_ids(&self, version: VersionId) -> IndexFuture<'_, Vec<PassageId>>;

    /// Merges and indexes what was inserted; searches go on. `true` if there was anything to do.
    fn optimize(&self) -> IndexFuture<'_, bool>;

    /// Begins an empty index beside this one. Searches and writes go on meanwhile, and writes
    /// reach both. One at a time.
    fn rebuild(&self) -> IndexFuture<'_, Box<dyn Rebuild>>;

    /// Bytes of log that only a rebuild gives back; 0 where the index minds its own log.
    fn log_bytes(&self) -> u64;

    /// Flushes and closes. Operations after this are [`IndexError::Closed`].
    fn close(&self) -> IndexFuture<'_, ()>;

    /// Where its files are, for messages to the operator and the backup; `None` if elsewhere.
    fn folder(&self) -> Option<PathBuf>;
}

/// An index being built beside the live one. Dropped unfinished, it leaves no trace.
pub trait Rebuild: Send {
    /// Adds passages.
    fn push(&mut self, points: Vec<IndexPoint>) -> IndexFuture<'_, ()>;

    /// Puts it on disk and in the live one's place, in one step; gives how many passages it has.
    fn finish(self: Box<Self>) -> IndexFuture<'static, usize>;
}
