//! The client against a server of flesh and blood on this machine that plays every fault.

mod care;
mod faults;
mod server;
mod tls;

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};

use super::wire::Usage;
use super::*;
use server::Server;

/// Stands in every question, and in all that the server says: it must come out nowhere but in the
/// text of an answer.
const PRIVATE: &str = "Aurelia-Quintanar";
/// The server's key; the same holds.
const KEY: &str = "sk-9f27c1d4";

/// Settings for a test: no second try, and limits far beyond what a loaded machine needs, except
/// the ones that a test is about.
fn config(url: &str) -> RemoteConfig {
    RemoteConfig {
        url: url.to_owned(),
        model: "alia".to_owned(),
        api_key_env: "MODEL_KEY".to_owned(),
        connect_timeout_ms: 30_000,
        first_token_timeout_ms: 30_000,
        idle_timeout_ms: 30_000,
        total_timeout_ms: 60_000,
        retries: 0,
        breaker_failures: 1_000,
        ..RemoteConfig::default()
    }
}

fn remote(config: &RemoteConfig) -> Remote {
    let environment = |variable: &str| (variable == "MODEL_KEY").then(|| KEY.to_owned());
    Remote::build(config, environment).unwrap()
}

/// Asks for an answer to a question that holds what is private.
async fn ask(remote: &Remote) -> Result<RemoteStream, RemoteError> {
    let question = format!("¿Dosis para {PRIVATE}?");
    remote
        .chat(&ChatRequest {
            turns: &[(ChatRole::System, "Reglas"), (ChatRole::User, &question)],
            max_tokens: 64,
            temperature: 0.0,
            seed: 7,
            stop: &[],
            grammar: None,
        })
        .await
}

/// What came of an answer: its text, and how it ended.
#[derive(Debug)]
struct Read {
    text: String,
    end: Result<(FinishReason, Option<Usage>), RemoteError>,
}

impl Read {
    fn code(&self) -> &'static str {
        self.end
            .as_ref()
            .map_or_else(RemoteError::code, |_| "whole")
    }
}

/// Asks, and reads to the end. Whatever happens, nothing private is in the error, in its causes, or
/// in what is logged.
async fn read(remote: &Remote) -> Read {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let mut text = String::new();
    let end = match ask(remote).await {
        Err(error) => Err(error),
        Ok(mut stream) => loop {
            let event = stream
                .next()
                .await
                .expect("the end is told before it is over");
            assert!(!format!("{event:?} {stream:?} {remote:?}").contains(PRIVATE));
            match event {
                Ok(RemoteEvent::Text(piece)) => text.push_str(&piece),
                end => {
                    assert!(stream.next().await.is_none(), "something follows the end");
                    break end.map(|event| match event {
                        RemoteEvent::Finished { reason, usage } => (reason, usage),
                        RemoteEvent::Text(_) => unreachable!("texts were taken above"),
                    });
                }
            }
        },
    };
    drop(guard);
    let mut told = log.0.lock().unwrap().clone();
    if let Err(error) = &end {
        assert!(!told.is_empty(), "an error leaves no trace in the log");
        assert_eq!(
            error.to_string().matches(". ").count(),
            0,
            "more than a sentence: {error}"
        );
        assert!(error.to_string().ends_with('.'), "{error}");
        let mut cause: Option<&dyn std::error::Error> = Some(error);
        while let Some(error) = cause {
            write!(told, "\n{error}\n{error:?}").unwrap();
            cause = error.source();
        }
    }
    for private in [PRIVATE, KEY, "SECRETO"] {
        assert!(!told.contains(private), "{private} comes out: {told}");
    }
    Read { text, end }
}

/// Keeps all that is logged, of every level and crate.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl Visit for Log {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0.lock().unwrap(), " {field}={value:?}").unwrap();
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        span.record(&mut self.clone());
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, values: &tracing::span::Record<'_>) {
        values.record(&mut self.clone());
    }
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn an_answer_comes_piece_by_piece_and_whole() {
    let answer = [
        server::event(r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#),
        server::text("Dosis: 2,5 mg "),
        server::text("cada 12 h · ñ 😀 [1]."),
        server::finish("stop"),
        server::event(r#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}"#),
        server::event("[DONE]"),
    ];
    // The pieces of the connection need not be those of the stream.
    for size in [1, 7, 100_000] {
        let server = Server::start(vec![server::stream_in_pieces(&answer.concat(), size)]).await;
        let read = read(&remote(&config(&server.url))).await;
        assert_eq!(read.text, "Dosis: 2,5 mg cada 12 h · ñ 😀 [1].");
        let (reason, usage) = read.end.unwrap();
        assert_eq!(reason, FinishReason::Stop);
        assert_eq!(usage.unwrap().completion_tokens, 4);
    }
}

#[tokio::test]
async fn the_request_is_what_the_servers_expect() {
    let server = Server::start(vec![server::answer("Sí [1].")]).await;
    let url = format!("{}/alia/v1/", server.url);
    assert_eq!(read(&remote(&config(&url))).await.code(), "whole");
    let request = server.requests().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<_> = head.lines().map(str::to_lowercase).collect();
    assert_eq!(lines.remove(0), "post /alia/v1/chat/completions http/1.1");
    lines.sort();
    let host = server.url.trim_start_matches("http://");
    let expected = [
        "accept: text/event-stream".to_owned(),
        format!("authorization: bearer {KEY}"),
        "connection: close".to_owned(),
        format!("content-length: {}", body.len()),
        "content-type: application/json".to_owned(),
        format!("host: {host}"),
        format!("user-agent: sistole/{}", env!("CARGO_PKG_VERSION")),
    ];
    assert_eq!(lines, expected);
    assert!(body.contains(PRIVATE) && body.contains("\"stream\":true"));
}

#[tokio::test]
async fn without_a_key_none_is_sent() {
    let server = Server::start(vec![server::answer("Sí [1].")]).await;
    let config = RemoteConfig {
        api_key_env: String::new(),
        ..config(&server.url)
    };
    assert_eq!(read(&remote(&config)).await.code(), "whole");
    assert!(
        !server.requests()[0]
            .to_lowercase()
            .contains("authorization")
    );
}

#[tokio::test]
async fn a_list_of_models_tells_whether_ours_is_there_and_its_window() {
    for (list, lists_model, context_tokens) in [
        (
            r#"[{"id":"otro"},{"id":"alia","max_model_len":8192}]"#,
            true,
            Some(8_192),
        ),
        (
            r#"[{"id":"/m/alia.gguf","max_model_len":4096}]"#,
            false,
            Some(4_096),
        ),
        (r#"[{"id":"a","max_model_len":1},{"id":"b"}]"#, false, None),
        ("[]", false, None),
    ] {
        let body = format!("{{\"object\":\"list\",\"data\":{list}}}");
        let server =
            Server::start(vec![server::document("200 OK", "application/json", &body)]).await;
        let health = remote(&config(&server.url)).health().await.unwrap();
        assert_eq!(
            (health.lists_model, health.context_tokens),
            (lists_model, context_tokens)
        );
        assert!(server.requests()[0].starts_with("GET /v1/models HTTP/1.1\r\n"));
    }
    let server = Server::start(vec![server::document("200 OK", "text/html", "<p>")]).await;
    let error = remote(&config(&server.url)).health().await.unwrap_err();
    assert_eq!(error.code(), "remote_malformed_json");
}

#[test]
fn settings_that_cannot_work_are_refused_before_anything_is_sent() {
    let good = config("http://127.0.0.1:9");
    let refuse = |config: RemoteConfig| {
        let key = |variable: &str| (variable == "BROKEN").then(|| "a\nb".to_owned());
        Remote::build(&config, key).unwrap_err()
    };
    let good = RemoteConfig {
        api_key_env: String::new(),
        ..good
    };
    let no_url = RemoteConfig {
        url: String::new(),
        ..good.clone()
    };
    assert_eq!(refuse(no_url).code(), "remote_invalid_url");
    let no_model = RemoteConfig {
        model: " ".to_owned(),
        ..good.clone()
    };
    assert_eq!(refuse(no_model).code(), "remote_missing_model");
    for variable in ["ABSENT", "BROKEN"] {
        let config = RemoteConfig {
            api_key_env: variable.to_owned(),
            ..good.clone()
        };
        let error = refuse(config);
        assert_eq!(error.code(), "remote_missing_key");
        assert!(error.to_string().contains(variable));
    }
    for (config, setting) in [
        (
            RemoteConfig {
                connect_timeout_ms: 0,
                ..good.clone()
            },
            "connect_timeout_ms",
        ),
        (
            RemoteConfig {
                first_token_timeout_ms: 0,
                ..good.clone()
            },
            "first_token_timeout_ms",
        ),
        (
            RemoteConfig {
                idle_timeout_ms: 0,
                ..good.clone()
            },
            "idle_timeout_ms",
        ),
        (
            RemoteConfig {
                total_timeout_ms: u64::MAX,
                ..good.clone()
            },
            "total_timeout_ms",
        ),
        (
            RemoteConfig {
                max_in_flight: 0,
                ..good.clone()
            },
            "max_in_flight",
        ),
        (
            RemoteConfig {
                retries: 11,
                ..good.clone()
            },
            "retries",
        ),
        (
            RemoteConfig {
                breaker_failures: 0,
                ..good.clone()
            },
            "breaker_failures",
        ),
        (
            RemoteConfig {
                breaker_open_ms: 0,
                ..good.clone()
            },
            "breaker_open_ms",
        ),
    ] {
        let error = refuse(config);
        assert_eq!(error.code(), "remote_invalid_setting");
        assert!(error.to_string().contains(setting), "{error}");
    }
}
