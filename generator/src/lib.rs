//! generator — from evidence to an answer that can be checked. Steps: draft, verify.

mod answer;
mod asked;
mod choose;
mod config;
mod cues;
mod draft;
mod drugs;
mod fit;
mod outcome;
mod refusal;
mod score;
mod subject;
mod units;
mod values;
mod verify;
mod wanted;
mod wording;

pub use answer::answer;
pub use config::ExtractiveConfig;
pub use draft::{Draft, DraftSentence, Mark, Weakness, draft};
pub use outcome::{DeclineReason, Outcome, Refusal};
pub use verify::{Answer, Citation, Rejected, Support, VerifiedSentence, verify};
