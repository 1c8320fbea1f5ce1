//! A draft: sentences with what they claim to stand on, not yet checked.

use std::fmt;
use std::ops::Range;

use domain::PassageId;

use crate::DeclineReason;

/// An answer nobody has checked yet. Only [`crate::verify()`] makes an [`crate::Answer`] of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// In the order they are to be read.
    pub sentences: Vec<DraftSentence>,
    /// Items of a shown list that were left out because the list is long.
    pub items_left_out: usize,
}

/// One sentence and what it claims to stand on.
#[derive(Clone, PartialEq, Eq)]
pub struct DraftSentence {
    /// The words to be shown.
    pub text: String,
    /// What they stand on; a sentence without a mark never becomes part of an answer.
    pub marks: Vec<Mark>,
}

/// A place in a passage that a sentence stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The passage.
    pub passage_id: PassageId,
    /// Bytes of the passage's text.
    pub range: Range<usize>,
}

/// Why nothing was drafted.
#[derive(Debug, Clone, PartialEq)]
pub struct Weakness {
    /// Why, for programs.
    pub reason: DeclineReason,
    /// Share of the question that the best sentence and its context cover, 0 to 1.
    pub coverage: f32,
    /// The passages nearest to the question, best first.
    pub nearest: Vec<PassageId>,
}

/// The words of documents do not reach a log by way of `{:?}`.
impl fmt::Debug for DraftSentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DraftSentence")
            .field("chars", &self.text.chars().count())
            .field("marks", &self.marks)
            .finish()
    }
}
