//! catalog — what is true: documents, versions, passages, jobs and feedback, and the files as they came.

mod blobs;
mod catalog;
mod contents;
mod db;
mod deletion;
mod documents;
mod error;
mod evidence;
mod feedback;
mod health;
mod jobs;
mod layout;
mod lifecycle;
mod passages;
mod receive;
mod records;
mod state;

pub use blobs::{BlobError, BlobHold, BlobStore, StoredBlob, sha256_from_hex, sha256_hex};
pub use catalog::{Catalog, CatalogConfig, Durability};
pub use error::{CatalogError, Thing};
pub use passages::PassagePages;
pub use records::{
    Activated, CollectionCount, Deletion, DocumentFilter, DocumentPatch, DocumentRecord,
    ExpectedPoints, Feedback, FeedbackRecord, IntegrityReport, JobProgress, JobRecord, Page,
    Parsed, Purged, Receipt, Received, Rejection, Stats, StoredWarning, Unfinished, VersionRecord,
};
pub use state::{JobState, Verdict, VersionState};
