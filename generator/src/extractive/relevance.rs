//! What of the evidence speaks of the question at all. A model may copy a true sentence that
//! answers something else; it is held against this.

use std::ops::Range;

use domain::{Analyzer, Evidence, PassageId, Question};

use super::ExtractiveConfig;
use super::draft::{pick, read};
use crate::{Mark, Weakness};

/// The places of the evidence that speak of the question, each with the share of it they cover.
#[derive(Debug, Clone)]
pub(crate) struct Relevance {
    places: Vec<(PassageId, Range<usize>, f32)>,
    /// The share a sentence must cover to be shown.
    least: f32,
    /// What an answer made of quotations would show.
    quoted: Vec<Mark>,
}

/// The share of [`ExtractiveConfig::min_coverage`] that a further sentence of an answer must
/// cover: it goes on from the one before and need not name everything again.
const FURTHER: f32 = 0.5;

impl Relevance {
    /// Reads the evidence for the question.
    ///
    /// # Errors
    /// [`Weakness`] when the evidence does not cover enough of the question for any answer.
    pub(crate) fn of(
        question: &Question,
        evidence: &Evidence,
        analyzer: &Analyzer,
        config: &ExtractiveConfig,
    ) -> Result<Self, Weakness> {
        let reading = read(question, evidence, analyzer, config)?;
        let places = reading
            .scored
            .iter()
            .filter_map(|scored| {
                let unit = reading.units.get(scored.unit)?;
                let passage = &evidence.passages.get(unit.passage)?.passage;
                Some((passage.id, unit.range.clone(), scored.coverage))
            })
            .collect();
        let draft = pick(reading, question.language(), evidence, config);
        Ok(Self {
            places,
            least: FURTHER * config.min_coverage,
            quoted: draft
                .sentences
                .into_iter()
                .flat_map(|sentence| sentence.marks)
                .collect(),
        })
    }

    /// Whether the words at `range` of the passage may stand in for a sentence that was turned away:
    /// they must be what an answer made of quotations would show, or they answer something else.
    pub(crate) fn is_quotable(&self, passage: PassageId, range: &Range<usize>) -> bool {
        self.quoted.iter().any(|mark| {
            mark.passage_id == passage
                && mark.range.start < range.end
                && range.start < mark.range.end
        })
    }

    /// Whether the words at `range` of the passage speak of the question.
    pub(crate) fn speaks_of_it(&self, passage: PassageId, range: &Range<usize>) -> bool {
        self.places.iter().any(|(id, place, coverage)| {
            *id == passage
                && place.start < range.end
                && range.start < place.end
                && *coverage >= self.least
        })
    }

    /// The passages in the order of their best place.
    pub(crate) fn passages(&self) -> impl Iterator<Item = PassageId> {
        let mut told = std::collections::HashSet::new();
        self.places
            .iter()
            .filter(|(.., coverage)| *coverage >= self.least)
            .map(|(id, ..)| *id)
            .filter(move |id| told.insert(*id))
    }
}
