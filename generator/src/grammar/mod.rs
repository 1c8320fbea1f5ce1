//! What a model may write: sentences that end in marks, or the refusal.
//!
//! The rules ([`automaton`]) read bytes; a vocabulary's tokens, sorted into a tree of bytes
//! ([`trie`]), are walked against them to find which may come next. A mask is computed when a
//! state is first met and kept with the vocabulary, for all answers to come.

mod automaton;
mod characters;
mod sentences;
#[cfg(test)]
mod tests;
mod trie;
mod words;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use automaton::{MAX_MARKS, Rules};
use trie::TokenTrie;

use crate::compute::TokenMask;
use crate::model::ModelTokenizer;

pub(crate) use automaton::GrammarState;
pub(crate) use sentences::SentenceStream;
#[cfg(test)]
pub(crate) use sentences::split;

/// Bytes of masks kept; beyond them all are dropped and computed anew as they are met.
const KEPT_MASK_BYTES: usize = 32 << 20;

/// A model's vocabulary, made ready for grammars; one for each model. Of 255,000 tokens it takes
/// 9 MB and a seventh of a second; a mask is computed in 3 ms at most and takes 32 kB.
pub(crate) struct Vocabulary {
    tokenizer: Arc<ModelTokenizer>,
    stops: BTreeSet<u32>,
    trie: TokenTrie,
    masks: Mutex<HashMap<MaskKey, Arc<TokenMask>>>,
}

/// What a mask depends on. The refusal counts only where what is written may become it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct MaskKey {
    state: GrammarState,
    marks: usize,
    refusal: Option<Box<[u8]>>,
}

impl Vocabulary {
    /// Sorts the vocabulary. `stops` are the tokens that end an answer.
    pub(crate) fn new(tokenizer: Arc<ModelTokenizer>, stops: &BTreeSet<u32>) -> Self {
        Self {
            trie: TokenTrie::new(&tokenizer, stops),
            stops: stops.clone(),
            masks: Mutex::default(),
            tokenizer,
        }
    }
}

/// What may be written for so many marks and one refusal.
pub(crate) struct Grammar {
    vocabulary: Arc<Vocabulary>,
    rules: Rules,
}

impl Grammar {
    /// For marks `1..=marks` and `refusal`. Marks beyond 64 cannot be written.
    pub(crate) fn new(vocabulary: &Arc<Vocabulary>, marks: usize, refusal: &str) -> Self {
        Self {
            vocabulary: Arc::clone(vocabulary),
            rules: Rules {
                marks: marks.min(MAX_MARKS),
                refusal: refusal.as_bytes().into(),
                dummy_space: vocabulary.tokenizer.prefixes_space(),
            },
        }
    }

    /// Before the first token.
    pub(crate) const fn start(&self) -> GrammarState {
        GrammarState::START
    }

    /// The tokens that may come next.
    pub(crate) fn mask(&self, state: GrammarState) -> Arc<TokenMask> {
        let key = MaskKey {
            state: state.key(),
            marks: self.rules.marks,
            refusal: state.may_refuse().then(|| self.rules.refusal.clone()),
        };
        let masks = || {
            let kept = self.vocabulary.masks.lock();
            kept.unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(mask) = masks().get(&key) {
            return Arc::clone(mask);
        }
        let mask = Arc::new(self.walk(key.state));
        let mut kept = masks();
        if (kept.len() + 1) * self.vocabulary.trie.vocab() / 8 > KEPT_MASK_BYTES {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&mask));
        mask
    }

    fn walk(&self, state: GrammarState) -> TokenMask {
        let mut mask = TokenMask::none(self.vocabulary.trie.vocab());
        let overlong = state.is_overlong();
        self.vocabulary.trie.walk(
            state,
            // The length counts before a token, not within it.
            |state, byte| Some(state.step(byte, overlong, &self.rules)?.key_within()),
            |token| mask.set(token),
        );
        if state.is_complete() {
            for stop in &self.vocabulary.stops {
                mask.set(*stop);
            }
        }
        mask
    }

    /// The state after `token`; `None` where it may not come.
    pub(crate) fn next(&self, state: GrammarState, token: u32) -> Option<GrammarState> {
        if self.vocabulary.stops.contains(&token) {
            return state.is_complete().then_some(GrammarState::ENDED);
        }
        let bytes = self.vocabulary.tokenizer.token_bytes(token)?;
        if !trie::is_written(bytes) {
            return None;
        }
        let overlong = state.is_overlong();
        bytes.iter().try_fold(state, |state, byte| {
            state.step(*byte, overlong, &self.rules)
        })
    }

    /// Whether the answer may end here.
    #[cfg(test)]
    pub(crate) const fn is_complete(&self, state: GrammarState) -> bool {
        state.is_complete()
    }
}
