//! The whole step: from question and evidence to an outcome.

use domain::{Analyzer, Evidence, Question};

use crate::refusal::refuse;
use crate::{DeclineReason, ExtractiveConfig, Outcome, draft, verify};

/// Answers from the evidence with quotations alone, or declines in the question's language.
#[must_use]
pub fn answer(
    question: &Question,
    evidence: &Evidence,
    analyzer: &Analyzer,
    config: &ExtractiveConfig,
) -> Outcome {
    match draft(question, evidence, analyzer, config) {
        Err(weakness) => Outcome::Declined(refuse(
            weakness.reason,
            question.language(),
            &weakness.nearest,
            evidence,
        )),
        Ok(drafted) => match verify(drafted, evidence) {
            Ok(verified) => Outcome::Answered(verified),
            Err(_) => {
                let nearest: Vec<_> = evidence
                    .passages
                    .iter()
                    .take(config.max_nearest)
                    .map(|offered| offered.passage.id)
                    .collect();
                Outcome::Declined(refuse(
                    DeclineReason::NotVerified,
                    question.language(),
                    &nearest,
                    evidence,
                ))
            }
        },
    }
}
