//! REST: the routes of the contract on a running server.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Server, Sistole};

const TEXT: &str = "El hierro intravenoso se indica con ferritina menor de 100 ng/ml.";
const QUESTION: &str = "¿Con qué ferritina se indica el hierro intravenoso?";

fn uploaded(server: &Server) -> Value {
    let accepted = server.upload(
        "hierro.txt",
        TEXT.as_bytes(),
        &[("title", "Ferropenia"), ("language", "es")],
    );
    assert_eq!(accepted.status, 202, "{}", accepted.body);
    let body = accepted.json();
    let job_id = body["job_id"].as_str().unwrap();
    assert_eq!(
        accepted.header("location"),
        Some(format!("/api/v1/jobs/{job_id}").as_str())
    );
    let job = server.wait_for_job(job_id);
    assert_eq!(job["state"], "done", "{job}");
    body
}

#[test]
fn an_uploaded_document_answers_once_its_job_is_done_and_the_same_bytes_change_nothing() {
    let sistole = Sistole::new();
    let server = sistole.serve();
    let first = uploaded(&server);
    let answer = server
        .post("/api/v1/ask", &json!({"question": QUESTION}))
        .json();
    assert!(
        answer["answer"].as_str().unwrap().contains("100 ng/ml"),
        "{answer}"
    );
    assert_eq!(
        answer["sentences"][0]["citations"][0]["title"],
        "Ferropenia"
    );
    let again = server.upload("otro-nombre.txt", TEXT.as_bytes(), &[]);
    assert_eq!(again.status, 200, "{}", again.body);
    assert_eq!(again.json()["document_id"], first["document_id"]);
    assert_eq!(again.json()["job_id"], first["job_id"]);
}

#[test]
fn the_catalogue_is_listed_changed_retired_and_deleted() {
    let sistole = Sistole::new();
    let server = sistole.serve();
    let id = uploaded(&server)["document_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let path = format!("/api/v1/documents/{id}");
    let listed = server
        .get("/api/v1/documents?limit=10&status=active")
        .json();
    assert_eq!(listed["documents"][0]["document_id"], id.as_str());
    let patch = |body: Value| {
        server.send(
            "PATCH",
            &path,
            &[("content-type", "application/json")],
            body.to_string().as_bytes(),
        )
    };
    let changed = patch(json!({"title": "Hierro en la IC", "effective_from": "2020-01-01"}));
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(changed.json()["title"], "Hierro en la IC");
    let ask = || {
        server
            .post("/api/v1/ask", &json!({"question": QUESTION}))
            .json()
    };
    assert_eq!(
        ask()["sentences"][0]["citations"][0]["title"],
        "Hierro en la IC"
    );
    assert_eq!(
        patch(json!({"status": "retired"})).json()["status"],
        "retired"
    );
    assert_eq!(ask()["status"], "declined");
    assert_eq!(
        patch(json!({"status": "active"})).json()["status"],
        "active"
    );
    assert_eq!(ask()["status"], "answered");
    assert_eq!(patch(json!({"effective_to": "2020-12-31"})).status, 200);
    assert_eq!(ask()["status"], "declined", "it is not in force any more");
    let file = server.get(&format!("{path}/file"));
    assert_eq!((file.status, file.body.as_str()), (200, TEXT));
    assert!(
        file.header("content-disposition")
            .unwrap()
            .starts_with("attachment")
    );
    let receipt = server.send("DELETE", &path, &[], b"").json();
    assert_eq!(
        (
            receipt["files"].as_u64(),
            receipt["indexed_passages"].as_u64()
        ),
        (Some(1), Some(1))
    );
    assert_eq!(server.get(&path).status, 404);
    assert_eq!(
        server.get("/api/v1/documents").json()["documents"]
            .as_array()
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn an_answer_can_be_streamed_as_events() {
    let sistole = Sistole::new();
    let server = sistole.serve();
    uploaded(&server);
    let headers = [
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
    ];
    let body = json!({"question": QUESTION}).to_string();
    let answer = server.send("POST", "/api/v1/ask", &headers, body.as_bytes());
    let events: Vec<&str> = answer
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(events.first(), Some(&"retrieved"));
    assert_eq!(events.last(), Some(&"done"));
    assert!(events.contains(&"sentence"), "{events:?}");
    let last = answer
        .body
        .lines()
        .rfind(|line| line.starts_with("data: "))
        .unwrap();
    let done: Value = serde_json::from_str(last.trim_start_matches("data: ")).unwrap();
    assert_eq!(done["status"], "answered");
}

#[test]
fn a_job_tells_why_a_file_was_rejected_and_its_events_end() {
    let sistole = Sistole::new();
    let server = sistole.serve();
    let accepted = server.upload("roto.pdf", b"%PDF-1.7 nothing", &[]);
    let job_id = accepted.json()["job_id"].as_str().unwrap().to_owned();
    let events = server.get(&format!("/api/v1/jobs/{job_id}/events"));
    assert!(
        events.body.contains("\"state\":\"failed\""),
        "{}",
        events.body
    );
    let job = server.wait_for_job(&job_id);
    assert_eq!(job["state"], "failed");
    assert!(
        !job["code"].as_str().unwrap().is_empty() && job["message"].as_str().unwrap().len() > 20,
        "{job}"
    );
    assert_eq!(
        server.get("/api/v1/jobs").json()["jobs"][0]["job_id"],
        job_id.as_str()
    );
}

#[test]
fn bad_uploads_are_refused_by_name() {
    let sistole = Sistole::new();
    let mut command = crate::harness::program();
    command
        .args(["serve", "--port", "0", "--data-dir"])
        .arg(sistole.data_dir());
    command.env("SISTOLE__INGEST__LIMITS__MAX_FILE_BYTES", "100000");
    let server = Server::start(command);
    assert_eq!(server.upload("vacio.txt", b"", &[]).status, 422);
    assert_eq!(
        server
            .upload("grande.txt", &vec![b'a'; 200_000], &[])
            .status,
        413
    );
    assert_eq!(
        server
            .upload("enorme.txt", &vec![b'a'; 3_000_000], &[])
            .status,
        413
    );
    assert_eq!(
        server
            .upload("a.txt", b"hola", &[("efective_from", "2025-01-01")])
            .json()["code"],
        "field_unknown"
    );
    assert_eq!(
        server
            .upload("a.txt", b"hola", &[("effective_from", "ayer")])
            .json()["code"],
        "date_invalid"
    );
    let unknown = "01920000-0000-7000-8000-000000000000";
    assert_eq!(
        server
            .upload("a.txt", b"hola", &[("replaces", unknown)])
            .status,
        404
    );
    let json = server.post("/api/v1/documents", &json!({}));
    assert_eq!(
        (json.status, json.json()["code"].as_str()),
        (415, Some("not_multipart"))
    );
    let listed = server.get("/api/v1/documents").json();
    assert_eq!(listed["documents"].as_array().unwrap().len(), 0, "{listed}");
}

#[test]
fn what_is_not_there_is_a_problem_with_a_code() {
    let sistole = Sistole::new();
    let server = sistole.serve();
    for path in [
        "/api/v1/nada",
        "/api/v1/documents/x",
        "/api/v1/jobs/01920000-0000-7000-8000-000000000000",
        "/static/../Cargo.toml",
    ] {
        let answer = server.get(path);
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{path}"
        );
        assert_eq!(answer.json()["code"], "not_found");
    }
    assert_eq!(server.get("/api/v1/ask").status, 405);
    for path in [
        "/api/v1/documents?cursor=basura",
        "/api/v1/jobs?cursor=basura",
        "/api/v1/jobs?limit=muchos",
        "/api/v1/documents?status=vivo",
    ] {
        let answer = server.get(path);
        assert!(
            matches!(answer.status, 400 | 422),
            "{path}: {}",
            answer.status
        );
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json"),
            "{path}"
        );
    }
}

#[test]
fn a_page_of_another_site_may_not_ask_or_upload() {
    let sistole = Sistole::new();
    let server = sistole.serve();
    let body = json!({"question": QUESTION}).to_string();
    for headers in [
        [
            ("content-type", "application/json"),
            ("origin", "https://otra.example"),
        ],
        [
            ("content-type", "application/json"),
            ("sec-fetch-site", "cross-site"),
        ],
        [
            ("content-type", "application/json"),
            ("host", "otra.example"),
        ],
    ] {
        let answer = server.send("POST", "/api/v1/ask", &headers, body.as_bytes());
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (403, Some("foreign_site"))
        );
    }
}

#[test]
fn health_readiness_and_counts_are_told() {
    let sistole = Sistole::new();
    let server = sistole.serve();
    uploaded(&server);
    assert_eq!(server.get("/healthz").json()["status"], "ok");
    let ready = server.get("/readyz");
    assert_eq!(
        (ready.status, ready.json()["passages"].as_u64()),
        (200, Some(1))
    );
    server.post("/api/v1/ask", &json!({"question": QUESTION}));
    let metrics = server.get("/metrics").body;
    assert!(
        metrics.contains("sistole_questions_total{outcome=\"answered\"} 1"),
        "{metrics}"
    );
    assert!(
        metrics.contains("sistole_files_total{outcome=\"accepted\"} 1"),
        "{metrics}"
    );
}

#[test]
fn a_request_that_never_ends_is_dropped_and_does_not_hold_the_shutdown() {
    let sistole = Sistole::new();
    let mut command = crate::harness::program();
    command
        .args(["serve", "--port", "0", "--data-dir"])
        .arg(sistole.data_dir());
    command.env("SISTOLE__SERVER__HEADER_TIMEOUT_MS", "300");
    let server = Server::start(command);
    let mut slow = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    slow.write_all(b"POST /api/v1/ask HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        .unwrap();
    let started = Instant::now();
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer);
    assert!(
        started.elapsed() < Duration::from_secs(15),
        "the slow request was kept"
    );
    assert_eq!(server.get("/healthz").status, 200);
    let mut half = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    half.write_all(b"GET /healthz HTTP/1.1\r\n").unwrap();
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn an_upload_survives_a_server_killed_before_it_was_read() {
    let sistole = Sistole::new();
    let server = sistole.serve();
    let accepted = server.upload("hierro.txt", TEXT.as_bytes(), &[]);
    assert_eq!(accepted.status, 202);
    drop(server); // SIGKILL
    let server = sistole.serve();
    server.wait_for_job(accepted.json()["job_id"].as_str().unwrap());
    assert_eq!(
        server
            .post("/api/v1/ask", &json!({"question": QUESTION}))
            .json()["status"],
        "answered"
    );
    assert_eq!(server.stop().0, Some(0));
    sistole.must_agree();
}
