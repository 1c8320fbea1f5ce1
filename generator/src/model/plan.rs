//! What a model will occupy, said before it is loaded.

use super::config::ModelConfig;
use crate::compute::{BLOCK_TOKENS, partial_bytes};

/// Rows of one step at most, for the estimate of the workspace, where nobody says.
const STEP_ROWS: usize = 512;
/// Rows of logits at once, for the estimate of the workspace.
const LOGIT_ROWS: u64 = 64;
/// Tokenizer, tries of the grammar, masks and what the allocator keeps.
const FIXED: u64 = 96 << 20;

/// Bytes that a model needs and what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct MemoryPlan {
    /// Weights, as they will lie in memory.
    pub weights: u64,
    /// Cache of keys and values.
    pub cache: u64,
    /// Activations, partial results of attention, logits, rotary table, tokenizer: an estimate from
    /// above.
    pub workspace: u64,
    /// Free on the device, or the limit set if that is less.
    pub available: u64,
}

/// What will be done with a model at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Tokens in the cache of keys and values, all requests together.
    pub(super) cache_tokens: usize,
    /// Tokens of one request.
    pub(super) context_tokens: usize,
    /// Tokens computed in one step; 0 where nobody says.
    pub(super) step_tokens: usize,
}

impl MemoryPlan {
    /// What is needed in all.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.weights
            .saturating_add(self.cache)
            .saturating_add(self.workspace)
    }

    /// Whether it fits.
    #[must_use]
    pub const fn fits(&self) -> bool {
        self.total() <= self.available
    }

    /// The plan for a model whose weights take `weights` bytes.
    pub(super) fn new(config: &ModelConfig, weights: u64, load: Load, available: u64) -> Self {
        let Load {
            cache_tokens,
            context_tokens,
            step_tokens,
        } = load;
        let step_rows = if step_tokens == 0 {
            STEP_ROWS
        } else {
            step_tokens
        };
        let wide = |count: usize| count as u64;
        // Keys and values of 2 bytes, whole blocks.
        let blocks = wide(cache_tokens.div_ceil(BLOCK_TOKENS));
        let cache = [
            wide(BLOCK_TOKENS),
            2 * 2,
            wide(config.kv_heads),
            wide(config.head_dim),
            wide(config.layers),
        ]
        .into_iter()
        .fold(blocks, u64::saturating_mul);
        let row = wide(config.hidden) * 4
            + wide(config.heads + 2 * config.kv_heads) * wide(config.head_dim) * 2
            + wide(config.intermediate) * 4;
        let workspace = (row * 4)
            .saturating_mul(wide(step_rows))
            .saturating_add(wide(config.vocab) * 4 * LOGIT_ROWS)
            .saturating_add(wide(context_tokens).saturating_mul(wide(config.head_dim) * 4))
            .saturating_add(wide(partial_bytes(config.head_shape(), context_tokens)))
            .saturating_add(FIXED);
        Self {
            weights,
            cache,
            workspace,
            available,
        }
    }
}

/// Bytes as people say them: «4,5 GiB».
pub(super) fn human(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} bytes")
    } else {
        format!("{value:.1} {}", UNITS[unit]).replace('.', ",")
    }
}
