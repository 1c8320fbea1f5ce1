use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which tokens may come next: one bit a token, set = allowed.
#[derive(Clone, Debug)]
pub(crate) struct TokenMask {
    words: Vec<u32>,
    vocab: usize,
    id: u64,
}

/// Source of the ids by which copies on a device are found again.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl TokenMask {
    /// A mask that allows nothing.
    pub(crate) fn none(vocab: usize) -> Self {
        Self {
            words: vec![0; vocab.div_ceil(32)],
            vocab,
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Allows one token; tokens outside of the vocabulary are ignored. The mask gets a new id, so
    /// that a copy on a device is never older than it.
    pub(crate) fn set(&mut self, token: u32) {
        let token = token as usize;
        if token < self.vocab {
            self.words[token / 32] |= 1 << (token % 32);
            self.id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the token may come.
    pub(crate) fn allows(&self, token: u32) -> bool {
        let token = token as usize;
        token < self.vocab && self.words[token / 32] >> (token % 32) & 1 == 1
    }

    /// How many tokens are allowed.
    pub(crate) fn count(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// Bit `t % 32` of word `t / 32` is token `t`.
    pub(crate) fn words(&self) -> &[u32] {
        &self.words
    }

    /// Size of the vocabulary it speaks of.
    pub(crate) fn vocab(&self) -> usize {
        self.vocab
    }

    /// Equal ids mean equal masks.
    #[cfg(any(feature = "cuda", test))]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }
}

/// How to choose the token after one row of logits.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowChoice {
    /// `None` allows every token.
    pub(crate) mask: Option<Arc<TokenMask>>,
    /// 0 takes the most probable token.
    pub(crate) temperature: f32,
    /// Mass of the most probable tokens that stay eligible; 1 (or 0) keeps all.
    pub(crate) top_p: f32,
    /// Uniform in `[0, 1)`, from the request's seeded generator.
    pub(crate) noise: f32,
}

/// What was chosen after one row of logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) token: u32,
    /// `false`: the row held NaN or +∞, or nothing was allowed; `token` means nothing then.
    pub(crate) finite: bool,
}
