//! Every fault of a server, and what the client makes of it.

use std::time::Duration;

use super::server::{self, Act, Server, chunk, document, end, event, finish, head, stream, text};
use super::*;

/// What of an answer came through, and the code that its end bears (`whole` for a good one), with
/// settings changed by `change`.
async fn check_with(
    name: &str,
    script: Vec<Act>,
    change: impl Fn(&mut RemoteConfig),
    expected: (&str, &str),
) {
    let server = Server::start(vec![script]).await;
    let mut config = config(&server.url);
    change(&mut config);
    let remote = remote(&config);
    let read = read(&remote).await;
    assert_eq!(
        (read.text.as_str(), read.code()),
        expected,
        "{name}: {:?}",
        read.end
    );
    assert_eq!(
        remote.status().in_flight,
        0,
        "{name}: the place is still taken"
    );
    assert_eq!(server.requests().len(), 1, "{name}");
}

async fn check(name: &str, script: Vec<Act>, text: &str, code: &str) {
    check_with(name, script, |_| {}, (text, code)).await;
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let remote = remote(&config(&server::nobody().await));
    assert_eq!(read(&remote).await.code(), "remote_unreachable");
    assert_eq!(
        remote.health().await.unwrap_err().code(),
        "remote_unreachable"
    );
}

#[tokio::test]
async fn statuses_that_are_no_answer() {
    for (status, code) in [
        ("204 No Content", "remote_not_a_stream"),
        ("301 Moved Permanently", "remote_redirected"),
        ("307 Temporary Redirect", "remote_redirected"),
        ("400 Bad Request", "remote_rejected"),
        ("401 Unauthorized", "remote_unauthorised"),
        ("403 Forbidden", "remote_unauthorised"),
        ("404 Not Found", "remote_not_found"),
        ("413 Payload Too Large", "remote_prompt_too_long"),
        ("418 I'm a teapot", "remote_rejected"),
        ("422 Unprocessable Entity", "remote_rejected"),
        ("429 Too Many Requests", "remote_overloaded"),
        ("500 Internal Server Error", "remote_failed"),
        ("501 Not Implemented", "remote_failed"),
        ("502 Bad Gateway", "remote_unavailable"),
        ("503 Service Unavailable", "remote_unavailable"),
        ("504 Gateway Timeout", "remote_unavailable"),
        ("599 Whatever", "remote_failed"),
        ("777 Jackpot", "remote_not_a_stream"),
    ] {
        // Servers echo what they were asked.
        let body = format!("{{\"error\":{{\"message\":\"{PRIVATE} SECRETO\"}}}}");
        check(
            status,
            document(status, "application/json", &body),
            "",
            code,
        )
        .await;
    }
    let body = r#"{"message":"This model's maximum context length is 4096 tokens"}"#;
    let script = document("400 Bad Request", "application/json", body);
    check("too long", script, "", "remote_prompt_too_long").await;
}

#[tokio::test]
async fn a_refusal_whose_reason_never_comes() {
    let script = vec![head("400 Bad Request", "application/json"), Act::Hold];
    check("400", script, "", "remote_rejected").await;
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let other = Server::start(vec![server::answer("De otro")]).await;
    let script = format!("HTTP/1.1 307 X\r\nlocation: {}/v1\r\n\r\n", other.url);
    let script = vec![Act::Send(script.into_bytes())];
    check("307", script, "", "remote_redirected").await;
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn an_answer_that_is_no_stream() {
    let page = "<html><body>Portal cautivo SECRETO</body></html>";
    let whole = r#"{"choices":[{"message":{"content":"SECRETO"}}]}"#;
    for (name, kind, body, code) in [
        ("page", "text/html", page, "remote_not_a_stream"),
        ("whole", "application/json", whole, "remote_not_a_stream"),
        (
            "error",
            "application/json",
            r#"{"error":"SECRETO"}"#,
            "remote_failed",
        ),
        (
            "old error",
            "application/json",
            r#"{"object":"error"}"#,
            "remote_failed",
        ),
    ] {
        check(name, document("200 OK", kind, body), "", code).await;
    }
    let compressed = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                      content-encoding: gzip\r\n\r\n\x1f\u{8b}";
    let script = vec![Act::Send(compressed.into())];
    check("compressed", script, "", "remote_not_a_stream").await;
    let script = vec![Act::Send(b"HTTP/1.1 200 OK\r\n\r\n".to_vec())];
    check("no type", script, "", "remote_not_a_stream").await;
}

#[tokio::test]
async fn a_response_that_is_no_http() {
    for (name, bytes, code) in [
        (
            "another protocol",
            "SSH-2.0-OpenSSH_9.9 SECRETO\r\n\r\n",
            "remote_malformed_http",
        ),
        (
            "no status",
            "HTTP/1.1 abc SECRETO\r\n\r\n",
            "remote_malformed_http",
        ),
        (
            "a broken header",
            "HTTP/1.1 200 OK\r\nSECR\0ETO: x\r\n\r\n",
            "remote_malformed_http",
        ),
        (
            "half a head",
            "HTTP/1.1 200 OK\r\ncontent-ty",
            "remote_dropped",
        ),
        ("nothing", "", "remote_dropped"),
    ] {
        check(name, vec![Act::Send(bytes.into())], "", code).await;
    }
    check("a reset", vec![Act::Reset], "", "remote_dropped").await;
    let script = stream([chunk(text("Una")), Act::Send(b"SECRETO\r\n".to_vec())]);
    check("a broken chunk", script, "Una", "remote_malformed_http").await;
}

#[tokio::test]
async fn heads_and_events_without_measure() {
    let header = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(100_000));
    let script = vec![Act::Send(header.into_bytes())];
    check("a long header", script, "", "remote_headers_too_large").await;
    let headers = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(1_000));
    let script = vec![Act::Send(headers.into_bytes())];
    check("many headers", script, "", "remote_headers_too_large").await;

    let line = stream([
        chunk(text("Una")),
        Act::Repeat(chunk_bytes(60_000, b'x'), PAUSE),
    ]);
    check("a line without end", line, "Una", "remote_event_too_large").await;
    let long = text(&"x".repeat(20_000));
    let endless = stream([Act::Repeat(bytes_of(chunk(&long)), Duration::ZERO)]);
    let server = Server::start(vec![endless]).await;
    let read = read(&remote(&config(&server.url))).await;
    assert_eq!(read.code(), "remote_text_too_large");
    assert!(read.text.len() <= 256 * 1024);

    let comments = ": ping\n".repeat(10_000);
    let flood = stream([Act::Repeat(bytes_of(chunk(comments)), Duration::ZERO)]);
    check(
        "a flood that says nothing",
        flood,
        "",
        "remote_body_too_large",
    )
    .await;
}

const PAUSE: Duration = Duration::from_millis(1);

fn bytes_of(act: Act) -> Vec<u8> {
    match act {
        Act::Send(bytes) => bytes,
        _ => unreachable!("only what is sent has bytes"),
    }
}

fn chunk_bytes(length: usize, byte: u8) -> Vec<u8> {
    bytes_of(chunk(vec![byte; length]))
}

#[tokio::test]
async fn events_that_make_no_sense() {
    for (name, bad, code) in [
        ("no JSON", event("SECRETO"), "remote_malformed_json"),
        (
            "cut JSON",
            event("{\"choices\":[{\"delta\""),
            "remote_malformed_json",
        ),
        (
            "another JSON",
            event("{\"SECRETO\":1}"),
            "remote_malformed_json",
        ),
        (
            "a number",
            event(r#"{"choices":[{"delta":{"content":"#),
            "remote_malformed_json",
        ),
        (
            "two choices",
            event(r#"{"choices":[{},{}]}"#),
            "remote_malformed_order",
        ),
        (
            "an error",
            event(r#"{"error":{"message":"SECRETO"}}"#),
            "remote_failed",
        ),
        (
            "llama.cpp's error",
            "error: SECRETO\n\n".to_owned(),
            "remote_failed",
        ),
        (
            "a named error",
            "event: error\ndata: SECRETO\n\n".to_owned(),
            "remote_failed",
        ),
        ("a filter", finish("content_filter"), "remote_unfinished"),
        ("an end too early", event("[DONE]"), "remote_unfinished"),
        (
            "text after the end",
            finish("stop") + &text("más"),
            "remote_malformed_order",
        ),
    ] {
        let after = text("nunca");
        let script = stream([chunk(text("Una frase [1].") + &bad + &after), end()]);
        check(name, script, "Una frase [1].", code).await;
    }
    let script = stream([chunk(text("Una")), chunk(b"data: \xC3\x28\n\n"), end()]);
    check("no UTF-8", script, "Una", "remote_malformed_utf8").await;
}

#[tokio::test]
async fn a_stream_that_is_cut() {
    for (name, rest, code) in [
        ("reset", vec![Act::Reset], "remote_dropped"),
        ("closed", vec![], "remote_dropped"),
        (
            "closed in a chunk",
            vec![Act::Send(b"ff\r\ndata: {".to_vec())],
            "remote_dropped",
        ),
        ("ended in good order", vec![end()], "remote_unfinished"),
        (
            "ended in an event",
            vec![chunk("data: [DONE]\n"), end()],
            "remote_unfinished",
        ),
    ] {
        let mut script = stream([chunk(text("Una frase [1]."))]);
        // A reset may overtake what was sent before it.
        if name == "reset" {
            script.push(Act::Await(soon()));
        }
        script.extend(rest);
        check(name, script, "Una frase [1].", code).await;
    }
}

/// A sign given after a while that is long for this machine and short for a person.
fn soon() -> Arc<tokio::sync::Notify> {
    let sign = Arc::new(tokio::sync::Notify::new());
    let given = Arc::clone(&sign);
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        given.notify_one();
    });
    sign
}

#[tokio::test]
async fn an_answer_said_to_be_whole_is_whole_however_the_stream_ends() {
    let said = || [chunk(text("Una frase [1].")), chunk(finish("stop"))];
    for (name, rest) in [
        ("no mark of the end", vec![end()]),
        ("no end of the body", vec![]),
        ("a line left open", vec![Act::Hold]),
        (
            "pings for ever",
            vec![Act::Repeat(bytes_of(chunk(": ping\n\n")), PAUSE)],
        ),
    ] {
        let script = stream(said().into_iter().chain(rest));
        let change = |config: &mut RemoteConfig| config.idle_timeout_ms = 300;
        check_with(name, script, change, ("Una frase [1].", "whole")).await;
    }
}

#[tokio::test]
async fn an_answer_cut_at_its_limit_says_so() {
    let script = stream([
        chunk(text("Una") + &finish("length") + &event("[DONE]")),
        end(),
    ]);
    let server = Server::start(vec![script]).await;
    let (reason, usage) = read(&remote(&config(&server.url))).await.end.unwrap();
    assert_eq!((reason, usage), (FinishReason::Length, None));
}

#[tokio::test]
async fn a_server_that_does_not_begin() {
    let pings = Act::Repeat(bytes_of(chunk(": ping\n\n")), PAUSE);
    let begun = Act::Send(b"HTTP/1.1 200 OK\r\nx: ".to_vec());
    let drip = Act::Repeat(b"x".to_vec(), 10 * PAUSE);
    for (name, script) in [
        ("no head", vec![Act::Hold]),
        ("a head byte by byte", vec![begun, drip]),
        ("no event", stream([Act::Hold])),
        ("pings only", stream([pings])),
        ("a role only", stream([chunk(text("")), Act::Hold])),
    ] {
        let change = |config: &mut RemoteConfig| config.first_token_timeout_ms = 300;
        check_with(name, script, change, ("", "remote_first_token_timeout")).await;
    }
}

#[tokio::test]
async fn a_server_that_stops_half_way() {
    let pings = Act::Repeat(bytes_of(chunk(": ping\n\n")), PAUSE);
    let drip = Act::Repeat(bytes_of(chunk("data: ")), 10 * PAUSE);
    for (name, rest) in [("nothing", Act::Hold), ("pings", pings), ("a drip", drip)] {
        let script = stream([chunk(text("Una")), rest]);
        let change = |config: &mut RemoteConfig| config.idle_timeout_ms = 300;
        check_with(name, script, change, ("Una", "remote_idle_timeout")).await;
    }
}

#[tokio::test]
async fn a_server_that_never_comes_to_an_end() {
    let slowly = bytes_of(chunk(text("a")));
    let script = stream([Act::Repeat(slowly, 10 * PAUSE)]);
    let server = Server::start(vec![script]).await;
    let config = RemoteConfig {
        total_timeout_ms: 400,
        ..config(&server.url)
    };
    let read = read(&remote(&config)).await;
    assert_eq!(read.code(), "remote_total_timeout");
}
