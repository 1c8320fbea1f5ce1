//! What can be set about the index and the ranking.

use serde::{Deserialize, Serialize};

/// Settings of the index. Those that change what is stored (all but the last four) make an
/// existing index [`crate::Opened::Lost`]: it is rebuilt rather than half right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IndexConfig {
    /// BM25: how soon a repeated term stops adding to the score. Above 0.
    pub k1: f32,
    /// BM25: how much a long passage is held against it, 0 (not) to 1 (in full).
    pub b: f32,
    /// BM25: the length, in terms, of a passage that is neither short nor long. A constant, because
    /// what is stored for a passage cannot change with the passages that come after it.
    pub avg_len: f32,
    /// How much a term of the title counts, against 1 for a term of the text.
    pub title_weight: f32,
    /// How much a term of a heading above the passage counts, against 1 for a term of the text.
    pub section_weight: f32,
    /// How much of a word's weight goes to its exact spelling, the rest going to its stem; 0 to 1.
    /// Used on the question's side only.
    pub raw_weight: f32,
    /// How much another way to say a thing counts, against 1 for the way it was asked.
    pub expansion_weight: f32,
    /// How much a member of a class that was asked for counts, or the class of a drug.
    pub related_weight: f32,
    /// Merge and index what was inserted after this many passages.
    pub optimize_every: usize,
}

impl Default for IndexConfig {
    fn default() -> Self {
        Self {
            k1: 0.9,
            b: 0.75,
            avg_len: 90.0,
            title_weight: 1.0,
            section_weight: 1.0,
            raw_weight: 0.5,
            expansion_weight: 0.4,
            related_weight: 0.3,
            optimize_every: 5_000,
        }
    }
}
