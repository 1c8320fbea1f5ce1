//! What a model's answer may take.

use serde::{Deserialize, Serialize};

/// Settings of answers in a model's words, local or remote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WriterConfig {
    /// The most passages offered to the model.
    pub max_passages: usize,
    /// The most tokens of the whole prompt: system turn, passages and question. What a model's
    /// window cannot hold is cut further. On a processor every 1,000 cost seconds.
    pub prompt_tokens: usize,
    /// The most tokens of the answer.
    pub answer_tokens: usize,
    /// After this long the answer ends with the sentences checked so far; with none, the answer
    /// made of quotations stands in. Milliseconds.
    pub time_limit_ms: u64,
    /// Temperature of sampling, 0 to 2; 0 takes the likeliest token, and the same question gets
    /// the same answer.
    pub temperature: f32,
    /// Seed of sampling.
    pub seed: u64,
}

impl Default for WriterConfig {
    fn default() -> Self {
        Self {
            max_passages: 8,
            prompt_tokens: 3_000,
            answer_tokens: 400,
            time_limit_ms: 60_000,
            temperature: 0.0,
            seed: 0,
        }
    }
}
