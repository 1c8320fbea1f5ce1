//! The gates between a draft and an answer. Nothing else makes an [`Answer`].

mod binding;
mod company;
mod cues;
mod framing;
mod gate;
mod grounding;
mod measures;
mod negation;
mod opposites;
mod profile;
mod quotation;
mod row;
#[cfg(test)]
mod tests;
mod verifier;
mod window;
mod words;

use std::collections::HashMap;
use std::fmt;

use domain::{Evidence, EvidencePassage, PageBox, PassageId, PlacedQuote, Source};

pub use gate::Gate;
pub(crate) use quotation::{Quotation, is_sound};
pub(crate) use verifier::{Claimed, Verifier};
pub use verifier::{GroundingConfig, Tally};

use crate::{Draft, DraftSentence};

/// Sentences that all passed the gates. Holding one is the proof: it can be made by [`verify()`] only.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    sentences: Vec<VerifiedSentence>,
    items_left_out: usize,
}

impl Answer {
    /// The sentences, in reading order; at least one.
    #[must_use]
    pub fn sentences(&self) -> &[VerifiedSentence] {
        &self.sentences
    }

    /// Items of a shown list that are not shown because the list is long; where it is not 0, the
    /// reader must be told that the list goes on.
    #[must_use]
    pub const fn items_left_out(&self) -> usize {
        self.items_left_out
    }

    /// The sentences as one text with `[1]` marks: sentences of one paragraph on one line, list
    /// items, rows and other paragraphs each on their own.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for sentence in &self.sentences {
            if !text.is_empty() {
                text.push(if sentence.continues { ' ' } else { '\n' });
            }
            text.push_str(&sentence.text);
            for citation in &sentence.citations {
                text.push_str(&format!(" [{}]", citation.number));
            }
        }
        text
    }
}

/// A sentence that passed the gates, with its citations.
#[derive(Clone, PartialEq)]
pub struct VerifiedSentence {
    text: String,
    support: Support,
    citations: Vec<Citation>,
    /// It follows the sentence before it in the same paragraph.
    continues: bool,
}

impl VerifiedSentence {
    /// The words shown.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// How the citations support the words.
    #[must_use]
    pub const fn support(&self) -> Support {
        self.support
    }

    /// At least one; one for each page where a quotation runs over a page break.
    #[must_use]
    pub fn citations(&self) -> &[Citation] {
        &self.citations
    }
}

/// How a sentence is supported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// The sentence is a quotation.
    Quoted,
    /// The sentence passed every gate: for a table row, its cells are quoted and the names of
    /// their columns added.
    Verified,
}

impl Support {
    /// The name in the contract.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Quoted => "quoted",
            Self::Verified => "verified",
        }
    }
}

/// Where a sentence stands in a document.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Citation {
    /// Its mark in the answer, from 1. The same quotation has the same number.
    pub number: u32,
    /// The passage.
    pub passage_id: PassageId,
    /// The document and version.
    pub source: Source,
    /// The page, from 1; `None` for formats without pages.
    pub page: Option<u32>,
    /// The headings it stands under, outermost first: a row or an item is read with them.
    pub section: Vec<String>,
    /// The words exactly as they stand in the document.
    pub quote: String,
    /// Where they stand on the page, one rectangle for each line; empty for formats without pages.
    pub boxes: Vec<PageBox>,
}

/// Why a draft is no answer. Sentences are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// There is nothing in it.
    #[error("the draft has no sentence")]
    Empty,
    /// A sentence stands on nothing.
    #[error("sentence {sentence} has no mark")]
    NoMark {
        /// Which sentence.
        sentence: usize,
    },
    /// A mark names a passage that is not among the evidence.
    #[error("sentence {sentence} cites a passage that was not offered")]
    NotOffered {
        /// Which sentence.
        sentence: usize,
    },
    /// A mark names no words of its passage, or part of a table row.
    #[error("sentence {sentence} cites no words that can be quoted")]
    NoQuote {
        /// Which sentence.
        sentence: usize,
    },
    /// The words are not those of the place they cite.
    #[error("sentence {sentence} does not stand where it says")]
    NotVerbatim {
        /// Which sentence.
        sentence: usize,
    },
}

/// Lets a draft become an answer when every sentence passes every gate. One sentence that fails
/// rejects the draft: what was picked beside it may be its exception.
///
/// Gates: *citation* (every mark names an offered passage and a place in it), *quotation* (the
/// words are those of that place, and its quotes stand in the document). Part 5 adds its gates
/// (quantity, binding, polarity, support, language) here, for drafts that are not quotations.
///
/// # Errors
/// [`Rejected`], which tells the first gate that failed and the sentence.
pub fn verify(draft: Draft, evidence: &Evidence) -> Result<Answer, Rejected> {
    let mut numbers = Numbers::default();
    let mut sentences = Vec::with_capacity(draft.sentences.len());
    let mut previous: Option<(PassageId, Option<usize>)> = None;
    for (index, sentence) in draft.sentences.into_iter().enumerate() {
        let checked = check(&sentence, index, evidence)?;
        let place = checked.place;
        let mut citations = Vec::new();
        for quote in checked.quotes {
            let passage = &checked.offered.passage;
            citations.push(Citation {
                number: numbers.of(passage.id, &quote),
                passage_id: passage.id,
                source: checked.offered.source.clone(),
                page: quote.page,
                section: passage.section.clone(),
                quote: quote.text,
                boxes: quote.boxes,
            });
        }
        let continues = place.1.is_some() && previous == Some(place);
        previous = Some(place);
        sentences.push(VerifiedSentence {
            text: sentence.text,
            support: checked.support,
            citations,
            continues,
        });
    }
    if sentences.is_empty() {
        return Err(Rejected::Empty);
    }
    Ok(Answer {
        sentences,
        items_left_out: draft.items_left_out,
    })
}

struct Checked<'a> {
    support: Support,
    offered: &'a EvidencePassage,
    quotes: Vec<PlacedQuote>,
    /// Passage and segment, to tell whether the next sentence goes on in the same paragraph.
    place: (PassageId, Option<usize>),
}

fn check<'a>(
    sentence: &DraftSentence,
    index: usize,
    evidence: &'a Evidence,
) -> Result<Checked<'a>, Rejected> {
    let [mark] = sentence.marks.as_slice() else {
        // A quotation stands in one place. Several marks are for drafts in other words (part 5).
        return Err(if sentence.marks.is_empty() {
            Rejected::NoMark { sentence: index }
        } else {
            Rejected::NotVerbatim { sentence: index }
        });
    };
    let offered = evidence
        .find(mark.passage_id)
        .ok_or(Rejected::NotOffered { sentence: index })?;
    let quotation = Quotation::at(&offered.passage, mark.range.clone())
        .ok_or(Rejected::NoQuote { sentence: index })?;
    if sentence.text != quotation.text {
        return Err(Rejected::NotVerbatim { sentence: index });
    }
    let support = if quotation.adds_headers {
        Support::Verified
    } else {
        Support::Quoted
    };
    Ok(Checked {
        support,
        offered,
        place: (mark.passage_id, quotation.segment),
        quotes: quotation.quotes,
    })
}

/// Gives each different quotation a number, in the order of first use.
#[derive(Default)]
struct Numbers {
    given: HashMap<(PassageId, Option<u32>, String), u32>,
}

impl Numbers {
    fn of(&mut self, passage_id: PassageId, quote: &PlacedQuote) -> u32 {
        let next = u32::try_from(self.given.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        *self
            .given
            .entry((passage_id, quote.page, quote.text.clone()))
            .or_insert(next)
    }
}

/// The words of documents do not reach a log by way of `{:?}`.
impl fmt::Debug for VerifiedSentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedSentence")
            .field("chars", &self.text.chars().count())
            .field("support", &self.support)
            .field("citations", &self.citations)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Citation")
            .field("number", &self.number)
            .field("passage_id", &self.passage_id)
            .field("version", &self.source.version)
            .field("page", &self.page)
            .field("quote_chars", &self.quote.chars().count())
            .finish_non_exhaustive()
    }
}
