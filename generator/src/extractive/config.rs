//! What the extractive answer may be tuned by.

use serde::{Deserialize, Serialize};

/// Settings of the extractive answer. The defaults were chosen on curves of right and wrong
/// refusals, not on single questions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExtractiveConfig {
    /// The most sentences or rows chosen for themselves. What must stand beside a chosen sentence
    /// (its exception, the line that opens its list, the sentence it points back to) comes on top.
    pub max_sentences: usize,
    /// The most items of one list shown for a question that asks for a list.
    pub max_list_items: usize,
    /// Share of the question, 0 to 1, that a sentence and its context must cover; below it the
    /// question is declined.
    pub min_coverage: f32,
    /// A further sentence is shown only where its score reaches this share of the best one's.
    pub min_share_of_best: f32,
    /// The most passages shown with a refusal.
    pub max_nearest: usize,
}

impl Default for ExtractiveConfig {
    fn default() -> Self {
        Self {
            max_sentences: 3,
            max_list_items: 12,
            min_coverage: 0.55,
            min_share_of_best: 0.8,
            max_nearest: 3,
        }
    }
}
