//! The answer made of quotations: no model, a fixed cost, the words of the documents alone.

mod answer;
mod asked;
mod choose;
mod config;
mod cues;
mod draft;
mod drugs;
mod fit;
mod relevance;
mod score;
mod subject;
mod units;
mod values;
mod wanted;
mod wording;

pub use answer::answer;
pub use config::ExtractiveConfig;
pub(crate) use cues::{note_mark, opens_a_list, opens_an_exception, points_back};
pub use draft::draft;
pub(crate) use drugs::Drugs;
pub(crate) use relevance::Relevance;
pub(crate) use values::{Stated, compares, stated};
