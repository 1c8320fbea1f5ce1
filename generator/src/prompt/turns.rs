//! The turns of a prompt for a model on another machine, which has its template and its tokenizer
//! there.

use domain::{EvidencePassage, PassageId};

use super::{PromptError, PromptRequest, data, user_turn, wording};

/// Characters of a token, few: Spanish has four to five. Where the estimate is short the server
/// says that the prompt is too long.
const TOKEN_CHARS: usize = 3;

/// What is sent to a model on another machine.
#[derive(Clone, PartialEq)]
pub(crate) struct Turns {
    /// The rules.
    pub(crate) system: String,
    /// Passages, question, language.
    pub(crate) user: String,
    /// The passages shown: mark `n` is `offered[n - 1]`.
    pub(crate) offered: Vec<PassageId>,
    /// The sentence that says that the passages do not answer.
    pub(crate) refusal: String,
}

impl Turns {
    /// The turns, with as many of the best passages as fit into about `budget_tokens`, whole and
    /// in canonical order.
    pub(crate) fn build(
        request: &PromptRequest<'_>,
        budget_tokens: usize,
    ) -> Result<Self, PromptError> {
        if request.passages.is_empty() {
            return Err(PromptError::NoPassages);
        }
        let mut needed = 0;
        for count in (0..=request.passages.len()).rev() {
            let turns = Self::with(request, count);
            needed = (turns.system.chars().count() + turns.user.chars().count()) / TOKEN_CHARS;
            if needed <= budget_tokens && count > 0 {
                return Ok(turns);
            }
            if needed <= budget_tokens {
                let one = Self::with(request, 1);
                return Err(PromptError::PassageTooLong {
                    needed: one.user.chars().count() / TOKEN_CHARS,
                    budget: budget_tokens,
                });
            }
        }
        Err(PromptError::QuestionTooLong {
            needed,
            budget: budget_tokens,
        })
    }

    fn with(request: &PromptRequest<'_>, count: usize) -> Self {
        let mut shown: Vec<&EvidencePassage> = request.passages.iter().take(count).collect();
        shown.sort_by_key(|evidence| {
            let passage = &evidence.passage;
            (passage.document_id, passage.version_id, passage.ordinal)
        });
        Self {
            system: match request.system {
                Some(system) => data::without_controls(&data::plain(system)),
                None => wording::system(request.language, request.today),
            },
            user: data::without_controls(&user_turn(request, &shown)),
            offered: shown.iter().map(|evidence| evidence.passage.id).collect(),
            refusal: wording::refusal(request.language).to_owned(),
        }
    }
}
