//! What goes into the catalogue and what comes out of it.

use std::fmt;

use domain::{DocumentId, JobId, Language, Passage, RequestId, VersionId};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{JobState, Verdict, VersionState};

/// A file that has arrived and whose bytes are stored.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// The document that it is a new version of, where the sender says so.
    pub replaces: Option<DocumentId>,
    /// Where it came from, as the file's absolute path: other bytes with the same key in the same
    /// collection are the next version of the same document.
    pub source_key: Option<String>,
    /// The file's name, without folders.
    pub file_name: String,
    /// Its media type, where known before it is read.
    pub media_type: Option<String>,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Its length in bytes.
    pub byte_size: u64,
    /// A title given by a person, above the one that the file carries.
    pub title: Option<String>,
    /// The collection; `None`: the replaced document's, else `default`.
    pub collection: Option<String>,
    /// The groups that may see the document; empty: a new document is open to everyone, an
    /// existing one keeps its own.
    pub groups: Vec<String>,
    /// Its language, where the sender says so.
    pub language: Option<Language>,
    /// In force from this day on.
    pub effective_from: Option<Date>,
    /// In force up to and including this day.
    pub effective_to: Option<Date>,
}

/// What became of a [`Received`] file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// The collection has these bytes already; nothing was changed.
    Unchanged {
        /// The document.
        document_id: DocumentId,
        /// The version with these bytes.
        version_id: VersionId,
        /// Its number.
        version: u32,
        /// Its state: superseded and retired ones are known too.
        state: VersionState,
        /// Its last job.
        job_id: Option<JobId>,
    },
    /// A version in state received, and a job to read it.
    New {
        /// The document, new or not.
        document_id: DocumentId,
        /// The version. Bytes that were rejected before keep their version and try again.
        version_id: VersionId,
        /// Its number, from 1.
        version: u32,
        /// The job.
        job_id: JobId,
    },
}

/// Something worth telling that reading a file brought up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredWarning {
    /// Its code, as in `hidden_text`.
    pub code: String,
    /// The page, from 1, where it is about one.
    pub page: Option<u32>,
    /// A sentence for people.
    pub detail: String,
}

/// What was read from a version's file.
#[derive(Debug, Clone, Copy)]
pub struct Parsed<'a> {
    /// The title that the file carries.
    pub title: Option<&'a str>,
    /// The language of most of it.
    pub language: Language,
    /// Pages; `None` for formats without.
    pub page_count: Option<u32>,
    /// The media type told from the bytes.
    pub media_type: &'a str,
    /// What reading brought up.
    pub warnings: &'a [StoredWarning],
    /// Its passages, of this version and document, with distinct ordinals.
    pub passages: &'a [Passage],
}

/// What an activation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activated {
    /// The document.
    pub document_id: DocumentId,
    /// Where the version stands now: active, or superseded where a later version of the document
    /// was active (or retired) already.
    pub state: VersionState,
    /// The versions that do not answer any more; their points may leave the index.
    pub superseded: Vec<VersionId>,
}

/// What a deletion hid. Rows and files are still there until [`crate::Catalog::purge`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deletion {
    /// The versions, all now in state deleted.
    pub versions: Vec<VersionId>,
    /// Those of them that have points in the index.
    pub in_index: Vec<VersionId>,
    /// How many passages they have.
    pub passages: u64,
    /// Files that no version needs any more.
    pub blobs: Vec<[u8; 32]>,
}

/// What a purge removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    /// Versions.
    pub versions: u64,
    /// Passages.
    pub passages: u64,
    /// Files that no version needs any more, to be removed with
    /// [`crate::BlobStore::remove_unreferenced`].
    pub blobs: Vec<[u8; 32]>,
}

/// A version that is to have points in the index, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedPoints {
    /// The version.
    pub version_id: VersionId,
    /// Its document.
    pub document_id: DocumentId,
    /// Indexed or active.
    pub state: VersionState,
    /// How many passages it has.
    pub passages: u64,
}

/// A version that a crash, or a worker still busy, left between arrival and use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The version.
    pub version_id: VersionId,
    /// Its number.
    pub version: u32,
    /// Its document.
    pub document_id: DocumentId,
    /// Its last job.
    pub job_id: Option<JobId>,
    /// Received, parsed or indexed.
    pub state: VersionState,
    /// Whether it may have points in the index.
    pub in_index: bool,
    /// The file's name.
    pub file_name: String,
    /// The media type, where known.
    pub media_type: Option<String>,
    /// The language that the sender gave, or that was told once it was read.
    pub language: Option<Language>,
    /// The collection.
    pub collection: String,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// How often it was begun; see [`crate::Catalog::begin_attempt`].
    pub attempts: u32,
}

/// Why a version could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The code, as in `encrypted`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// One version of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRecord {
    /// Identity.
    pub id: VersionId,
    /// Its document.
    pub document_id: DocumentId,
    /// Its number, from 1.
    pub number: u32,
    /// Its state.
    pub state: VersionState,
    /// Whether it may have points in the index.
    pub in_index: bool,
    /// The file's name.
    pub file_name: String,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Its length in bytes.
    pub byte_size: u64,
    /// The media type, where known.
    pub media_type: Option<String>,
    /// The title that the file carries.
    pub title: Option<String>,
    /// The language of most of it.
    pub language: Option<Language>,
    /// Pages, for formats that have them.
    pub page_count: Option<u32>,
    /// Passages.
    pub passage_count: u64,
    /// What reading it brought up.
    pub warnings: Vec<StoredWarning>,
    /// In force from this day on.
    pub effective_from: Option<Date>,
    /// In force up to and including this day.
    pub effective_to: Option<Date>,
    /// When it was received.
    pub created_at: Timestamp,
    /// When it last became active.
    pub activated_at: Option<Timestamp>,
    /// When a later version took its place.
    pub superseded_at: Option<Timestamp>,
    /// Why it was rejected.
    pub rejection: Option<Rejection>,
}

impl VersionRecord {
    /// Whether it is in force on `day`.
    #[must_use]
    pub fn in_force(&self, day: Date) -> bool {
        self.effective_from.is_none_or(|from| from <= day)
            && self.effective_to.is_none_or(|to| to >= day)
    }
}

/// A document with all its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRecord {
    /// Identity.
    pub id: DocumentId,
    /// Its title: a person's, else its version's, else its file's name.
    pub title: String,
    /// The collection it belongs to.
    pub collection: String,
    /// The groups that may see it; empty: everyone.
    pub groups: Vec<String>,
    /// Active where a version is; else the state of the newest version; deleted once deleted.
    pub status: VersionState,
    /// When its first version was received.
    pub created_at: Timestamp,
    /// When anything of it last changed.
    pub updated_at: Timestamp,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Its versions, newest first.
    pub versions: Vec<VersionRecord>,
}

impl DocumentRecord {
    /// The version that stands for the document: the active one, else the newest.
    #[must_use]
    pub fn current(&self) -> Option<&VersionRecord> {
        self.active().or_else(|| self.versions.first())
    }

    /// The active version.
    #[must_use]
    pub fn active(&self) -> Option<&VersionRecord> {
        self.versions
            .iter()
            .find(|version| version.state == VersionState::Active)
    }
}

/// Which documents to list.
#[derive(Debug, Clone, Default)]
pub struct DocumentFilter {
    /// Only those with this status. `None`: all that are not deleted.
    pub status: Option<VersionState>,
    /// Only those of this collection.
    pub collection: Option<String>,
    /// Only those open to everyone or to one of these groups; `None`: no restriction.
    pub groups: Option<Vec<String>>,
    /// Where the page before ended ([`Page::next`]).
    pub cursor: Option<String>,
    /// How many; 0 means 50, and never more than 500.
    pub limit: u32,
}

/// One page of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Give this as the cursor for the next page; `None` on the last.
    pub next: Option<String>,
}

/// What to change of a document. `None` leaves a field as it is; where a field may be empty, the
/// inner `None` empties it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentPatch {
    /// The title; empty: the version's own again.
    pub title: Option<Option<String>>,
    /// The collection.
    pub collection: Option<String>,
    /// The groups, all of them.
    pub groups: Option<Vec<String>>,
    /// In force from this day on (of the current version).
    pub effective_from: Option<Option<Date>>,
    /// In force up to and including this day (of the current version).
    pub effective_to: Option<Option<Date>>,
}

/// An ingestion job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// Identity.
    pub id: JobId,
    /// The document.
    pub document_id: DocumentId,
    /// The version.
    pub version_id: VersionId,
    /// How far it is.
    pub state: JobState,
    /// What it is doing: received, parsing, parsed, indexed, active, rejected, deleted, or what
    /// [`crate::Catalog::job_progress`] was told.
    pub step: String,
    /// Pages read.
    pub pages_done: u32,
    /// Pages in all, once known.
    pub pages_total: Option<u32>,
    /// Why it failed, for programs.
    pub code: Option<String>,
    /// Why it failed, for people.
    pub message: Option<String>,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// How far a running job is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobProgress {
    /// What it is doing.
    pub step: String,
    /// Pages read.
    pub pages_done: u32,
    /// Pages in all, once known.
    pub pages_total: Option<u32>,
}

/// What a reader says of an answer.
#[derive(Clone, PartialEq, Eq)]
pub struct Feedback {
    /// The answer's request.
    pub request_id: RequestId,
    /// The judgement.
    pub verdict: Verdict,
    /// In words.
    pub comment: Option<String>,
}

/// A comment may hold a patient's words: `{:?}` tells its length.
impl fmt::Debug for Feedback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feedback")
            .field("request_id", &self.request_id)
            .field("verdict", &self.verdict)
            .field(
                "comment_chars",
                &self.comment.as_ref().map(|comment| comment.chars().count()),
            )
            .finish()
    }
}

/// Feedback as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackRecord {
    /// Identity, an opaque text.
    pub id: String,
    /// What was said.
    pub feedback: Feedback,
    /// When.
    pub created_at: Timestamp,
}

/// A collection and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectionCount {
    /// Its name.
    pub name: String,
    /// Documents that are not deleted.
    pub documents: u64,
    /// Those with an active version.
    pub active: u64,
    /// Passages of active versions.
    pub passages: u64,
}

/// How much there is of everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Documents that are not deleted.
    pub documents: u64,
    /// Versions, by state; states without any are left out.
    pub versions: Vec<(VersionState, u64)>,
    /// Passages of active versions.
    pub active_passages: u64,
    /// Jobs queued or running.
    pub open_jobs: u64,
    /// Feedback given.
    pub feedback: u64,
    /// Bytes of the files of versions that are not deleted (a file in two collections twice).
    pub file_bytes: u64,
}

/// What a look over the whole catalogue found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntegrityReport {
    /// One sentence each; empty when all is well.
    pub problems: Vec<String>,
}

impl IntegrityReport {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }
}
