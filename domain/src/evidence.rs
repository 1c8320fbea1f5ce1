//! From ranked identifiers to the passages an answer may be drawn from.

use jiff::civil::Date;

use crate::{DocumentId, Passage, PassageId, VersionId};

/// One hit of the index: which passage, and how well it fits. Higher is better; scores of one
/// question may be compared with each other and with nothing else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// The passage.
    pub passage_id: PassageId,
    /// Its score.
    pub score: f32,
}

/// What a question may see. Built in one place, from the catalogue's state at the moment of the
/// question and from who asks; applied inside the index, and again when passages are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Versions that have points in the index and must not answer: not yet active, superseded,
    /// retired, deleted, or not in force on the day asked for. Few: the index is cleaned soon after.
    pub hidden_versions: Vec<VersionId>,
    /// Only this collection; `None` for all.
    pub collection: Option<String>,
    /// Only documents open to everyone or to one of these groups; `None` for no restriction.
    pub groups: Option<Vec<String>>,
}

/// What a citation says of the document behind a passage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The document.
    pub document_id: DocumentId,
    /// The version.
    pub version_id: VersionId,
    /// The version's number, from 1.
    pub version: u32,
    /// The document's title.
    pub title: String,
    /// The file's name as it came, without folders.
    pub file_name: String,
    /// The collection it belongs to.
    pub collection: String,
    /// In force from this day on; `None`: always was.
    pub effective_from: Option<Date>,
    /// In force up to and including this day; `None`: no end set.
    pub effective_to: Option<Date>,
}

/// A passage kept for an answer, with its source and its rank.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidencePassage {
    /// Place in the ranking, from 1.
    pub rank: u32,
    /// The index's score.
    pub score: f32,
    /// The passage.
    pub passage: Passage,
    /// Where it comes from.
    pub source: Source,
}

/// The passages an answer may be drawn from, best first. All were active and in force in one
/// reading of the catalogue.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Best first.
    pub passages: Vec<EvidencePassage>,
}

impl Evidence {
    /// The passage with this identifier, if it was offered.
    #[must_use]
    pub fn find(&self, id: PassageId) -> Option<&EvidencePassage> {
        self.passages
            .iter()
            .find(|offered| offered.passage.id == id)
    }
}
