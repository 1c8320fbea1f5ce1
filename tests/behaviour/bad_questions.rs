//! Questions that are none get a clear error, and leave no trace in the log.

use serde_json::json;

use crate::harness::Sistole;

fn with_one_document() -> Sistole {
    let sistole = Sistole::new();
    let path = sistole.write("peso.txt", "El paciente se pesa cada mañana en ayunas.");
    sistole.ingest(&path);
    sistole
}

#[test]
fn an_empty_a_huge_and_an_unreadable_question_are_wrong_usage() {
    let sistole = with_one_document();
    for (question, code) in [
        (" ".to_owned(), "question_empty"),
        ("¿?".to_owned(), "question_empty"),
        ("a".repeat(100_000), "question_too_long"),
        (
            "\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}a".to_owned(),
            "question_not_text",
        ),
    ] {
        for command in ["ask", "search"] {
            let ran = sistole.run(&[command, &question]);
            assert_eq!(ran.code, Some(2), "{code}: {}", ran.stderr);
            assert_eq!(ran.json()["error"]["code"], code);
        }
    }
    assert_eq!(
        sistole.ask("¿Cuándo se pesa el paciente?")["status"],
        "answered"
    );
}

#[test]
fn over_http_they_are_problems_with_a_code_and_the_server_goes_on() {
    let sistole = with_one_document();
    let server = sistole.serve();
    for (body, status, code) in [
        (json!({"question": ""}), 422, "question_empty"),
        (
            json!({"question": "a".repeat(5_000)}),
            413,
            "question_too_long",
        ),
        (
            json!({"question": "a".repeat(100_000)}),
            413,
            "body_too_large",
        ),
        (
            json!({"question": "\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}\u{7}a"}),
            422,
            "question_not_text",
        ),
        (json!({"question": 7}), 422, "json_unexpected"),
        (
            json!({"question": "¿Qué peso?", "language": "tlh"}),
            422,
            "language_unknown",
        ),
    ] {
        let answer = server.post("/api/v1/ask", &body);
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (status, Some(code)),
            "{}",
            answer.body
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert!(!answer.json()["request_id"].as_str().unwrap().is_empty());
    }
    let broken = server.send(
        "POST",
        "/api/v1/ask",
        &[("content-type", "application/json")],
        b"{\"question\": ",
    );
    assert_eq!(
        (broken.status, broken.json()["code"].as_str()),
        (400, Some("json_invalid"))
    );
    let good = server.post(
        "/api/v1/ask",
        &json!({"question": "¿Cuándo se pesa el paciente?"}),
    );
    assert_eq!(good.json()["status"], "answered");
}

#[test]
fn the_log_holds_no_word_of_a_question_or_a_comment() {
    let sistole = with_one_document();
    let mut command = crate::harness::program();
    command
        .args(["serve", "-vv", "--port", "0", "--data-dir"])
        .arg(sistole.data_dir());
    let server = crate::harness::Server::start(command);
    let answer = server.post(
        "/api/v1/ask",
        &json!({"question": "¿Cuándo se pesa Zutanito Mengánez?"}),
    );
    let request_id = answer.json()["request_id"].as_str().unwrap().to_owned();
    server.post("/api/v1/search", &json!({"question": "Zutanito Mengánez"}));
    server.get("/?q=Zutanito");
    server.get("/api/v1/documents?collection=Zutanito");
    let told = json!({"request_id": request_id, "verdict": "unsafe", "comment": "Mengánez no es"});
    assert_eq!(server.post("/api/v1/feedback", &told).status, 204);
    server.send(
        "POST",
        "/api/v1/ask",
        &[("content-type", "application/json")],
        b"{\"question\": \"Zutanito",
    );
    let (code, log) = server.stop();
    assert_eq!(code, Some(0));
    assert!(
        log.contains("/api/v1/ask"),
        "the log tells the requests: {log}"
    );
    assert!(!log.contains("Zutanito") && !log.contains("Meng"), "{log}");
}
