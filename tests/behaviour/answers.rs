//! Answers over the sample corpus: cited, verbatim, in the question's language, or declined.

use std::io::Write;
use std::sync::LazyLock;

use serde_json::Value;

use crate::harness::{Sistole, repository, squeezed};

/// The sample corpus, ingested once for all tests of this file (each opens it in turn).
static CORPUS: LazyLock<std::sync::Mutex<Sistole>> = LazyLock::new(|| {
    let sistole = Sistole::new();
    sistole.ingest(&repository().join("configs/sample-corpus"));
    std::sync::Mutex::new(sistole)
});

fn with_corpus<T>(work: impl FnOnce(&Sistole) -> T) -> T {
    work(
        &CORPUS
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner),
    )
}

fn citations(answer: &Value) -> Vec<Value> {
    let sentences = answer["sentences"].as_array().unwrap();
    sentences
        .iter()
        .flat_map(|sentence| sentence["citations"].as_array().unwrap().clone())
        .collect()
}

/// The text of every page of a document of the corpus, as `extract` gives it.
fn pages(file_name: &str) -> Vec<String> {
    let path = repository().join("configs/sample-corpus").join(file_name);
    let extracted = Sistole::new()
        .run(&["extract", path.to_str().unwrap()])
        .done();
    let pages = extracted["pages"].as_array().unwrap();
    pages
        .iter()
        .map(|page| squeezed(page["text"].as_str().unwrap()))
        .collect()
}

#[test]
fn every_quotation_stands_verbatim_on_the_page_it_names() {
    with_corpus(|sistole| {
        let mut quotes = 0;
        for question in [
            "¿Cuál es la dosis objetivo de bisoprolol en la ICFEr?",
            "¿Cuántas horas hay que esperar entre enalapril y sacubitrilo/valsartán?",
            "¿Cuáles son los signos de alarma?",
            "¿Con qué potasio se suspende la espironolactona?",
            "¿Qué valor de NT-proBNP descarta la insuficiencia cardíaca en consulta?",
            "¿A los cuántos días del alta es la primera visita?",
        ] {
            let answer = sistole.ask(question);
            for citation in citations(&answer) {
                quotes += 1;
                let quote = squeezed(citation["quote"].as_str().unwrap());
                let pages = pages(citation["file_name"].as_str().unwrap());
                let page = citation["page"]
                    .as_u64()
                    .map_or(0, |page| usize::try_from(page).unwrap() - 1);
                assert!(
                    pages[page].contains(&quote),
                    "«{quote}» does not stand on page {}",
                    page + 1
                );
                let boxes = citation["boxes"].as_array().unwrap();
                assert_eq!(citation["page"].is_null(), boxes.is_empty(), "{citation}");
            }
        }
        assert!(quotes >= 6, "only {quotes} quotations");
    });
}

#[test]
fn every_sentence_has_a_citation_and_the_answer_is_marked_as_generated() {
    with_corpus(|sistole| {
        let answer = sistole.ask("¿Cuál es la dosis inicial de carvedilol?");
        assert_eq!(
            (answer["status"].as_str(), answer["ai_generated"].as_bool()),
            (Some("answered"), Some(true))
        );
        for sentence in answer["sentences"].as_array().unwrap() {
            assert!(
                !sentence["citations"].as_array().unwrap().is_empty(),
                "{sentence}"
            );
        }
        let text = answer["answer"].as_str().unwrap();
        assert!(text.contains("3,125 mg") && text.contains("[1]"), "{text}");
        assert!(!text.contains("Bisoprolol"), "another drug's row: {text}");
        assert_eq!(answer["generator"]["mode"], "extractive");
    });
}

#[test]
fn a_brand_name_and_an_abbreviation_find_what_the_protocol_calls_otherwise() {
    with_corpus(|sistole| {
        let answer = sistole.ask("¿Hasta qué dosis se sube el Entresto?");
        assert!(
            answer["answer"].as_str().unwrap().contains("97/103 mg"),
            "{}",
            answer["answer"]
        );
    });
}

#[test]
fn what_the_documents_do_not_say_is_declined_in_the_language_of_the_question() {
    with_corpus(|sistole| {
        for (question, language, words) in [
            (
                "¿Cuál es la dosis de amoxicilina en la otitis media?",
                "es",
                "documentos",
            ),
            (
                "Quina és la dosi d'amoxicil·lina per a l'otitis mitjana dels infants?",
                "ca",
                "documents",
            ),
            (
                "Zein da amoxizilinaren dosia haurren otitisean?",
                "eu",
                "dokumentu",
            ),
            (
                "Cal é a dose de amoxicilina para a otite das crianzas?",
                "gl",
                "documentos",
            ),
            (
                "What is the dose of amoxicillin for otitis media in children?",
                "en",
                "documents",
            ),
        ] {
            let answer = sistole.ask(question);
            assert_eq!(
                (answer["status"].as_str(), answer["language"].as_str()),
                (Some("declined"), Some(language)),
                "{question}"
            );
            assert_eq!(answer["sentences"].as_array().unwrap().len(), 0);
            let message = answer["declined"]["message"].as_str().unwrap();
            assert!(message.contains(words), "{message}");
        }
    });
}

#[test]
fn most_sample_questions_are_answered_from_the_right_document_and_the_rest_declined() {
    let questions = repository().join("configs/sample-corpus-sources/questions.jsonl");
    let lines = std::fs::read_to_string(questions).unwrap();
    let (mut answerable, mut right, mut unanswerable, mut declined) = (0, 0, 0, 0);
    with_corpus(|sistole| {
        let server = sistole.serve();
        for line in lines.lines() {
            let asked: Value = serde_json::from_str(line).unwrap();
            let body =
                serde_json::json!({"question": asked["question"], "language": asked["language"]});
            let answer = server.post("/api/v1/ask", &body).json();
            if asked["answerable"] == true {
                answerable += 1;
                right += usize::from(
                    citations(&answer)
                        .iter()
                        .any(|citation| citation["file_name"] == asked["file"]),
                );
            } else {
                unanswerable += 1;
                declined += usize::from(answer["status"] == "declined");
            }
        }
        assert_eq!(server.stop().0, Some(0));
    });
    let _ = writeln!(
        std::io::stderr(),
        "sample questions: {right} of {answerable} cite the right document, {declined} of {unanswerable} declined"
    );
    assert!(right * 100 >= answerable * 75, "{right} of {answerable}");
    assert!(
        declined * 100 >= unanswerable * 60,
        "{declined} of {unanswerable}"
    );
}
