//! What the engine may be tuned by.

use serde::{Deserialize, Serialize};

/// Settings of the engine. The defaults fit a small model on a processor of a few cores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// The most answers written at once.
    pub max_sequences: usize,
    /// The most requests that wait while that many are written; one more is refused at once.
    pub queue: usize,
    /// The most prompt tokens computed in one step. Who already writes waits for a step at most,
    /// so a lower number makes writing smoother and reading a prompt a little slower.
    pub prefill_tokens_per_step: usize,
    /// How long a step that reads prompts should take at most, in milliseconds: on a slow machine
    /// fewer tokens are read in one, so that those who write do not stand still and a client who
    /// leaves is noticed soon. Never fewer than 64.
    pub step_milliseconds: u64,
    /// Tokens the cache of keys and values holds, all requests together and what is kept for
    /// prompts that begin alike; 0 takes what the model was loaded for.
    pub cache_tokens: usize,
    /// Whether to propose tokens copied from the prompt. The text written is the same: to the bit on
    /// the CPU, and on a GPU while a step has no more than 16 rows of dense weights; in a larger one
    /// the sums run in another order, and a near tie between two tokens may fall the other way.
    pub lookup: bool,
    /// The most tokens proposed in one step of one request.
    pub lookup_max_draft: usize,
    /// Proposes whether it pays or not, for tests: what pays depends on the clock.
    #[serde(skip)]
    pub(crate) lookup_always: bool,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            max_sequences: 8,
            queue: 32,
            prefill_tokens_per_step: 512,
            step_milliseconds: 500,
            cache_tokens: 0,
            lookup: true,
            lookup_max_draft: 7,
            lookup_always: false,
        }
    }
}

impl EngineConfig {
    /// The defaults for a graphics processor, which serves many at once as fast as one.
    #[must_use]
    pub fn for_gpu() -> Self {
        Self {
            max_sequences: 32,
            queue: 64,
            prefill_tokens_per_step: 4096,
            ..Self::default()
        }
    }
}
