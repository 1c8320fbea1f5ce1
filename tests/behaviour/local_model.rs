//! Answers by a model on this machine, with real weights: SmolLM2-135M-Instruct, which
//! `scripts/fetch-test-models.sh` brings. It speaks English and is far too small for a clinic; what
//! is tested is that whatever it writes comes out checked, or not at all.

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Server, Sistole, program, repository, run};

const QUESTION: &str = "What is the starting dose of bisoprolol?";
const DOCUMENT: &str = "# Beta-blocker protocol\n\n## Doses\n\nThe starting dose of bisoprolol is 1.25 mg once a day. \
The starting dose of carvedilol is 3.125 mg twice a day.\n\n## Precautions\n\nDo not start bisoprolol if the heart rate is \
below 50 bpm.\n";

/// The test weights, or a line that says what is not tested.
fn weights() -> Option<PathBuf> {
    let folder = std::env::var_os("SISTOLE_TEST_MODELS")
        .map_or_else(|| repository().join("target/test-models"), PathBuf::from);
    let found = std::fs::read_dir(&folder).ok().and_then(|entries| {
        entries.flatten().map(|entry| entry.path()).find(|path| {
            path.extension()
                .is_some_and(|extension| extension == "gguf")
        })
    });
    if found.is_none() {
        let _ = writeln!(
            std::io::stderr(),
            "NOT RUN: answers by real weights; fetch them with scripts/fetch-test-models.sh"
        );
    }
    found
}

fn hospital() -> Sistole {
    let sistole = Sistole::new();
    let file = sistole.write("beta-blockers.md", DOCUMENT);
    sistole.ingest(&file);
    sistole
}

fn with_model(command: &mut Command, model: &std::path::Path) {
    command
        .env("SISTOLE__GENERATOR__MODEL__PATH", model)
        .env("SISTOLE__GENERATOR__MODEL__DEVICE", "cpu")
        .env("SISTOLE__GENERATOR__MODEL__CONTEXT_TOKENS", "2048")
        .env("SISTOLE__GENERATOR__WRITER__ANSWER_TOKENS", "96")
        .env("SISTOLE__GENERATOR__WRITER__TIME_LIMIT_MS", "280000");
}

fn serve(sistole: &Sistole, model: &std::path::Path) -> Server {
    let mut command = program();
    command
        .args(["serve", "--port", "0", "--data-dir"])
        .arg(sistole.data_dir());
    with_model(&mut command, model);
    Server::start(command)
}

/// What every answer holds, whoever wrote it: each sentence cites words that stand in the document.
fn is_sound(answer: &Value) {
    for sentence in answer["sentences"].as_array().unwrap() {
        let citations = sentence["citations"].as_array().unwrap();
        assert!(!citations.is_empty(), "{answer}");
        for citation in citations {
            let quote = citation["quote"].as_str().unwrap();
            assert!(DOCUMENT.contains(quote), "«{quote}» is not in the document");
        }
    }
}

#[test]
fn real_weights_answer_with_sentences_that_are_cited_and_checked() {
    let Some(model) = weights() else { return };
    let sistole = hospital();
    let mut command = sistole.command(&["ask", QUESTION, "--language", "en"]);
    with_model(&mut command, &model);
    let answer = run(&mut command).done();
    is_sound(&answer);
    if answer["status"] == "answered" {
        assert!(
            !answer["sentences"].as_array().unwrap().is_empty(),
            "{answer}"
        );
    }
}

#[test]
fn eight_who_ask_at_once_get_the_same_texts_as_one_at_a_time() {
    let Some(model) = weights() else { return };
    let sistole = hospital();
    let server = serve(&sistole, &model);
    let questions = [
        QUESTION,
        "What is the starting dose of carvedilol?",
        "When should bisoprolol not be started?",
        "What heart rate is too low for bisoprolol?",
    ];
    let ask = |question: &str| {
        let answer = server
            .post(
                "/api/v1/ask",
                &json!({"question": question, "language": "en"}),
            )
            .json();
        is_sound(&answer);
        (
            answer["status"].clone(),
            answer["answer"].clone(),
            answer["generator"].clone(),
        )
    };
    let alone: Vec<_> = questions.iter().map(|question| ask(question)).collect();
    let together: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..8)
            .map(|n| scope.spawn(move || ask(questions[n % questions.len()])))
            .collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for (n, answer) in together.iter().enumerate() {
        assert_eq!(answer, &alone[n % questions.len()]);
    }
}

#[test]
fn an_answer_by_real_weights_is_streamed() {
    let Some(model) = weights() else { return };
    let sistole = hospital();
    let server = serve(&sistole, &model);
    let headers = [
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
    ];
    let body = json!({"question": QUESTION, "language": "en"}).to_string();
    let answer = server.send("POST", "/api/v1/ask", &headers, body.as_bytes());
    let events: Vec<&str> = answer
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(events.first(), Some(&"retrieved"));
    assert_eq!(events.last(), Some(&"done"), "{events:?}");
}

#[test]
fn a_model_that_is_not_there_is_told_with_the_key_that_names_it() {
    let sistole = hospital();
    let mut command = sistole.command(&["ask", QUESTION]);
    command.env("SISTOLE__GENERATOR__MODEL__PATH", "no-such-model");
    let ran = run(&mut command);
    assert_eq!(ran.code, Some(78));
    assert!(
        ran.stderr.contains("generator.model.path"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_damaged_model_stops_the_command_or_lets_quotations_answer_as_the_settings_say() {
    let sistole = hospital();
    let damaged = sistole.write(
        "damaged.gguf",
        b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
    );
    let mut command = sistole.command(&["ask", QUESTION, "--language", "en"]);
    command.env("SISTOLE__GENERATOR__MODEL__PATH", &damaged);
    let ran = run(&mut command);
    assert_eq!(ran.code, Some(78), "{}", ran.stderr);

    let mut command = sistole.command(&["ask", QUESTION, "--language", "en"]);
    command
        .env("SISTOLE__GENERATOR__MODEL__PATH", &damaged)
        .env("SISTOLE__GENERATOR__MODEL__REQUIRED", "false");
    let answer = run(&mut command).done();
    assert_eq!(answer["status"], "answered");
    assert_eq!(answer["generator"]["mode"], "extractive");
    assert_eq!(answer["warnings"][0]["code"], "model_unavailable");
}
