//! Ranked passages.

use domain::EvidencePassage;
use serde::{Deserialize, Serialize};

use super::{PageBoxJson, boxes_json};

/// What `search` answers.
#[derive(Debug, Serialize)]
pub(crate) struct SearchJson {
    /// The question searched for.
    pub(crate) query: String,
    /// Its language.
    pub(crate) language: &'static str,
    /// Best first.
    pub(crate) passages: Vec<PassageJson>,
    /// Where the time went.
    pub(crate) timings_ms: SearchTimingsJson,
}

/// Where the time of a search went.
#[derive(Debug, Default, Serialize)]
pub(crate) struct SearchTimingsJson {
    /// Making the question's vectors.
    pub(crate) embed: f64,
    /// In the index and the catalogue.
    pub(crate) search: f64,
    /// Ranking again.
    pub(crate) rerank: f64,
    /// All of it.
    pub(crate) total: f64,
}

/// A ranked passage.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PassageJson {
    rank: u32,
    score: f32,
    passage_id: String,
    document_id: String,
    title: String,
    file_name: String,
    version: u32,
    collection: String,
    effective_from: Option<String>,
    language: &'static str,
    pages: Vec<u32>,
    section: Vec<String>,
    pub(super) text: String,
    boxes: Vec<PageBoxJson>,
}

impl PassageJson {
    /// The document it belongs to.
    #[must_use]
    pub(crate) fn document_id(&self) -> &str {
        &self.document_id
    }

    /// For a terminal: the document, the page and the headings above.
    pub(super) fn place(&self) -> String {
        let mut place = format!("{} (versión {})", self.title, self.version);
        if let Some(page) = self.pages.first() {
            place += &format!(", página {page}");
        }
        if !self.section.is_empty() {
            place += &format!(" — {}", self.section.join(" › "));
        }
        place
    }
}

impl SearchJson {
    /// For a terminal.
    #[must_use]
    pub(crate) fn as_lines(&self) -> String {
        if self.passages.is_empty() {
            return "Ningún pasaje encaja con la pregunta.".to_owned();
        }
        let passage = |passage: &PassageJson| {
            format!(
                "{}. {}  [{:.3}]\n   {}",
                passage.rank,
                passage.place(),
                passage.score,
                passage.text.replace('\n', "\n   ")
            )
        };
        self.passages
            .iter()
            .map(passage)
            .collect::<Vec<_>>()
            .join("\n\n")
    }
}

impl From<&EvidencePassage> for PassageJson {
    fn from(offered: &EvidencePassage) -> Self {
        let (passage, source) = (&offered.passage, &offered.source);
        Self {
            rank: offered.rank,
            score: (offered.score * 1e4).round() / 1e4,
            passage_id: passage.id.to_string(),
            document_id: source.document_id.to_string(),
            title: source.title.clone(),
            file_name: source.file_name.clone(),
            version: source.version,
            collection: source.collection.clone(),
            effective_from: source.effective_from.map(|date| date.to_string()),
            language: passage.language.code(),
            pages: passage.pages(),
            section: passage.section.clone(),
            text: passage.text.clone(),
            boxes: boxes_json(&passage.boxes(0..passage.text.len())),
        }
    }
}

/// The body of `POST /api/v1/search`.
#[derive(Debug, Deserialize)]
pub(crate) struct SearchBody {
    /// The question.
    pub(crate) question: String,
    /// How many passages, at most 100.
    #[serde(default)]
    pub(crate) limit: Option<usize>,
    /// The language of the question; told from its words where absent.
    #[serde(default)]
    pub(crate) language: Option<String>,
    /// Only documents of this collection.
    #[serde(default)]
    pub(crate) collection: Option<String>,
}
