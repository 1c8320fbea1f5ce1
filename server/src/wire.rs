//! JSON as the outward contract writes it: the counterparts of the types inside, converted by hand
//! so that a change inside never changes what hospitals' systems read.

use domain::{BoundingBox, EvidencePassage, Language, PageBox, RequestId};
use generator::{Answer, Citation, Outcome, Refusal, Support};
use ingest::{Block, BlockKind, Extracted, Page, Warning};
use serde::{Deserialize, Serialize};

/// `[x0, y0, x1, y1]` in points from the page's top left corner, to a tenth of a point.
pub(crate) type BoxJson = [f32; 4];

fn box_json(bbox: BoundingBox) -> BoxJson {
    [bbox.x0, bbox.y0, bbox.x1, bbox.y1].map(|points| (points * 10.0).round() / 10.0)
}

/// A rectangle on a page.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PageBoxJson {
    /// Page number, from 1.
    pub(crate) page: u32,
    /// Where on it.
    pub(crate) bbox: BoxJson,
}

impl From<&PageBox> for PageBoxJson {
    fn from(place: &PageBox) -> Self {
        Self {
            page: place.page,
            bbox: box_json(place.bbox),
        }
    }
}

fn boxes_json(boxes: &[PageBox]) -> Vec<PageBoxJson> {
    boxes.iter().map(PageBoxJson::from).collect()
}

/// What `sistole extract` prints.
#[derive(Debug, Serialize)]
pub(crate) struct ExtractJson {
    document: ExtractedDocumentJson,
    pages: Vec<PageJson>,
    warnings: Vec<WarningJson>,
}

#[derive(Debug, Serialize)]
struct ExtractedDocumentJson {
    file: String,
    sha256: String,
    media_type: &'static str,
    title: Option<String>,
    language: &'static str,
    page_count: usize,
}

/// One page of an extracted document.
#[derive(Debug, Serialize)]
pub(crate) struct PageJson {
    number: u32,
    label: Option<String>,
    width: Option<f32>,
    height: Option<f32>,
    source: &'static str,
    text: String,
    blocks: Vec<BlockJson>,
}

#[derive(Debug, Serialize)]
struct BlockJson {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<u8>,
    text: String,
    bbox: Option<BoxJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<Vec<CellJson>>>,
}

#[derive(Debug, Serialize)]
struct CellJson {
    text: String,
    row_span: u32,
    column_span: u32,
    bbox: Option<BoxJson>,
}

/// Something a person should know about a document or an answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct WarningJson {
    /// Its name for programs.
    pub(crate) code: String,
    /// The page it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<u32>,
    /// One sentence.
    pub(crate) detail: String,
}

impl ExtractJson {
    /// `extracted` from a file of this name and these bytes' hash.
    #[must_use]
    pub(crate) fn new(file: &str, sha256: &str, extracted: &Extracted) -> Self {
        Self {
            document: ExtractedDocumentJson {
                file: file.to_owned(),
                sha256: sha256.to_owned(),
                media_type: extracted.media_type.mime(),
                title: extracted.title.clone(),
                language: ingest::document_language(extracted).code(),
                page_count: extracted.pages.len(),
            },
            pages: extracted.pages.iter().map(PageJson::from).collect(),
            warnings: extracted.warnings.iter().map(WarningJson::from).collect(),
        }
    }
}

impl From<&Page> for PageJson {
    fn from(page: &Page) -> Self {
        Self {
            number: page.number,
            label: page.label.clone(),
            width: page.width,
            height: page.height,
            source: page.source.as_str(),
            text: page.text(),
            blocks: page.blocks.iter().map(BlockJson::from).collect(),
        }
    }
}

impl From<&Block> for BlockJson {
    fn from(block: &Block) -> Self {
        let cells = |row: &Vec<ingest::Cell>| {
            let cell = |cell: &ingest::Cell| CellJson {
                text: cell.text.clone(),
                row_span: cell.row_span,
                column_span: cell.column_span,
                bbox: cell.bbox.map(box_json),
            };
            row.iter().map(cell).collect()
        };
        Self {
            kind: block.kind.as_str(),
            level: block.level.filter(|_| block.kind == BlockKind::Heading),
            text: block.text.clone(),
            bbox: block.bbox.map(box_json),
            rows: block
                .rows
                .as_ref()
                .map(|rows| rows.iter().map(cells).collect()),
        }
    }
}

impl From<&Warning> for WarningJson {
    fn from(warning: &Warning) -> Self {
        Self {
            code: warning.code.as_str().to_owned(),
            page: warning.page,
            detail: warning.detail.clone(),
        }
    }
}

/// What `search` answers.
#[derive(Debug, Serialize)]
pub(crate) struct SearchJson {
    /// The question searched for.
    pub(crate) query: String,
    /// Its language.
    pub(crate) language: &'static str,
    /// Best first.
    pub(crate) passages: Vec<PassageJson>,
    /// Where the time went.
    pub(crate) timings_ms: SearchTimingsJson,
}

/// Where the time of a search went.
#[derive(Debug, Default, Serialize)]
pub(crate) struct SearchTimingsJson {
    /// Making the question's vectors.
    pub(crate) embed: f64,
    /// In the index and the catalogue.
    pub(crate) search: f64,
    /// Ranking again.
    pub(crate) rerank: f64,
    /// All of it.
    pub(crate) total: f64,
}

/// A ranked passage.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PassageJson {
    rank: u32,
    score: f32,
    passage_id: String,
    document_id: String,
    title: String,
    file_name: String,
    version: u32,
    collection: String,
    effective_from: Option<String>,
    language: &'static str,
    pages: Vec<u32>,
    section: Vec<String>,
    text: String,
    boxes: Vec<PageBoxJson>,
}

impl PassageJson {
    /// The document it belongs to.
    #[must_use]
    pub(crate) fn document_id(&self) -> &str {
        &self.document_id
    }

    fn place(&self) -> String {
        let mut place = format!("{} (versión {})", self.title, self.version);
        if let Some(page) = self.pages.first() {
            place += &format!(", página {page}");
        }
        if !self.section.is_empty() {
            place += &format!(" — {}", self.section.join(" › "));
        }
        place
    }
}

impl SearchJson {
    /// For a terminal.
    #[must_use]
    pub(crate) fn as_lines(&self) -> String {
        if self.passages.is_empty() {
            return "Ningún pasaje encaja con la pregunta.".to_owned();
        }
        let passage = |passage: &PassageJson| {
            format!(
                "{}. {}  [{:.3}]\n   {}",
                passage.rank,
                passage.place(),
                passage.score,
                passage.text.replace('\n', "\n   ")
            )
        };
        self.passages
            .iter()
            .map(passage)
            .collect::<Vec<_>>()
            .join("\n\n")
    }
}

impl From<&EvidencePassage> for PassageJson {
    fn from(offered: &EvidencePassage) -> Self {
        let (passage, source) = (&offered.passage, &offered.source);
        Self {
            rank: offered.rank,
            score: (offered.score * 1e4).round() / 1e4,
            passage_id: passage.id.to_string(),
            document_id: source.document_id.to_string(),
            title: source.title.clone(),
            file_name: source.file_name.clone(),
            version: source.version,
            collection: source.collection.clone(),
            effective_from: source.effective_from.map(|date| date.to_string()),
            language: passage.language.code(),
            pages: passage.pages(),
            section: passage.section.clone(),
            text: passage.text.clone(),
            boxes: boxes_json(&passage.boxes(0..passage.text.len())),
        }
    }
}

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
            warnings: warnings_json(outcome, asked.language()),
            declined,
            generator: GeneratorJson {
                mode: "extractive",
                model: None,
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
            return text;
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
        for warning in &self.warnings {
            text += &format!("\nAviso: {}", warning.detail);
        }
        text + "\n\nRespuesta generada por IA a partir de los documentos citados. Compruebe la cita antes de actuar."
    }

    /// The passages offered, as streamed before the sentences.
    #[must_use]
    pub(crate) fn passages(&self) -> &[PassageJson] {
        &self.passages
    }
}

/// What the reader must know beside the sentences.
fn warnings_json(outcome: &Outcome, language: Language) -> Vec<WarningJson> {
    let Outcome::Answered(answer) = outcome else {
        return Vec::new();
    };
    let left_out = answer.items_left_out();
    if left_out == 0 {
        return Vec::new();
    }
    let detail = match language {
        Language::Spanish => format!(
            "La lista sigue en el documento: faltan {left_out} elementos. Ábralo antes de actuar."
        ),
        Language::Catalan => format!(
            "La llista continua al document: falten {left_out} elements. Obriu-lo abans d'actuar."
        ),
        Language::Basque => format!(
            "Zerrendak dokumentuan jarraitzen du: {left_out} elementu falta dira. Ireki ezazu jardun aurretik."
        ),
        Language::Galician => format!(
            "A lista segue no documento: faltan {left_out} elementos. Ábrao antes de actuar."
        ),
        Language::English => format!(
            "The list goes on in the document: {left_out} items are missing here. Open it before you act."
        ),
    };
    vec![WarningJson {
        code: "list_continues".to_owned(),
        page: None,
        detail,
    }]
}

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
    let sentence = |sentence: &generator::VerifiedSentence| SentenceJson {
        text: sentence.text().to_owned(),
        support: match sentence.support() {
            Support::Quoted => "quoted",
            Support::Verified => "verified",
        },
        citations: sentence
            .citations()
            .iter()
            .map(CitationJson::from)
            .collect(),
    };
    answer.sentences().iter().map(sentence).collect()
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

/// What `ingest` reports.
#[derive(Debug, Default, Serialize)]
pub(crate) struct IngestJson {
    /// Files that are in use now.
    pub(crate) accepted: Vec<AcceptedJson>,
    /// Files whose bytes were known already.
    pub(crate) unchanged: Vec<UnchangedJson>,
    /// Files that were not taken, each with its reason.
    pub(crate) rejected: Vec<RejectedJson>,
    /// Where the time went.
    pub(crate) timings_ms: TotalJson,
}

/// A file taken in.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct AcceptedJson {
    /// The file, as given.
    pub(crate) file: String,
    /// Its document.
    pub(crate) document_id: String,
    /// The number of its version.
    pub(crate) version: u32,
    /// Its state.
    pub(crate) status: String,
    /// Its pages; 0 for formats without.
    pub(crate) pages: u32,
    /// Its passages.
    pub(crate) passages: u64,
    /// What a person should know before trusting it.
    pub(crate) warnings: Vec<WarningJson>,
}

/// A file that was known already.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct UnchangedJson {
    /// The file, as given.
    pub(crate) file: String,
    /// Its document.
    pub(crate) document_id: String,
}

/// A file that was not taken.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RejectedJson {
    /// The file, as given.
    pub(crate) file: String,
    /// Why, for programs.
    pub(crate) code: String,
    /// Why, for people.
    pub(crate) message: String,
}

/// A total in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct TotalJson {
    /// All of it.
    pub(crate) total: f64,
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

/// The body of `POST /api/v1/search`.
#[derive(Debug, Deserialize)]
pub(crate) struct SearchBody {
    /// The question.
    pub(crate) question: String,
    /// How many passages, at most 100.
    #[serde(default)]
    pub(crate) limit: Option<usize>,
    /// The language of the question; told from its words where absent.
    #[serde(default)]
    pub(crate) language: Option<String>,
    /// Only documents of this collection.
    #[serde(default)]
    pub(crate) collection: Option<String>,
}

/// The body of `POST /api/v1/feedback`.
#[derive(Debug, Deserialize)]
pub(crate) struct FeedbackBody {
    /// The answer it is about.
    pub(crate) request_id: String,
    /// `helpful`, `wrong`, `incomplete` or `unsafe`.
    pub(crate) verdict: String,
    /// In the reader's words.
    #[serde(default)]
    pub(crate) comment: Option<String>,
}

/// Milliseconds since `start`, to a hundredth.
#[must_use]
pub(crate) fn milliseconds(start: std::time::Instant) -> f64 {
    round_ms(start.elapsed().as_secs_f64() * 1_000.0)
}

/// Milliseconds to a hundredth.
#[must_use]
pub(crate) fn round_ms(milliseconds: f64) -> f64 {
    (milliseconds * 100.0).round() / 100.0
}
