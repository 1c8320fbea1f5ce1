//! What `ingest` reports.

use serde::Serialize;

use super::WarningJson;

/// What `ingest` reports.
#[derive(Debug, Default, Serialize)]
pub(crate) struct IngestJson {
    /// Files that are in use now.
    pub(crate) accepted: Vec<AcceptedJson>,
    /// Files whose bytes were known already.
    pub(crate) unchanged: Vec<UnchangedJson>,
    /// Files that were not taken, each with its reason.
    pub(crate) rejected: Vec<RejectedJson>,
    /// Where the time went.
    pub(crate) timings_ms: TotalJson,
}

/// A file taken in.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AcceptedJson {
    /// The file, as given.
    pub(crate) file: String,
    /// Its document.
    pub(crate) document_id: String,
    /// The number of its version.
    pub(crate) version: u32,
    /// Its state.
    pub(crate) status: String,
    /// Its pages; 0 for formats without.
    pub(crate) pages: u32,
    /// Its passages.
    pub(crate) passages: u64,
    /// What a person should know before trusting it.
    pub(crate) warnings: Vec<WarningJson>,
}

/// A file that was known already.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct UnchangedJson {
    /// The file, as given.
    pub(crate) file: String,
    /// Its document.
    pub(crate) document_id: String,
}

/// A file that was not taken.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RejectedJson {
    /// The file, as given.
    pub(crate) file: String,
    /// Why, for programs.
    pub(crate) code: String,
    /// Why, for people.
    pub(crate) message: String,
}

/// A total in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct TotalJson {
    /// All of it.
    pub(crate) total: f64,
}
