//! A draft made of quotations: sentences picked from the evidence, not yet checked.

use domain::{Analyzer, Evidence, Language, PassageId, Question};

use super::ExtractiveConfig;
use crate::extractive::asked::Asked;
use crate::extractive::choose::choose;
use crate::extractive::drugs::Drugs;
use crate::extractive::score::{Scored, score};
use crate::extractive::subject::Subject;
use crate::extractive::units::{Unit, units};
use crate::extractive::wanted::Wanted;
use crate::{DeclineReason, Draft, DraftSentence, Mark, Weakness};

/// The evidence read for a question: its units, and those that may answer, best first.
pub(super) struct Reading {
    pub(super) units: Vec<Unit>,
    pub(super) scored: Vec<Scored>,
    pub(super) wanted: Wanted,
}

/// Reads the evidence for a question.
///
/// # Errors
/// [`Weakness`] when the evidence does not cover enough of the question.
pub(super) fn read(
    question: &Question,
    evidence: &Evidence,
    analyzer: &Analyzer,
    config: &ExtractiveConfig,
) -> Result<Reading, Weakness> {
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
    Ok(Reading {
        units,
        scored,
        wanted,
    })
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
    let reading = read(question, evidence, analyzer, config)?;
    Ok(pick(reading, question.language(), evidence, config))
}

/// Of what was read, the sentences that answer best.
pub(super) fn pick(
    reading: Reading,
    language: Language,
    evidence: &Evidence,
    config: &ExtractiveConfig,
) -> Draft {
    let Reading {
        units,
        scored,
        wanted,
    } = reading;
    let scored = in_one_language(scored, &units, evidence, language, config);
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
    Draft {
        sentences,
        items_left_out: chosen.items_left_out,
    }
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
