//! Passages as ingestion makes them, and a small domain pack.

use std::sync::Arc;

use domain::{
    Abbreviation, Analyzer, BoundingBox, DocumentId, DomainPack, Drug, Evidence, EvidencePassage,
    Language, PageBox, Passage, PassageId, Phrases, Question, Segment, SegmentKind, Source, Span,
    VersionId,
};
use generator::{Answer, ExtractiveConfig, Outcome, Refusal, answer};

pub(crate) use SegmentKind::{Caption, Footnote, ListItem, Paragraph, TableRow};

/// A document's passage under construction.
#[derive(Debug)]
pub(crate) struct Fixture {
    title: String,
    section: Vec<String>,
    language: Language,
    text: String,
    segments: Vec<Segment>,
    spans: Vec<Span>,
}

pub(crate) fn document(title: &str) -> Fixture {
    Fixture {
        title: title.to_owned(),
        section: Vec::new(),
        language: Language::Spanish,
        text: String::new(),
        segments: Vec::new(),
        spans: Vec::new(),
    }
}

impl Fixture {
    pub(crate) fn section(mut self, name: &str) -> Self {
        self.section.push(name.to_owned());
        self
    }

    pub(crate) fn language(mut self, language: Language) -> Self {
        self.language = language;
        self
    }

    pub(crate) fn line(mut self, kind: SegmentKind, text: &str) -> Self {
        self.push(kind, text, None);
        self
    }

    /// A row as ingestion writes it: each value after its header's name, and the cells as quoted.
    pub(crate) fn row(mut self, header: &[&str], cells: &[&str]) -> Self {
        let text: Vec<String> = header
            .iter()
            .zip(cells)
            .map(|(name, cell)| format!("{name}: {cell}"))
            .collect();
        self.push(TableRow, &text.join("; "), Some(cells.join(" ")));
        self
    }

    fn push(&mut self, kind: SegmentKind, text: &str, quote: Option<String>) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let start = offset(self.text.len());
        self.text.push_str(text);
        let end = offset(self.text.len());
        self.segments.push(Segment {
            start,
            end,
            kind,
            quote,
        });
    }

    /// Words from byte `from` on stand on `page`, those before on the page before it.
    pub(crate) fn page_break(mut self, before: &str, page: u32) -> Self {
        let at = offset(self.text.find(before).expect("the words are in the text"));
        let mut place = |start, end, page, y0| {
            let bbox = BoundingBox {
                x0: 72.0,
                y0,
                x1: 500.0,
                y1: y0 + 10.0,
            };
            self.spans.push(Span {
                start,
                end,
                place: PageBox { page, bbox },
            });
        };
        place(0, at - 1, page - 1, 780.0);
        place(at, offset(self.text.len()), page, 60.0);
        self
    }

    pub(crate) fn passage(self) -> EvidencePassage {
        let version_id = VersionId::generate();
        let document_id = DocumentId::generate();
        EvidencePassage {
            rank: 1,
            score: 1.0,
            passage: Passage {
                id: PassageId::of(version_id, 0, &self.text),
                document_id,
                version_id,
                ordinal: 0,
                section: self.section,
                text: self.text,
                language: self.language,
                segments: self.segments,
                spans: self.spans,
            },
            source: Source {
                document_id,
                version_id,
                version: 1,
                title: self.title,
                file_name: "protocolo.pdf".to_owned(),
                collection: "general".to_owned(),
                effective_from: None,
                effective_to: None,
            },
        }
    }
}

/// The passages as the retriever hands them over, best first.
pub(crate) fn evidence(documents: impl IntoIterator<Item = Fixture>) -> Evidence {
    let mut passages: Vec<EvidencePassage> = documents.into_iter().map(Fixture::passage).collect();
    for (place, offered) in passages.iter_mut().enumerate() {
        offered.rank = offset(place) + 1;
        offered.score = 10.0 / (1.0 + place as f32 * 0.2);
    }
    Evidence { passages }
}

pub(crate) fn analyzer() -> Analyzer {
    let drug = |inn: &[&str], brands: &[&str], class: &str| Drug {
        inn: inn.iter().map(|name| (*name).to_owned()).collect(),
        brands: brands.iter().map(|name| (*name).to_owned()).collect(),
        classes: vec![class.to_owned()],
    };
    let icfer = Abbreviation {
        short: vec!["ICFEr".to_owned(), "HFrEF".to_owned()],
        long: Phrases {
            es: vec!["insuficiencia cardíaca con fracción de eyección reducida".to_owned()],
            ..Phrases::default()
        },
        other_senses: Vec::new(),
        kind_of: Vec::new(),
    };
    let bb = Abbreviation {
        short: vec!["BB".to_owned()],
        long: Phrases {
            es: vec!["betabloqueante".to_owned()],
            ..Phrases::default()
        },
        other_senses: Vec::new(),
        kind_of: Vec::new(),
    };
    Analyzer::new(Arc::new(DomainPack {
        name: "heart-failure".to_owned(),
        abbreviations: vec![icfer, bb],
        drugs: vec![
            drug(&["bisoprolol"], &["Emconcor"], "BB"),
            drug(&["carvedilol"], &["Coropres"], "BB"),
            drug(
                &["sacubitrilo/valsartán", "sacubitril/valsartan"],
                &["Entresto"],
                "ARNI",
            ),
        ],
        synonyms: Vec::new(),
    }))
}

pub(crate) fn question(text: &str) -> Question {
    Question::parse(text, Some(Language::Spanish)).expect("a question")
}

pub(crate) fn ask(text: &str, evidence: &Evidence) -> Outcome {
    ask_in(Language::Spanish, text, evidence)
}

pub(crate) fn ask_in(language: Language, text: &str, evidence: &Evidence) -> Outcome {
    let question = Question::parse(text, Some(language)).expect("a question");
    answer(
        &question,
        evidence,
        &analyzer(),
        &ExtractiveConfig::default(),
    )
}

pub(crate) fn answered(text: &str, evidence: &Evidence) -> Answer {
    match ask(text, evidence) {
        Outcome::Answered(answer) => answer,
        Outcome::Declined(refusal) => panic!("«{text}» was declined: {:?}", refusal.reason),
    }
}

pub(crate) fn declined(text: &str, evidence: &Evidence) -> Refusal {
    match ask(text, evidence) {
        Outcome::Declined(refusal) => refusal,
        Outcome::Answered(answer) => panic!("«{text}» was answered: {}", answer.text()),
    }
}

/// The dose table that every cardiology protocol has.
pub(crate) fn dose_table() -> Fixture {
    let header = ["Fármaco", "Dosis inicial", "Dosis objetivo"];
    document("Protocolo de insuficiencia cardíaca")
        .section("Tratamiento")
        .section("Betabloqueantes e INRA")
        .line(Caption, "Tabla 3. Dosis inicial y objetivo de los fármacos")
        .row(&header, &["Bisoprolol", "1,25 mg/24 h", "10 mg/24 h"])
        .row(&header, &["Carvedilol", "3,125 mg/12 h", "25 mg/12 h*"])
        .row(
            &header,
            &["Sacubitrilo/valsartán", "24/26 mg/12 h", "97/103 mg/12 h"],
        )
        .line(Footnote, "* 50 mg/12 h si el peso es de 85 kg o más.")
}

fn offset(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("fixtures are short")
}
