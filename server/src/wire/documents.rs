//! The catalogue as the outward contract writes it: documents, versions, jobs.

use catalog::{DocumentRecord, JobRecord, VersionRecord};
use serde::Serialize;

use super::WarningJson;

/// A page of documents.
#[derive(Debug, Serialize)]
pub(crate) struct DocumentsJson {
    /// The documents.
    pub(crate) documents: Vec<DocumentJson>,
    /// Where the next page begins; `null` on the last.
    pub(crate) next_cursor: Option<String>,
}

/// A document.
#[derive(Debug, Serialize)]
pub(crate) struct DocumentJson {
    document_id: String,
    title: String,
    status: &'static str,
    collection: String,
    groups: Vec<String>,
    file_name: String,
    version: u32,
    language: Option<&'static str>,
    effective_from: Option<String>,
    effective_to: Option<String>,
    pages: Option<u32>,
    passages: u64,
    created_at: String,
    updated_at: String,
    /// Newest first.
    pub(crate) versions: Vec<VersionJson>,
}

/// A version of a document.
#[derive(Debug, Serialize)]
pub(crate) struct VersionJson {
    version_id: String,
    version: u32,
    status: &'static str,
    file_name: String,
    sha256: String,
    bytes: u64,
    media_type: Option<String>,
    language: Option<&'static str>,
    pages: Option<u32>,
    passages: u64,
    effective_from: Option<String>,
    effective_to: Option<String>,
    created_at: String,
    activated_at: Option<String>,
    superseded_at: Option<String>,
    warnings: Vec<WarningJson>,
    rejection: Option<RejectionJson>,
}

#[derive(Debug, Serialize)]
struct RejectionJson {
    code: String,
    message: String,
}

impl From<&DocumentRecord> for DocumentJson {
    fn from(record: &DocumentRecord) -> Self {
        let current = record.current();
        Self {
            document_id: record.id.to_string(),
            title: record.title.clone(),
            status: record.status.name(),
            collection: record.collection.clone(),
            groups: record.groups.clone(),
            file_name: current
                .map(|version| version.file_name.clone())
                .unwrap_or_default(),
            version: current.map_or(0, |version| version.number),
            language: current
                .and_then(|version| version.language)
                .map(domain::Language::code),
            effective_from: current
                .and_then(|version| version.effective_from)
                .map(|date| date.to_string()),
            effective_to: current
                .and_then(|version| version.effective_to)
                .map(|date| date.to_string()),
            pages: current.and_then(|version| version.page_count),
            passages: current.map_or(0, |version| version.passage_count),
            created_at: record.created_at.to_string(),
            updated_at: record.updated_at.to_string(),
            versions: record.versions.iter().map(VersionJson::from).collect(),
        }
    }
}

impl DocumentJson {
    /// For a terminal.
    #[must_use]
    pub(crate) fn as_line(&self) -> String {
        format!(
            "{}  {:<10}  v{}  {}  ({})",
            self.document_id, self.status, self.version, self.title, self.file_name
        )
    }
}

impl From<&VersionRecord> for VersionJson {
    fn from(record: &VersionRecord) -> Self {
        Self {
            version_id: record.id.to_string(),
            version: record.number,
            status: record.state.name(),
            file_name: record.file_name.clone(),
            sha256: catalog::sha256_hex(&record.sha256),
            bytes: record.byte_size,
            media_type: record.media_type.clone(),
            language: record.language.map(domain::Language::code),
            pages: record.page_count,
            passages: record.passage_count,
            effective_from: record.effective_from.map(|date| date.to_string()),
            effective_to: record.effective_to.map(|date| date.to_string()),
            created_at: record.created_at.to_string(),
            activated_at: record.activated_at.map(|time| time.to_string()),
            superseded_at: record.superseded_at.map(|time| time.to_string()),
            warnings: record
                .warnings
                .iter()
                .map(|warning| WarningJson {
                    code: warning.code.clone(),
                    page: warning.page,
                    detail: warning.detail.clone(),
                })
                .collect(),
            rejection: record.rejection.as_ref().map(|rejection| RejectionJson {
                code: rejection.code.clone(),
                message: rejection.message.clone(),
            }),
        }
    }
}

impl VersionJson {
    /// For a terminal.
    #[must_use]
    pub(crate) fn as_line(&self) -> String {
        let mut line = format!(
            "v{}  {:<10}  {}  {} pasajes",
            self.version, self.status, self.file_name, self.passages
        );
        if let Some(from) = &self.effective_from {
            line += &format!("  desde {from}");
        }
        if let Some(to) = &self.effective_to {
            line += &format!("  hasta {to}");
        }
        if let Some(rejection) = &self.rejection {
            line += &format!("  rechazada: {}", rejection.message);
        }
        line
    }
}

/// A page of jobs.
#[derive(Debug, Serialize)]
pub(crate) struct JobsJson {
    /// The jobs, newest first.
    pub(crate) jobs: Vec<JobJson>,
    /// Where the next page begins; `null` on the last.
    pub(crate) next_cursor: Option<String>,
}

/// An ingestion job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct JobJson {
    job_id: String,
    document_id: String,
    version_id: String,
    state: &'static str,
    step: String,
    pages_done: u32,
    pages_total: Option<u32>,
    code: Option<String>,
    message: Option<String>,
    created_at: String,
    updated_at: String,
    finished_at: Option<String>,
}

impl From<&JobRecord> for JobJson {
    fn from(record: &JobRecord) -> Self {
        Self {
            job_id: record.id.to_string(),
            document_id: record.document_id.to_string(),
            version_id: record.version_id.to_string(),
            state: record.state.name(),
            step: record.step.clone(),
            pages_done: record.pages_done,
            pages_total: record.pages_total,
            code: record.code.clone(),
            message: record.message.clone(),
            created_at: record.created_at.to_string(),
            updated_at: record.updated_at.to_string(),
            finished_at: record.finished_at.map(|time| time.to_string()),
        }
    }
}
