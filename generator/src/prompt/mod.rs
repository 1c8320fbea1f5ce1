//! What a model is given to read: system turn, numbered passages, question, language.

mod data;
mod language;
mod turns;
mod wording;

use std::fmt::Write as _;

use domain::{EvidencePassage, Language, PassageId};
use jiff::civil::Date;

use crate::model::{ChatTemplate, ModelTokenizer, Role, TemplateError, TokenizerError, Turn};

pub(crate) use language::answers_in;
pub(crate) use turns::Turns;

/// What a prompt is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PromptRequest<'a> {
    /// The question's words.
    pub(crate) question: &'a str,
    /// The language to answer in.
    pub(crate) language: Language,
    /// Best first.
    pub(crate) passages: &'a [EvidencePassage],
    /// Today.
    pub(crate) today: Date,
    /// The rules, where the hospital writes its own; `None` for Sístole's.
    pub(crate) system: Option<&'a str>,
    /// Whether a first answer came in another language, so that this one is asked for once more.
    pub(crate) insists_on_language: bool,
}

/// What a model is given to read.
#[derive(Clone, PartialEq)]
pub(crate) struct Prompt {
    /// As ids.
    pub(crate) tokens: Vec<u32>,
    /// As text.
    pub(crate) text: String,
    /// The passages shown: mark `n` is `offered[n - 1]`.
    pub(crate) offered: Vec<PassageId>,
    /// The sentence that says that the passages do not answer.
    pub(crate) refusal: String,
}

/// Why there is no prompt.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// No passage was given.
    #[error("no hay pasajes con los que responder")]
    NoPassages,
    /// The question and the rules alone are over the budget.
    #[error(
        "la pregunta es demasiado larga para este modelo ({needed} símbolos y caben {budget}): acórtela"
    )]
    QuestionTooLong {
        /// Tokens of the prompt without passages.
        needed: usize,
        /// Tokens there may be.
        budget: usize,
    },
    /// Not even the best passage fits beside the question.
    #[error("el pasaje más cercano no cabe en este modelo ({needed} símbolos y caben {budget})")]
    PassageTooLong {
        /// Tokens of the prompt with one passage.
        needed: usize,
        /// Tokens there may be.
        budget: usize,
    },
    /// The model's template gives nothing.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The text cannot be encoded.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

impl Prompt {
    /// Renders and encodes a prompt of up to `budget_tokens`: as many of the best passages as fit,
    /// whole, in canonical order, so that questions on the same documents begin alike.
    pub(crate) fn build(
        template: &ChatTemplate,
        tokenizer: &ModelTokenizer,
        request: &PromptRequest<'_>,
        budget_tokens: usize,
    ) -> Result<Self, PromptError> {
        if request.passages.is_empty() {
            return Err(PromptError::NoPassages);
        }
        let with = |count: usize| Self::with(template, tokenizer, request, count);
        // More passages are never fewer tokens: the most that fit are found by halving.
        let (mut fits, mut over) = (None, request.passages.len() + 1);
        let mut low = 1;
        while low < over {
            let count = if fits.is_none() && over > request.passages.len() {
                request.passages.len()
            } else {
                low.midpoint(over)
            };
            let prompt = with(count)?;
            if prompt.tokens.len() <= budget_tokens {
                fits = Some(prompt);
                low = count + 1;
            } else {
                over = count;
            }
        }
        if let Some(prompt) = fits {
            return Ok(prompt);
        }
        let bare = with(0)?.tokens.len();
        if bare > budget_tokens {
            return Err(PromptError::QuestionTooLong {
                needed: bare,
                budget: budget_tokens,
            });
        }
        Err(PromptError::PassageTooLong {
            needed: with(1)?.tokens.len(),
            budget: budget_tokens,
        })
    }

    fn with(
        template: &ChatTemplate,
        tokenizer: &ModelTokenizer,
        request: &PromptRequest<'_>,
        count: usize,
    ) -> Result<Self, PromptError> {
        let mut shown: Vec<&EvidencePassage> = request.passages.iter().take(count).collect();
        shown.sort_by_key(|evidence| {
            let passage = &evidence.passage;
            (passage.document_id, passage.version_id, passage.ordinal)
        });
        let system = match request.system {
            Some(system) => data::plain(system),
            None => wording::system(request.language, request.today),
        };
        let user = user_turn(request, &shown);
        let turns = [
            Turn {
                role: Role::System,
                content: &system,
            },
            Turn {
                role: Role::User,
                content: &user,
            },
        ];
        let rendered = template.render_marked(&turns, true, request.today)?;
        let tokens = tokenizer.encode_rendered(&rendered.text, &rendered.data)?;
        Ok(Self {
            tokens,
            text: rendered.text,
            offered: shown.iter().map(|evidence| evidence.passage.id).collect(),
            refusal: wording::refusal(request.language).to_owned(),
        })
    }
}

fn user_turn(request: &PromptRequest<'_>, shown: &[&EvidencePassage]) -> String {
    let labels = wording::labels(request.language);
    let mut text = format!("{}\n\n", labels.passages);
    for (index, evidence) in shown.iter().enumerate() {
        let source = &evidence.source;
        let _ = write!(
            text,
            "[{}] {} · {} {}",
            index + 1,
            data::line(&source.title),
            labels.version,
            source.version,
        );
        if let Some(day) = source.effective_from {
            let _ = write!(text, " · {day}");
        }
        let headings = evidence.passage.section.iter().map(|one| data::line(one));
        for heading in headings.filter(|heading| !heading.is_empty()) {
            let _ = write!(text, " · {heading}");
        }
        let _ = write!(text, "\n{}\n\n", data::passage(&evidence.passage.text));
    }
    let _ = write!(
        text,
        "{} {}\n\n{}",
        labels.question,
        data::line(request.question),
        labels.answer_in,
    );
    if request.insists_on_language {
        let _ = write!(text, "\n{}", labels.no_other);
    }
    text
}

#[cfg(test)]
mod tests;
