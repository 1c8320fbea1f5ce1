//! domain — the words every other crate uses. Nothing here reads, writes, waits or computes a tensor.

mod evidence;
mod ids;
mod language;
mod pack;
mod passage;
mod question;
mod sentences;
mod terms;
mod text;

pub use evidence::{Evidence, EvidencePassage, Ranked, Scope, Source};
pub use ids::{DocumentId, InvalidId, JobId, PassageId, RequestId, VersionId};
pub use language::{Detection, InvalidLanguage, Language, detect_language};
pub use pack::{Abbreviation, DomainPack, Drug, Phrases, Synonym};
pub use passage::{BoundingBox, PageBox, Passage, PlacedQuote, Segment, SegmentKind, Span};
pub use question::{InvalidQuestion, MAX_QUESTION_CHARS, Question};
pub use sentences::sentences;
pub use terms::{Analyzer, Concept, Term, TermKind};
pub use text::{collapse_whitespace, fold, printable};
