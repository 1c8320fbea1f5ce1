//! Answers by a model on another machine, played by a small server of the test: what it writes is
//! checked before anyone sees it, and what goes wrong with it never takes the answer away.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::Chromium;
use crate::harness::{Server, Sistole, program};
use crate::model_server::{Model, begin, finish, mark_of, say};

const QUESTION: &str = "¿Cuál es la dosis inicial de bisoprolol?";
const DOCUMENT: &str = "# Protocolo de betabloqueantes\n\n## Dosis\n\nLa dosis inicial de bisoprolol es de 1,25 mg una vez \
al día. La dosis inicial de carvedilol es de 3,125 mg dos veces al día.\n\n## Precauciones\n\nNo inicie el bisoprolol si la \
frecuencia cardíaca es menor de 50 lpm.\n";

fn hospital() -> Sistole {
    let sistole = Sistole::new();
    let file = sistole.write("betabloqueantes.md", DOCUMENT);
    sistole.ingest(&file);
    sistole
}

fn ask(sistole: &Sistole, model: &Model, question: &str) -> Value {
    let mut command = sistole.command(&["ask", question]);
    model.set(&mut command);
    crate::harness::run(&mut command).done()
}

fn serve(sistole: &Sistole, model: &Model) -> Server {
    let mut command = program();
    command
        .args(["serve", "--port", "0", "--data-dir"])
        .arg(sistole.data_dir());
    model.set(&mut command);
    Server::start(command)
}

fn texts(answer: &Value) -> Vec<&str> {
    let sentences = answer["sentences"].as_array().unwrap();
    sentences
        .iter()
        .map(|sentence| sentence["text"].as_str().unwrap())
        .collect()
}

fn warnings(answer: &Value) -> Vec<&str> {
    let warnings = answer["warnings"].as_array().unwrap();
    warnings
        .iter()
        .map(|warning| warning["code"].as_str().unwrap())
        .collect()
}

#[test]
fn a_sentence_in_the_models_words_is_shown_with_the_place_it_stands_on() {
    let sistole = hospital();
    let model = Model::plays(|request, stream| {
        let mark = mark_of(request, "1,25 mg");
        begin(stream);
        say(
            stream,
            &format!("El bisoprolol tiene una dosis inicial de 1,25 mg al día. [{mark}]"),
        );
        finish(stream);
    });
    let answer = ask(&sistole, &model, QUESTION);
    assert_eq!(answer["generator"]["mode"], "remote", "{answer}");
    assert_eq!(answer["generator"]["model"], "prueba");
    assert_eq!(
        texts(&answer),
        ["El bisoprolol tiene una dosis inicial de 1,25 mg al día."]
    );
    assert_eq!(answer["sentences"][0]["support"], "verified");
    let quote = &answer["sentences"][0]["citations"][0]["quote"];
    assert_eq!(
        quote,
        "La dosis inicial de bisoprolol es de 1,25 mg una vez al día."
    );
}

#[test]
fn a_wrong_dose_never_comes_out_and_the_document_is_quoted_in_its_place() {
    let sistole = hospital();
    let model = Model::plays(|request, stream| {
        let mark = mark_of(request, "1,25 mg");
        begin(stream);
        say(
            stream,
            &format!("La dosis inicial de bisoprolol es de 12,5 mg una vez al día. [{mark}]"),
        );
        finish(stream);
    });
    let answer = ask(&sistole, &model, QUESTION);
    assert!(
        !answer["answer"].as_str().unwrap().contains("12,5"),
        "{answer}"
    );
    assert_eq!(
        texts(&answer),
        ["La dosis inicial de bisoprolol es de 1,25 mg una vez al día."]
    );
    assert_eq!(answer["sentences"][0]["support"], "quoted");
}

#[test]
fn a_sentence_without_a_mark_or_with_one_that_does_not_exist_is_never_shown() {
    let sistole = hospital();
    let model = Model::writes("La dosis inicial de bisoprolol es de 1,25 mg. Es muy buena. [99]");
    let answer = ask(&sistole, &model, QUESTION);
    assert_eq!(answer["generator"]["mode"], "extractive");
    assert_eq!(warnings(&answer), ["model_not_verified"]);
    assert_eq!(answer["status"], "answered");
}

#[test]
fn the_models_refusal_is_a_refusal() {
    let sistole = hospital();
    let model = Model::writes("Los documentos no responden a esta pregunta.");
    let answer = ask(&sistole, &model, QUESTION);
    assert_eq!(answer["status"], "declined");
    assert_eq!(answer["declined"]["reason"], "not_stated");
    assert!(!answer["declined"]["nearest"].as_array().unwrap().is_empty());
}

#[test]
fn what_the_documents_do_not_speak_of_is_declined_before_the_model_is_asked() {
    let sistole = hospital();
    let model = Model::writes("La capital es París. [1]");
    let answer = ask(
        &sistole,
        &model,
        "¿Cuál es la dosis de amiodarona en la tirotoxicosis?",
    );
    assert_eq!(answer["status"], "declined");
    assert_eq!(model.times_asked(), 0);
}

#[test]
fn a_model_that_answers_in_another_language_is_asked_once_more_and_then_quoted_over() {
    let sistole = hospital();
    let model = Model::plays(|request, stream| {
        let mark = mark_of(request, "1,25 mg");
        begin(stream);
        say(
            stream,
            &format!(
                "The starting dose of bisoprolol is 1,25 mg for the patient with this. [{mark}]"
            ),
        );
        finish(stream);
    });
    let answer = ask(&sistole, &model, QUESTION);
    assert_eq!(answer["status"], "answered");
    let shown = answer["answer"].as_str().unwrap();
    assert!(!shown.contains("starting dose"), "{shown}");
    assert!(model.times_asked() <= 2);
}

#[test]
fn whatever_goes_wrong_with_the_model_quotations_stand_in_and_say_so() {
    let sistole = hospital();
    let slow = Model::plays(|_, stream| {
        begin(stream);
        std::thread::sleep(Duration::from_secs(8));
        let _ = stream;
    });
    let dropped = Model::plays(|_, stream| {
        begin(stream);
        say(stream, "La dosis inicial de biso");
    });
    let faults = [
        ("gone", Model::gone()),
        ("slow", slow),
        ("dropped", dropped),
        ("429", Model::answers("429 Too Many Requests", "{}")),
        (
            "500",
            Model::answers(
                "500 Internal Server Error",
                "{\"error\": {\"message\": \"x\"}}",
            ),
        ),
        ("nonsense", Model::answers("200 OK", "<html>no</html>")),
    ];
    for (fault, model) in faults {
        let answer = ask(&sistole, &model, QUESTION);
        assert_eq!(answer["status"], "answered", "{fault}");
        assert_eq!(answer["generator"]["mode"], "extractive", "{fault}");
        let told = warnings(&answer);
        assert!(
            told == ["model_unavailable"] || told == ["model_busy"] || told == ["model_too_slow"],
            "{fault}: {told:?}"
        );
    }
}

#[test]
fn a_sentence_is_streamed_as_soon_as_it_is_checked_and_before_the_next_is_written() {
    let sistole = hospital();
    let (go_on, waits) = mpsc::channel::<()>();
    let waits = Mutex::new(waits);
    let model = Model::plays(move |request, stream| {
        let mark = mark_of(request, "1,25 mg");
        let other = mark_of(request, "50 lpm");
        begin(stream);
        say(
            stream,
            &format!("El bisoprolol tiene una dosis inicial de 1,25 mg al día. [{mark}] No"),
        );
        // The rest is written once the test has read the first sentence.
        let _ = waits.lock().unwrap().recv_timeout(Duration::from_secs(20));
        say(
            stream,
            &format!(
                " inicie el bisoprolol si la frecuencia cardíaca es menor de 50 lpm. [{other}]"
            ),
        );
        finish(stream);
    });
    let mut server_command = program();
    server_command
        .args(["serve", "--port", "0", "--data-dir"])
        .arg(sistole.data_dir());
    model.set(&mut server_command);
    server_command.env("SISTOLE__GENERATOR__REMOTE__IDLE_TIMEOUT_MS", "30000");
    let server = Server::start(server_command);
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let body = json!({"question": QUESTION}).to_string();
    write!(
        stream,
        "POST /api/v1/ask HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-type: application/json\r\naccept: text/event-stream\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        server.port(),
        body.len()
    )
    .unwrap();
    let mut events = Vec::new();
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { break };
        if let Some(event) = line.strip_prefix("event: ") {
            events.push(event.to_owned());
            if event == "sentence" {
                let _ = go_on.send(());
            }
        }
    }
    assert_eq!(events.first().map(String::as_str), Some("retrieved"));
    assert_eq!(
        events.last().map(String::as_str),
        Some("done"),
        "{events:?}"
    );
    assert_eq!(
        events.iter().filter(|event| *event == "sentence").count(),
        2,
        "{events:?}"
    );
}

#[test]
fn a_client_that_leaves_ends_the_models_work() {
    let sistole = hospital();
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let model = Model::plays(move |_, stream| {
        begin(stream);
        say(stream, "La dosis");
        let _ = tell.lock().unwrap().send("asked");
        // Writes until nobody reads any more.
        for _ in 0..2_400 {
            std::thread::sleep(Duration::from_millis(50));
            let more = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" y\"}}]}\n\n";
            if stream.write_all(more).is_err() {
                let _ = tell.lock().unwrap().send("left");
                return;
            }
        }
    });
    let server = serve(&sistole, &model);
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
    let body = json!({"question": QUESTION}).to_string();
    write!(
        stream,
        "POST /api/v1/ask HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-type: application/json\r\naccept: text/event-stream\r\n\
         content-length: {}\r\n\r\n{body}",
        server.port(),
        body.len()
    )
    .unwrap();
    let mut first = [0; 256];
    let _ = stream.read(&mut first).unwrap();
    let minute = Duration::from_secs(60);
    assert_eq!(told.recv_timeout(minute), Ok("asked"));
    drop(stream);
    assert_eq!(
        told.recv_timeout(minute),
        Ok("left"),
        "the model goes on writing for nobody"
    );
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn the_question_and_the_key_reach_no_log() {
    let sistole = hospital();
    let model = Model::answers("500 Internal Server Error", "{\"error\": \"bisoprolol\"}");
    let mut command = program();
    command
        .args(["serve", "-v", "--port", "0", "--data-dir"])
        .arg(sistole.data_dir());
    model.set(&mut command);
    command
        .env("SISTOLE__GENERATOR__REMOTE__API_KEY_ENV", "CLAVE_DE_PRUEBA")
        .env("CLAVE_DE_PRUEBA", "secreto-123");
    let server = Server::start(command);
    let answer = server.post("/api/v1/ask", &json!({"question": QUESTION}));
    assert_eq!(answer.status, 200);
    let (code, told) = server.stop();
    assert_eq!(code, Some(0));
    assert!(!told.to_lowercase().contains("bisoprolol"), "{told}");
    assert!(!told.contains("secreto-123"), "{told}");
}

#[test]
fn the_terminal_says_that_quotations_stand_in() {
    let sistole = hospital();
    let mut command = program();
    command
        .args(["ask", QUESTION, "--data-dir"])
        .arg(sistole.data_dir());
    Model::gone().set(&mut command);
    let told = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(
        told.contains("Aviso: El modelo no está disponible: estas son citas literales"),
        "{told}"
    );
}

#[test]
fn a_check_of_a_model_that_is_away_says_to_try_again() {
    let sistole = hospital();
    let mut command = sistole.command(&["check"]);
    Model::gone().set(&mut command);
    let ran = crate::harness::run(&mut command);
    assert_eq!(ran.code, Some(75), "{}", ran.stdout);

    let mut command = sistole.command(&["check"]);
    command.env("SISTOLE__GENERATOR__MODEL__PATH", "no-existe");
    let ran = crate::harness::run(&mut command);
    assert_eq!(ran.code, Some(78), "{}", ran.stdout);
}

/// Writes one sentence, then goes on for as long as somebody reads.
fn endless() -> Model {
    Model::plays(|request, stream| {
        let mark = mark_of(request, "1,25 mg");
        begin(stream);
        say(
            stream,
            &format!("El bisoprolol tiene una dosis inicial de 1,25 mg al día. [{mark}] No"),
        );
        let more = b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\" y\"}}]}\n\n";
        while stream.write_all(more).is_ok() {
            std::thread::sleep(Duration::from_millis(50));
        }
    })
}

#[test]
fn the_page_shows_a_sentence_while_the_next_is_written_and_nothing_half_done_once_stopped() {
    let sistole = hospital();
    let server = serve(&sistole, &endless());
    let address = format!(
        "http://127.0.0.1:{}/#q=dosis%20inicial%20de%20bisoprolol",
        server.port()
    );
    let Some(mut page) = Chromium::open(&address) else {
        return;
    };
    page.wait_for("document.getElementById('sentences')?.textContent.includes('1,25 mg')");
    page.wait_for("document.querySelector('#sources blockquote')?.textContent.includes('1,25 mg')");
    page.wait_for("document.getElementById('status').textContent.startsWith('Escribiendo')");
    page.evaluate("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))");
    page.wait_for("document.getElementById('answer').hidden");
    page.wait_for("document.getElementById('sentences').textContent === ''");
    page.wait_for(
        "document.getElementById('status').textContent.includes('Ha parado la respuesta')",
    );
}
