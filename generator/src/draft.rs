//! A draft: sentences picked from the evidence, not yet checked.

use std::fmt;
use std::ops::Range;

use domain::{Analyzer, Evidence, Language, PassageId, Question};

use crate::asked::Asked;
use crate::choose::choose;
use crate::drugs::Drugs;
use crate::score::{Scored, score};
use crate::subject::Subject;
use crate::units::{Unit, units};
use crate::wanted::Wanted;
use crate::{DeclineReason, ExtractiveConfig};

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

/// Picks the sentences, list items and table rows that answer best.
///
/// # Errors
/// [`Weakness`] when the evidence does not cover enough of the question.
pub fn draft(
    question: &Question,
    evidence: &Evidence,
    analyzer: &Analyzer,
    config: &ExtractiveConfig,
) -> Result<Draft, Weakness> {
    let nearest: Vec<PassageId> = evidence
        .passages
        .iter()
        .take(config.max_nearest)
        .map(|offered| offered.passage.id)
        .collect();
    let weak = |reason, coverage| Weakness {
        reason,
        coverage,
        nearest: nearest.clone(),
    };
    if evidence.passages.is_empty() {
        return Err(weak(DeclineReason::NoEvidence, 0.0));
    }
    let drugs = Drugs::of(analyzer.pack());
    let asked = Asked::new(question, analyzer, &drugs);
    if asked.concepts.is_empty() {
        return Err(weak(DeclineReason::UnclearQuestion, 0.0));
    }
    let wanted = Wanted::of(question.text());
    let units = units(&asked, evidence, analyzer);
    let subject = Subject::of(&asked, question.text(), wanted, &drugs);
    let scored = score(&asked, wanted, &subject, &units, evidence);
    let Some(best) = scored.first() else {
        return Err(weak(DeclineReason::SubjectNotFound, 0.0));
    };
    if best.coverage < config.min_coverage {
        return Err(weak(DeclineReason::WeakEvidence, best.coverage));
    }
    let scored = in_one_language(scored, &units, evidence, question.language(), config);
    let chosen = choose(&scored, &units, evidence, wanted, config);
    let sentences = chosen
        .units
        .iter()
        .filter_map(|index| {
            let unit = units.get(*index)?;
            let passage = &evidence.passages.get(unit.passage)?.passage;
            Some(DraftSentence {
                text: passage.text.get(unit.range.clone())?.to_owned(),
                marks: vec![Mark {
                    passage_id: passage.id,
                    range: unit.range.clone(),
                }],
            })
        })
        .collect();
    Ok(Draft {
        sentences,
        items_left_out: chosen.items_left_out,
    })
}

/// From this share of the best score on, an answer in the question's language is preferred.
const OWN_LANGUAGE: f32 = 0.75;

/// Keeps to the question's language where it answers nearly as well as any other: a reader who
/// asks in Spanish is not given a Basque list, nor two languages in one answer. Where only another
/// language answers, it does, in its own words.
fn in_one_language(
    scored: Vec<Scored>,
    units: &[Unit],
    evidence: &Evidence,
    language: Language,
    config: &ExtractiveConfig,
) -> Vec<Scored> {
    let own = |candidate: &&Scored| {
        let unit = units.get(candidate.unit);
        let offered = unit.and_then(|unit| evidence.passages.get(unit.passage));
        offered.is_some_and(|offered| offered.passage.language == language)
    };
    let best = scored.first().map_or(0.0, |best| best.score);
    let answers = |candidate: &&Scored| {
        own(candidate)
            && candidate.coverage >= config.min_coverage
            && candidate.score >= OWN_LANGUAGE * best
    };
    if scored.iter().any(|candidate| answers(&candidate)) {
        scored.iter().filter(own).copied().collect()
    } else {
        scored
    }
}
