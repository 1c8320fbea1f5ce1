//! From pages to passages: blocks packed under their headings, tables row by row, each word with
//! its place.

mod pack;
mod units;

use domain::{DocumentId, Language, Passage, VersionId, detect_language};
use serde::{Deserialize, Serialize};

use crate::{Extracted, TokenCounter};
use pack::Packer;

/// How long passages are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ChunkConfig {
    /// Short blocks under one heading are packed together up to this many tokens.
    pub target_tokens: usize,
    /// A passage is never longer than this, unless one sentence or one table row is.
    pub max_tokens: usize,
}

impl Default for ChunkConfig {
    fn default() -> Self {
        Self {
            target_tokens: 220,
            max_tokens: 350,
        }
    }
}

/// Cuts what was read from a file into passages. The same input gives the same passages with the
/// same identifiers.
///
/// A passage never crosses a heading; the headings above it are its section. Running headers and
/// footers and tables of contents are in no passage. Rows of a table stand whole, after the
/// table's caption.
#[must_use]
pub fn chunk(
    extracted: &Extracted,
    document_id: DocumentId,
    version_id: VersionId,
    language: Language,
    config: &ChunkConfig,
    counter: &dyn TokenCounter,
) -> Vec<Passage> {
    let mut packer = Packer::new(document_id, version_id, language, config, counter);
    for unit in units::units(extracted, config, counter) {
        packer.push(unit);
    }
    packer.finish()
}

/// How much of a document its language is told from, in bytes.
const SAMPLE: usize = 60_000;

/// The document's language: told from its words, else what the file says of itself, else Spanish.
#[must_use]
pub fn document_language(extracted: &Extracted) -> Language {
    let mut sample = String::new();
    for page in &extracted.pages {
        sample.push_str(&page.text());
        sample.push('\n');
        if sample.len() > SAMPLE {
            break;
        }
    }
    detect_language(&sample)
        .language
        .or(extracted.language)
        .unwrap_or(Language::Spanish)
}
