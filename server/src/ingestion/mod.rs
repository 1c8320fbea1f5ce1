//! From a file to searchable passages: store, catalogue, read, index, flush, activate.
//!
//! Each step is one transaction of the catalogue, so whatever stops the process, the next start
//! finds each version in a state from which to go on. A version answers only after its passages
//! have been flushed to the index's disk.

mod lifecycle;
mod process;
mod queue;
mod take;

use std::path::PathBuf;

use catalog::VersionState;
use domain::{DocumentId, JobId, Language, VersionId};
use jiff::civil::Date;

use crate::error::{Failure, chain};
use crate::wire::{AcceptedJson, RejectedJson, UnchangedJson};

pub(crate) use lifecycle::{
    DeletionReceipt, activate_due, delete, existing, purge, reactivate, retire,
};
pub(crate) use process::{ReadIn, process, unfinished};
pub(crate) use queue::Queue;
pub(crate) use take::take;

/// A file to be taken in, and what its sender says of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Submission {
    /// Where its bytes are.
    pub(crate) path: PathBuf,
    /// What it is called in reports: the path as the person gave it.
    pub(crate) shown: String,
    /// Its name, without folders.
    pub(crate) file_name: String,
    /// Its absolute path, where it has one that will be the same next time.
    pub(crate) source_key: Option<String>,
    /// Title above the file's own.
    pub(crate) title: Option<String>,
    /// Collection.
    pub(crate) collection: Option<String>,
    /// Groups that may see it.
    pub(crate) groups: Vec<String>,
    /// Language.
    pub(crate) language: Option<Language>,
    /// First day in force.
    pub(crate) effective_from: Option<Date>,
    /// Last day in force.
    pub(crate) effective_to: Option<Date>,
    /// The document it is the next version of.
    pub(crate) replaces: Option<DocumentId>,
    /// Whether a person says so for this file now, and not a folder's description each time.
    pub(crate) asked_to_replace: bool,
}

/// A version on its way to being searchable.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// What it is called in reports.
    pub(crate) shown: String,
    /// Its file's name.
    pub(crate) file_name: String,
    /// Its document.
    pub(crate) document_id: DocumentId,
    /// The version.
    pub(crate) version_id: VersionId,
    /// Its number.
    pub(crate) version: u32,
    /// Its job.
    pub(crate) job_id: Option<JobId>,
    /// How far it was.
    pub(crate) state: VersionState,
    sha256: [u8; 32],
    language: Option<Language>,
}

/// What became of a submission at the door.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Its bytes were known.
    Unchanged(UnchangedJson, Option<JobId>, u32),
    /// An earlier version of its document was put back, and is in use again.
    PutBack(AcceptedJson, Option<JobId>),
    /// It is stored and catalogued: nothing that happens now loses it.
    New(Work),
}

/// What became of a file.
#[derive(Debug, Clone)]
pub(crate) enum Ended {
    /// It answers questions.
    Accepted(AcceptedJson),
    /// It does not, for this reason.
    Rejected(RejectedJson),
}

/// A file was not taken; what is told of it.
#[derive(Debug)]
struct Refused {
    code: String,
    message: String,
}

impl Refused {
    fn rejected(self, shown: &str) -> RejectedJson {
        RejectedJson {
            file: shown.to_owned(),
            code: self.code,
            message: self.message,
        }
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        tracing::warn!(
            code = failure.code(),
            cause = chain(&failure),
            "a file could not be taken"
        );
        Self {
            code: failure.code().to_owned(),
            message: failure.to_string(),
        }
    }
}
