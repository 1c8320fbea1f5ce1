//! What comes back for a question: an answer, or a refusal with its reason.

use domain::EvidencePassage;

use crate::Answer;

/// What comes back for a question.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Sentences that all passed the gates.
    Answered(Answer),
    /// Nothing that may be shown as an answer.
    Declined(Refusal),
}

/// Why there is no answer, in words for the person who asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// Why, for programs.
    pub reason: DeclineReason,
    /// Why and what to do next, in the question's language.
    pub message: String,
    /// The passages nearest to the question, best first; they do not answer it.
    pub nearest: Vec<EvidencePassage>,
}

/// Why a question is declined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeclineReason {
    /// No passage was found at all.
    NoEvidence,
    /// Passages were found, and none covers enough of the question.
    WeakEvidence,
    /// What the question is about (a drug, a code, a name) stands in no passage found.
    SubjectNotFound,
    /// The question holds no word to search for.
    UnclearQuestion,
    /// An answer was drafted and did not pass the gates.
    NotVerified,
    /// A model read the passages and says that they do not answer.
    NotStated,
}

impl DeclineReason {
    /// A name for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NoEvidence => "no_evidence",
            Self::WeakEvidence => "weak_evidence",
            Self::SubjectNotFound => "subject_not_found",
            Self::UnclearQuestion => "unclear_question",
            Self::NotVerified => "not_verified",
            Self::NotStated => "not_stated",
        }
    }
}
