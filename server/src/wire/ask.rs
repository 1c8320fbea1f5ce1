//! The cited answer, or why there is none.

use domain::{EvidencePassage, RequestId};
use generator::{Answer, Citation, Outcome, Refusal, VerifiedSentence, Writer, Written};
use serde::{Deserialize, Serialize};

use super::notice::{Notice, warnings_json};
use super::{PageBoxJson, PassageJson, WarningJson, boxes_json};

/// What `ask` answers.
#[derive(Debug, Serialize)]
pub(crate) struct AskJson {
    status: &'static str,
    question: String,
    language: &'static str,
    ai_generated: bool,
    sentences: Vec<SentenceJson>,
    answer: String,
    warnings: Vec<WarningJson>,
    declined: Option<DeclinedJson>,
    generator: GeneratorJson,
    passages: Vec<PassageJson>,
    timings_ms: AskTimingsJson,
    request_id: String,
}

#[derive(Debug, Serialize)]
struct GeneratorJson {
    mode: &'static str,
    model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
}

/// How an answer was made, and what the reader must know of that.
#[derive(Debug)]
pub(crate) struct Made {
    mode: &'static str,
    model: Option<String>,
    seed: Option<u64>,
    /// What the reader must know.
    pub(crate) notices: Vec<Notice>,
}

impl Default for Made {
    fn default() -> Self {
        Self {
            mode: "extractive",
            model: None,
            seed: None,
            notices: Vec::new(),
        }
    }
}

impl Made {
    /// By a model.
    #[must_use]
    pub(crate) fn by(writer: &Writer, written: &Written) -> Self {
        let mut notices = Vec::new();
        if written.is_cut_short {
            notices.push(Notice::CutShort);
        }
        if written.tally.dropped > 0 && matches!(written.outcome, Outcome::Answered(_)) {
            notices.push(Notice::SentencesDropped);
        }
        Self {
            mode: writer.mode().code(),
            model: Some(writer.model().to_owned()),
            seed: Some(writer.seed()),
            notices,
        }
    }
}

/// One sentence that passed every gate.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SentenceJson {
    text: String,
    support: &'static str,
    citations: Vec<CitationJson>,
}

/// Where a sentence comes from.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CitationJson {
    number: u32,
    passage_id: String,
    document_id: String,
    title: String,
    file_name: String,
    version: u32,
    effective_from: Option<String>,
    page: Option<u32>,
    section: Vec<String>,
    quote: String,
    boxes: Vec<PageBoxJson>,
}

#[derive(Debug, Serialize)]
struct DeclinedJson {
    reason: &'static str,
    message: String,
    nearest: Vec<PassageJson>,
}

/// Where the time of an answer went, in milliseconds.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct AskTimingsJson {
    /// Finding and reading the passages.
    pub(crate) retrieve: f64,
    /// Drafting.
    pub(crate) generate: f64,
    /// Verifying.
    pub(crate) verify: f64,
    /// From the question to the first sentence that may be shown.
    pub(crate) first_sentence: f64,
    /// All of it.
    pub(crate) total: f64,
}

impl AskJson {
    /// The answer to a question that was `asked`, from the passages `offered`.
    #[must_use]
    pub(crate) fn new(
        request_id: RequestId,
        asked: &domain::Question,
        outcome: &Outcome,
        offered: &[EvidencePassage],
        made: Made,
        timings_ms: AskTimingsJson,
    ) -> Self {
        let (status, sentences, answer, declined) = match outcome {
            Outcome::Answered(answer) => ("answered", sentences_json(answer), answer.text(), None),
            Outcome::Declined(refusal) => (
                "declined",
                Vec::new(),
                String::new(),
                Some(DeclinedJson::from(refusal)),
            ),
        };
        Self {
            status,
            question: asked.text().to_owned(),
            language: asked.language().code(),
            ai_generated: true,
            sentences,
            answer,
            warnings: warnings_json(outcome, &made.notices, asked.language()),
            declined,
            generator: GeneratorJson {
                mode: made.mode,
                model: made.model,
                seed: made.seed,
            },
            passages: offered.iter().map(PassageJson::from).collect(),
            timings_ms,
            request_id: request_id.to_string(),
        }
    }

    /// The sentences, as streamed one by one.
    #[must_use]
    pub(crate) fn sentences(&self) -> &[SentenceJson] {
        &self.sentences
    }

    /// Whether there is an answer.
    #[must_use]
    pub(crate) fn is_answered(&self) -> bool {
        self.declined.is_none()
    }

    /// The sentences as one text with marks.
    #[must_use]
    pub(crate) fn text(&self) -> &str {
        &self.answer
    }

    /// Every citation of every sentence.
    pub(crate) fn citations(&self) -> impl Iterator<Item = &CitationJson> {
        self.sentences
            .iter()
            .flat_map(|sentence| &sentence.citations)
    }

    /// For a terminal: the sentences with their marks, then what each mark stands for.
    #[must_use]
    pub(crate) fn as_lines(&self) -> String {
        let mut text = String::new();
        if let Some(declined) = &self.declined {
            text += &declined.message;
            for passage in &declined.nearest {
                text += &format!(
                    "\n\n· {}\n  {}",
                    passage.place(),
                    passage.text.replace('\n', "\n  ")
                );
            }
            return self.with_warnings(text);
        }
        for sentence in &self.sentences {
            text += &sentence.text;
            for citation in &sentence.citations {
                text += &format!(" [{}]", citation.number);
            }
            text.push('\n');
        }
        let mut told = std::collections::HashSet::new();
        for citation in self
            .citations()
            .filter(|citation| told.insert(citation.number))
        {
            let page = citation
                .page
                .map_or_else(String::new, |page| format!(", página {page}"));
            let since = citation
                .effective_from
                .as_ref()
                .map_or_else(String::new, |from| format!(", vigente desde {from}"));
            let section = citation
                .section
                .last()
                .map_or_else(String::new, |heading| format!(" — {heading}"));
            text += &format!(
                "\n[{}] {} (versión {}{since}){page}{section}\n    «{}»",
                citation.number, citation.title, citation.version, citation.quote
            );
        }
        self.with_warnings(text)
            + "\n\nRespuesta generada por IA a partir de los documentos citados. Compruebe la cita antes de actuar."
    }

    fn with_warnings(&self, mut text: String) -> String {
        for warning in &self.warnings {
            text += &format!("\nAviso: {}", warning.detail);
        }
        text
    }
}

/// What the reader must know beside the sentences.
impl SentenceJson {
    /// Where it comes from.
    #[must_use]
    pub(crate) fn citations(&self) -> &[CitationJson] {
        &self.citations
    }
}

impl CitationJson {
    /// The document cited.
    #[must_use]
    pub(crate) fn document_id(&self) -> &str {
        &self.document_id
    }

    /// The words cited.
    #[must_use]
    pub(crate) fn quote(&self) -> &str {
        &self.quote
    }
}

fn sentences_json(answer: &Answer) -> Vec<SentenceJson> {
    answer.sentences().iter().map(SentenceJson::from).collect()
}

impl From<&VerifiedSentence> for SentenceJson {
    fn from(sentence: &VerifiedSentence) -> Self {
        Self {
            text: sentence.text().to_owned(),
            support: sentence.support().code(),
            citations: sentence
                .citations()
                .iter()
                .map(CitationJson::from)
                .collect(),
        }
    }
}

impl From<&Citation> for CitationJson {
    fn from(citation: &Citation) -> Self {
        let source = &citation.source;
        Self {
            number: citation.number,
            passage_id: citation.passage_id.to_string(),
            document_id: source.document_id.to_string(),
            title: source.title.clone(),
            file_name: source.file_name.clone(),
            version: source.version,
            effective_from: source.effective_from.map(|date| date.to_string()),
            page: citation.page,
            section: citation.section.clone(),
            quote: citation.quote.clone(),
            boxes: boxes_json(&citation.boxes),
        }
    }
}

impl From<&Refusal> for DeclinedJson {
    fn from(refusal: &Refusal) -> Self {
        Self {
            reason: refusal.reason.code(),
            message: refusal.message.clone(),
            nearest: refusal.nearest.iter().map(PassageJson::from).collect(),
        }
    }
}

/// The body of `POST /api/v1/ask`.
#[derive(Debug, Deserialize)]
pub(crate) struct AskBody {
    /// The question.
    pub(crate) question: String,
    /// The language to answer in; told from the question where absent.
    #[serde(default)]
    pub(crate) language: Option<String>,
    /// Only documents of this collection.
    #[serde(default)]
    pub(crate) collection: Option<String>,
}
