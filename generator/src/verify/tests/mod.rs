//! What the gates let through and what they stop, on small documents.

use std::sync::Arc;

use domain::{
    Analyzer, DocumentId, DomainPack, Drug, Evidence, EvidencePassage, Language, Passage,
    PassageId, Question, Segment, SegmentKind, Source, VersionId,
};

use super::{Claimed, Gate, GroundingConfig, Support, Tally, Verifier};
use crate::ExtractiveConfig;
use crate::extractive::Relevance;

mod amounts;
mod polarity;
mod quoting;
mod rows;

fn analyzer() -> Analyzer {
    let drug = |name: &str| Drug {
        inn: vec![name.to_owned()],
        brands: Vec::new(),
        classes: Vec::new(),
    };
    Analyzer::new(Arc::new(DomainPack {
        name: "prueba".to_owned(),
        abbreviations: Vec::new(),
        drugs: vec![
            drug("bisoprolol"),
            drug("carvedilol"),
            drug("sacubitrilo"),
            drug("espironolaktona"),
        ],
        synonyms: Vec::new(),
    }))
}

fn passage(segments: &[(SegmentKind, &str)]) -> EvidencePassage {
    let mut text = String::new();
    let mut placed = Vec::new();
    for (kind, words) in segments {
        if !text.is_empty() {
            text.push('\n');
        }
        let start = u32::try_from(text.len()).unwrap();
        text.push_str(words);
        placed.push(Segment {
            start,
            end: u32::try_from(text.len()).unwrap(),
            kind: *kind,
            quote: None,
        });
    }
    let version_id = VersionId::generate();
    let document_id = DocumentId::generate();
    EvidencePassage {
        rank: 1,
        score: 1.0,
        passage: Passage {
            id: PassageId::of(version_id, 0, &text),
            document_id,
            version_id,
            ordinal: 0,
            section: vec!["Betabloqueantes".to_owned()],
            text,
            language: Language::Spanish,
            segments: placed,
            spans: Vec::new(),
        },
        source: Source {
            document_id,
            version_id,
            version: 1,
            title: "Protocolo de insuficiencia cardíaca".to_owned(),
            file_name: "protocolo.pdf".to_owned(),
            collection: "general".to_owned(),
            effective_from: None,
            effective_to: None,
        },
    }
}

const DOSES: &[(SegmentKind, &str)] = &[
    (
        SegmentKind::Paragraph,
        "La dosis inicial de bisoprolol es de 1,25 mg una vez al día. La dosis inicial de carvedilol \
         es de 3,125 mg dos veces al día. No inicie el betabloqueante si la frecuencia cardíaca es \
         menor de 50 lpm. La dosis se dobla cada 2 semanas.",
    ),
    (
        SegmentKind::Paragraph,
        "Los betabloqueantes están contraindicados en:",
    ),
    (SegmentKind::ListItem, "asma grave;"),
    (
        SegmentKind::ListItem,
        "bloqueo auriculoventricular de segundo grado.",
    ),
];

const TABLE: &[(SegmentKind, &str)] = &[
    (SegmentKind::Caption, "Tabla 6: Dosis de los fármacos"),
    (
        SegmentKind::TableRow,
        "Fármaco: Bisoprolol; Dosis inicial: 1,25 mg; Dosis objetivo: 10 mg; Frecuencia: cada 24 h; \
         Precauciones: No iniciar con congestión ni FC < 50 lpm",
    ),
    (
        SegmentKind::TableRow,
        "Fármaco: Carvedilol; Dosis inicial: 3,125 mg; Dosis objetivo: 25 mg; Frecuencia: cada 12 h; \
         Precauciones: Tomar con alimentos",
    ),
];

/// What is shown for a sentence that cites the passage, and the gates that turned it away.
fn shown(question: &str, sentence: &str) -> (Option<(String, Support)>, Vec<Gate>) {
    shown_of(DOSES, question, sentence)
}

fn shown_of(
    document: &[(SegmentKind, &str)],
    question: &str,
    sentence: &str,
) -> (Option<(String, Support)>, Vec<Gate>) {
    Reader::of(document, question).shows(sentence)
}

/// A question and the one passage that a model answers it from.
struct Reader {
    question: String,
    offered: EvidencePassage,
    answers_in: Language,
}

impl Reader {
    fn of(document: &[(SegmentKind, &str)], question: &str) -> Self {
        let mut offered = passage(document);
        for segment in &mut offered.passage.segments {
            if segment.kind == SegmentKind::TableRow {
                let row = &offered.passage.text[segment.range()];
                let values = row.split("; ");
                let values =
                    values.map(|cell| cell.split_once(": ").map_or(cell, |(_, value)| value));
                segment.quote = Some(values.collect::<Vec<_>>().join(" "));
            }
        }
        Self {
            question: question.to_owned(),
            offered,
            answers_in: Language::Spanish,
        }
    }

    /// What is shown of the sentences a model writes one after the other.
    fn read(&self, language: Language, sentences: &[&str]) -> (Vec<String>, Tally) {
        let (shown, tally) = self.check(language, sentences);
        (shown.into_iter().map(|(text, _)| text).collect(), tally)
    }

    fn shows(&self, sentence: &str) -> (Option<(String, Support)>, Vec<Gate>) {
        let (shown, tally) = self.check(self.answers_in, &[sentence]);
        let texts: Vec<&str> = shown.iter().map(|(text, _)| text.as_str()).collect();
        let all = shown
            .last()
            .map(|(_, support)| (texts.join("\n"), *support));
        (all, tally.turned_away.keys().copied().collect())
    }

    fn check(&self, language: Language, sentences: &[&str]) -> (Vec<(String, Support)>, Tally) {
        let evidence = Evidence {
            passages: vec![self.offered.clone()],
        };
        let analyzer = analyzer();
        let question = Question::parse(&self.question, Some(language)).unwrap();
        // What speaks of the question is not the matter here.
        let config = ExtractiveConfig {
            min_coverage: 0.05,
            ..ExtractiveConfig::default()
        };
        let relevance = Relevance::of(&question, &evidence, &analyzer, &config).unwrap();
        let grounding = GroundingConfig::default();
        let mut verifier = Verifier::new(&evidence, &analyzer, language, &relevance, grounding);
        let mut shown = Vec::new();
        for text in sentences {
            let claimed = Claimed {
                text,
                passages: vec![self.offered.passage.id],
                new_line: false,
            };
            let new = verifier.check(&claimed).iter();
            shown.extend(new.map(|one| (one.text().to_owned(), one.support())));
        }
        (shown, verifier.tally().clone())
    }

    /// With the document tagged with one language, and the question asked in another.
    fn in_languages(mut self, (tagged, asked): (Language, Language)) -> Self {
        self.offered.passage.language = tagged;
        self.answers_in = asked;
        self
    }

    /// With a title and a section.
    fn under(mut self, (title, section): (&str, &str)) -> Self {
        self.offered.source.title = title.to_owned();
        self.offered.passage.section = vec![section.to_owned()];
        self
    }

    #[track_caller]
    fn lets_through(&self, sentence: &str) {
        let (found, gates) = self.shows(sentence);
        let expected = Some((sentence.to_owned(), Support::Verified));
        assert_eq!(found, expected, "stopped by {gates:?}");
    }

    /// By what it says, not because it is off the question or in another language.
    #[track_caller]
    fn stops(&self, sentence: &str) {
        let (found, gates) = self.shows(sentence);
        let by_what_it_says = |gate: &Gate| {
            matches!(
                gate,
                Gate::Quantity | Gate::Name | Gate::Polarity | Gate::Support
            )
        };
        let told = gates.first().is_some_and(by_what_it_says);
        assert!(told, "{gates:?}, shown: {found:?} for {sentence}");
    }
}

type Document<'a> = [(SegmentKind, &'a str)];

#[track_caller]
fn is_shown(document: &Document<'_>, question: &str, sentence: &str) {
    Reader::of(document, question).lets_through(sentence);
}

#[track_caller]
fn never_shows(document: &Document<'_>, question: &str, sentence: &str) {
    Reader::of(document, question).stops(sentence);
}

#[track_caller]
fn is_shown_in(
    languages: (Language, Language),
    document: &Document<'_>,
    question: &str,
    sentence: &str,
) {
    let reader = Reader::of(document, question).in_languages(languages);
    reader.lets_through(sentence);
}

#[track_caller]
fn never_shows_in(
    languages: (Language, Language),
    document: &Document<'_>,
    question: &str,
    sentence: &str,
) {
    Reader::of(document, question)
        .in_languages(languages)
        .stops(sentence);
}

#[track_caller]
fn is_shown_under(headings: (&str, &str), document: &Document<'_>, question: &str, sentence: &str) {
    Reader::of(document, question)
        .under(headings)
        .lets_through(sentence);
}

#[track_caller]
fn never_shows_under(
    headings: (&str, &str),
    document: &Document<'_>,
    question: &str,
    sentence: &str,
) {
    Reader::of(document, question)
        .under(headings)
        .stops(sentence);
}

const ASKED: &str = "¿Cuál es la dosis inicial de bisoprolol?";
const WHEN_NOT: &str = "¿Cuándo no se inicia el betabloqueante?";

#[track_caller]
fn passes(question: &str, sentence: &str) {
    let (found, gates) = shown(question, sentence);
    assert_eq!(
        found,
        Some((sentence.to_owned(), Support::Verified)),
        "stopped by {gates:?}"
    );
}

#[track_caller]
fn is_stopped(question: &str, sentence: &str, gate: Gate) {
    let (found, gates) = shown(question, sentence);
    assert_eq!(gates, [gate], "shown: {found:?}");
    assert!(found.is_none_or(|(text, _)| text != sentence));
}

#[test]
fn a_sentence_in_other_words_that_says_the_same_is_shown() {
    passes(
        ASKED,
        "El bisoprolol tiene una dosis inicial de 1,25 mg al día.",
    );
    passes(
        ASKED,
        "La dosis inicial de bisoprolol es 1.25 mg una vez al día.",
    );
    passes(
        WHEN_NOT,
        "No se inicia el betabloqueante si la frecuencia cardíaca es menor de 50 lpm.",
    );
}

#[test]
fn the_words_of_the_document_are_a_quotation() {
    let verbatim = "La dosis inicial de bisoprolol es de 1,25 mg una vez al día.";
    let (found, _) = shown(ASKED, verbatim);
    assert_eq!(found, Some((verbatim.to_owned(), Support::Quoted)));
}

#[test]
fn a_number_unit_or_comparison_that_the_source_does_not_have_stops_the_sentence() {
    is_stopped(
        ASKED,
        "La dosis inicial de bisoprolol es de 12,5 mg una vez al día.",
        Gate::Quantity,
    );
    is_stopped(
        ASKED,
        "La dosis inicial de bisoprolol es de 1,25 mcg una vez al día.",
        Gate::Quantity,
    );
    is_stopped(
        ASKED,
        "La dosis inicial de bisoprolol es de 1,25 una vez al día.",
        Gate::Quantity,
    );
    is_stopped(
        ASKED,
        "La dosis inicial de bisoprolol es de 1,25 mg tres veces al día.",
        Gate::Quantity,
    );
    is_stopped(
        WHEN_NOT,
        "No inicie el betabloqueante si la frecuencia cardíaca es mayor de 50 lpm.",
        Gate::Quantity,
    );
}

#[test]
fn the_right_number_of_the_wrong_drug_stops_the_sentence() {
    let (found, _) = shown(
        ASKED,
        "La dosis inicial de bisoprolol es de 3,125 mg dos veces al día.",
    );
    // What is shown in its place is a quotation, word for word.
    assert!(found.is_none_or(|(_, support)| support == Support::Quoted));
}

#[test]
fn a_negation_or_condition_lost_or_added_stops_the_sentence() {
    is_stopped(
        WHEN_NOT,
        "Inicie el betabloqueante si la frecuencia cardíaca es menor de 50 lpm.",
        Gate::Polarity,
    );
    is_stopped(
        ASKED,
        "La dosis inicial de bisoprolol no es de 1,25 mg una vez al día.",
        Gate::Polarity,
    );
}

#[test]
fn an_item_keeps_the_contraindication_that_its_list_opens_with() {
    let asked = "¿En qué están contraindicados los betabloqueantes?";
    passes(
        asked,
        "Los betabloqueantes están contraindicados en el asma grave.",
    );
    let (found, _) = shown(asked, "Los betabloqueantes se usan en el asma grave.");
    assert!(found.is_none_or(|(_, support)| support == Support::Quoted));
}

#[test]
fn what_the_source_does_not_say_is_stopped() {
    is_stopped(
        ASKED,
        "El bisoprolol mejora la supervivencia de los pacientes ingresados en urgencias.",
        Gate::Support,
    );
}

#[test]
fn a_sentence_that_fails_gives_way_to_the_nearest_quotation() {
    let (found, _) = shown(
        ASKED,
        "La dosis inicial de bisoprolol es de 12,5 mg una vez al día.",
    );
    let quoted = "La dosis inicial de bisoprolol es de 1,25 mg una vez al día.";
    assert_eq!(found, Some((quoted.to_owned(), Support::Quoted)));
}

#[test]
fn a_citation_of_a_passage_that_was_not_offered_stops_the_sentence() {
    let evidence = Evidence {
        passages: vec![passage(DOSES)],
    };
    let analyzer = analyzer();
    let question = Question::parse(ASKED, Some(Language::Spanish)).unwrap();
    let relevance = Relevance::of(
        &question,
        &evidence,
        &analyzer,
        &ExtractiveConfig::default(),
    )
    .unwrap();
    let config = GroundingConfig::default();
    let mut verifier = Verifier::new(&evidence, &analyzer, Language::Spanish, &relevance, config);
    let claimed = Claimed {
        text: "La dosis inicial de bisoprolol es de 1,25 mg una vez al día.",
        passages: vec![passage(DOSES).passage.id],
        new_line: false,
    };
    assert!(verifier.check(&claimed).is_empty());
    let (answer, tally) = verifier.finish();
    assert!(answer.is_none());
    assert_eq!(tally.turned_away.get(&Gate::Citation), Some(&1));
}

#[test]
fn a_sentence_in_another_language_is_stopped() {
    is_stopped(
        ASKED,
        "The initial dosis of bisoprolol is 1,25 mg una vez per day, and the patient should be told \
         about it with the dose.",
        Gate::Language,
    );
}

/// It speaks of the drug, and not of what was asked: as an answer it would mislead.
#[test]
fn a_quotation_that_answers_something_else_does_not_stand_in() {
    let document = &[
        (
            SegmentKind::Paragraph,
            "La dosis inicial de bisoprolol es de 1,25 mg una vez al día.",
        ),
        (
            SegmentKind::Paragraph,
            "En el embarazo puede usarse bisoprolol, furosemida con precaución e hidralazina.",
        ),
    ];
    let (found, gates) = shown_of(
        document,
        ASKED,
        "En el embarazo puede usarse bisoprolol, furosemida sin precaución e hidralazina.",
    );
    assert_eq!(found, None, "{gates:?}");
    // The same slip where the quotation is the answer.
    let (found, _) = shown_of(
        document,
        ASKED,
        "La dosis inicial de bisoprolol es de 2,5 mg una vez al día.",
    );
    assert_eq!(
        found,
        Some((
            "La dosis inicial de bisoprolol es de 1,25 mg una vez al día.".to_owned(),
            Support::Quoted
        ))
    );
}

const TARGET: &str = "¿Cuál es la dosis objetivo de bisoprolol?";

#[test]
fn a_value_of_a_row_is_shown_under_the_name_of_its_column_without_the_other_cells() {
    let said = "La dosis objetivo de bisoprolol es de 10 mg cada 24 h.";
    let (found, gates) = shown_of(TABLE, TARGET, said);
    assert_eq!(
        found,
        Some((said.to_owned(), Support::Verified)),
        "stopped by {gates:?}"
    );
}

#[test]
fn a_value_of_another_column_or_row_stops_the_sentence() {
    for said in [
        "La dosis objetivo de bisoprolol es de 1,25 mg cada 24 h.",
        "La dosis inicial de bisoprolol es de 10 mg cada 24 h.",
        "La dosis objetivo de bisoprolol es de 25 mg cada 12 h.",
        "La dosis objetivo de bisoprolol es de 10 mg cada 12 h.",
    ] {
        let (found, _) = shown_of(TABLE, TARGET, said);
        assert!(found.is_none_or(|(text, _)| text != said), "shown: {said}");
    }
}
