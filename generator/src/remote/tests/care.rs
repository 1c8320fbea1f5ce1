//! When it asks again, when it leaves the server alone, and that it goes when nobody listens.

use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::server::{self, Act, Server, chunk, document, end, event, finish, stream, text};
use super::*;

fn refusal(status: &str, header: &str) -> Vec<Act> {
    let head = format!("HTTP/1.1 {status}\r\n{header}content-length: 0\r\n\r\n");
    vec![Act::Send(head.into_bytes())]
}

fn patient(server: &Server) -> RemoteConfig {
    RemoteConfig {
        retries: 2,
        ..config(&server.url)
    }
}

#[tokio::test]
async fn what_was_not_begun_is_asked_for_again() {
    for status in ["429 X", "503 X"] {
        let refusal = refusal(status, "retry-after: 0\r\n");
        let script = vec![refusal.clone(), refusal, server::answer("Sí [1].")];
        let server = Server::start(script).await;
        let read = read(&remote(&patient(&server))).await;
        assert_eq!(
            (read.text.as_str(), read.code()),
            ("Sí [1].", "whole"),
            "{status}"
        );
        let requests = server.requests();
        assert_eq!(requests.len(), 3);
        assert!(requests.iter().all(|request| *request == requests[0]));
    }
}

#[tokio::test]
async fn what_may_have_been_begun_is_not_asked_for_again() {
    for status in ["500 X", "502 X", "504 X"] {
        let server = Server::start(vec![refusal(status, "retry-after: 0\r\n")]).await;
        assert!(read(&remote(&patient(&server))).await.end.is_err());
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn tries_are_counted() {
    let server = Server::start(vec![refusal("503 X", "")]).await;
    assert_eq!(
        read(&remote(&patient(&server))).await.code(),
        "remote_unavailable"
    );
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn a_server_that_asks_for_a_long_wait_is_not_asked_again() {
    let server = Server::start(vec![refusal("429 X", "retry-after: 90\r\n")]).await;
    let error = read(&remote(&patient(&server))).await.end.unwrap_err();
    assert_eq!(error.code(), "remote_overloaded");
    assert_eq!(error.retry_after(), Some(Duration::from_secs(90)));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn no_wait_goes_beyond_the_whole_time() {
    let server = Server::start(vec![refusal("429 X", "retry-after: 3\r\n")]).await;
    let config = RemoteConfig {
        total_timeout_ms: 2_500,
        ..patient(&server)
    };
    assert_eq!(read(&remote(&config)).await.code(), "remote_overloaded");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn what_was_begun_or_may_be_under_way_is_never_asked_for_again() {
    for (script, code) in [
        (stream([chunk(text("Una")), end()]), "remote_unfinished"),
        (stream([chunk(text("Una"))]), "remote_dropped"),
        (stream([end()]), "remote_unfinished"),
        (vec![Act::Reset], "remote_dropped"),
        (vec![Act::Hold], "remote_first_token_timeout"),
        (refusal("500 X", ""), "remote_failed"),
        (refusal("400 X", ""), "remote_rejected"),
    ] {
        let server = Server::start(vec![script]).await;
        let config = RemoteConfig {
            first_token_timeout_ms: 500,
            ..patient(&server)
        };
        assert_eq!(read(&remote(&config)).await.code(), code);
        assert_eq!(server.requests().len(), 1, "{code}");
    }
}

/// The breaker through its whole life: closed, open, half open, open again, half open, closed.
#[tokio::test]
async fn a_failing_server_is_left_alone_and_found_again() {
    let going_on = Arc::new(Notify::new());
    let slow = stream([
        chunk(text("Ya ")),
        Act::Await(Arc::clone(&going_on)),
        chunk(text("[1].") + &finish("stop") + &event("[DONE]")),
        end(),
    ]);
    let failure = || document("500 X", "text/plain", "");
    let scripts = vec![
        failure(),
        failure(),
        failure(),
        slow,
        server::answer("Sí [1]."),
    ];
    let server = Server::start(scripts).await;
    let rest = Duration::from_millis(300);
    let remote = remote(&RemoteConfig {
        breaker_failures: 2,
        breaker_open_ms: 300,
        ..config(&server.url)
    });

    for circuit in [Circuit::Closed, Circuit::Open] {
        assert_eq!(read(&remote).await.code(), "remote_failed");
        assert_eq!(remote.status().circuit, circuit);
    }
    let error = ask(&remote).await.unwrap_err();
    assert_eq!(error.code(), "remote_circuit_open");
    assert!(error.retry_after().unwrap() <= rest);
    assert_eq!(server.requests().len(), 2, "it was asked while it rested");

    tokio::time::sleep(rest).await;
    assert_eq!(remote.status().circuit, Circuit::HalfOpen);
    assert_eq!(read(&remote).await.code(), "remote_failed");
    assert_eq!(remote.status().circuit, Circuit::Open);
    assert_eq!(
        ask(&remote).await.unwrap_err().code(),
        "remote_circuit_open"
    );

    tokio::time::sleep(rest).await;
    let mut stream = ask(&remote).await.unwrap();
    assert_eq!(
        stream.next().await.unwrap().unwrap(),
        RemoteEvent::Text("Ya ".to_owned())
    );
    // One at a time until it is known whether the server is back.
    assert_eq!(
        ask(&remote).await.unwrap_err().code(),
        "remote_circuit_open"
    );
    going_on.notify_one();
    while let Some(event) = stream.next().await {
        event.unwrap();
    }
    assert_eq!(remote.status().circuit, Circuit::Closed);
    assert_eq!(read(&remote).await.code(), "whole");
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn a_try_that_is_dropped_lets_the_next_one_try() {
    let failure = document("500 X", "text/plain", "");
    let held = stream([chunk(text("Ya")), Act::Hold]);
    let server = Server::start(vec![failure, held, server::answer("Sí [1].")]).await;
    let remote = remote(&RemoteConfig {
        breaker_failures: 1,
        breaker_open_ms: 50,
        ..config(&server.url)
    });
    assert_eq!(read(&remote).await.code(), "remote_failed");
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(ask(&remote).await.unwrap());
    assert_eq!(remote.status().circuit, Circuit::HalfOpen);
    assert_eq!(read(&remote).await.code(), "whole");
    assert_eq!(remote.status().circuit, Circuit::Closed);
}

#[tokio::test]
async fn the_breaker_stops_the_tries_of_one_question_too() {
    let server = Server::start(vec![refusal("503 X", "retry-after: 0\r\n")]).await;
    let remote = remote(&RemoteConfig {
        retries: 10,
        breaker_failures: 2,
        ..config(&server.url)
    });
    assert_eq!(read(&remote).await.code(), "remote_unavailable");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_server_that_is_alive_and_says_no_is_not_left_alone() {
    for status in ["400 X", "401 X", "404 X", "413 X", "429 X"] {
        let server = Server::start(vec![refusal(status, "")]).await;
        let remote = remote(&RemoteConfig {
            breaker_failures: 1,
            ..config(&server.url)
        });
        read(&remote).await.end.unwrap_err();
        assert_eq!(remote.status().circuit, Circuit::Closed, "{status}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_counts_and_a_model_that_does_not_stop_does_not() {
    let endless = stream([
        chunk(text(&"x".repeat(200_000))),
        chunk(text(&"x".repeat(200_000))),
    ]);
    for (script, code, circuit) in [
        (
            stream([chunk(text("Una")), end()]),
            "remote_unfinished",
            Circuit::Open,
        ),
        (endless, "remote_text_too_large", Circuit::Closed),
    ] {
        let server = Server::start(vec![script]).await;
        let remote = remote(&RemoteConfig {
            breaker_failures: 1,
            ..config(&server.url)
        });
        assert_eq!(read(&remote).await.code(), code);
        assert_eq!(remote.status().circuit, circuit, "{code}");
    }
}

#[tokio::test]
async fn the_whole_time_is_kept_even_where_the_reader_is_the_slow_one() {
    let body = text("Una").repeat(3);
    let server = Server::start(vec![stream([chunk(body), Act::Hold])]).await;
    let config = RemoteConfig {
        total_timeout_ms: 1_000,
        ..config(&server.url)
    };
    let mut stream = ask(&remote(&config)).await.unwrap();
    stream.next().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    let error = stream.next().await.unwrap().unwrap_err();
    assert_eq!(error.code(), "remote_total_timeout");
}

#[tokio::test]
async fn one_question_too_many_is_refused_at_once_and_a_place_is_freed_by_leaving() {
    let held = stream([chunk(text("Ya")), Act::Hold]);
    let mut server = Server::start(vec![held.clone(), held, server::answer("Sí [1].")]).await;
    let remote = remote(&RemoteConfig {
        max_in_flight: 2,
        ..config(&server.url)
    });
    let (one, two) = (ask(&remote).await.unwrap(), ask(&remote).await.unwrap());
    assert_eq!(remote.status().in_flight, 2);
    assert_eq!(ask(&remote).await.unwrap_err().code(), "remote_full");
    drop(one);
    assert_eq!(read(&remote).await.code(), "whole");
    drop(two);
    for _ in 0..3 {
        server.left().await;
    }
    assert_eq!(remote.status().in_flight, 0);
}

#[tokio::test]
async fn the_server_sees_when_nobody_listens_any_more() {
    // In the middle of an answer.
    let held = stream([chunk(text("Ya")), Act::Hold]);
    let mut server = Server::start(vec![held]).await;
    let mut stream = ask(&remote(&config(&server.url))).await.unwrap();
    stream.next().await.unwrap().unwrap();
    drop(stream);
    server.left().await;

    // Before there is any.
    let mut server = Server::start(vec![vec![Act::Hold]]).await;
    let remote = remote(&config(&server.url));
    let asked = timeout(Duration::from_millis(200), ask(&remote)).await;
    assert!(asked.is_err(), "it answered");
    server.left().await;
    assert_eq!(remote.status().in_flight, 0);
}

#[tokio::test]
async fn nothing_is_lost_where_waiting_is_broken_off() {
    let signs: Vec<_> = (0..3).map(|_| Arc::new(Notify::new())).collect();
    let mut acts = Vec::new();
    for sign in &signs {
        // Half an event, a pause in which the waiting is broken off, and the other half.
        let whole = text("ñandú ");
        let (one, two) = whole.as_bytes().split_at(whole.find('ñ').unwrap() + 1);
        acts.extend([chunk(one), Act::Await(Arc::clone(sign)), chunk(two)]);
    }
    acts.extend([chunk(finish("stop") + &event("[DONE]")), end()]);
    let server = Server::start(vec![stream(acts)]).await;
    let mut stream = ask(&remote(&config(&server.url))).await.unwrap();
    let mut answer = String::new();
    for sign in &signs {
        let waited = timeout(Duration::from_millis(50), stream.next()).await;
        assert!(waited.is_err(), "half an event was taken for one");
        sign.notify_one();
        if let RemoteEvent::Text(text) = stream.next().await.unwrap().unwrap() {
            answer.push_str(&text);
        }
    }
    let last = stream.next().await.unwrap().unwrap();
    assert!(matches!(last, RemoteEvent::Finished { .. }));
    assert_eq!(answer, "ñandú ñandú ñandú ");
}

#[tokio::test]
async fn breaking_off_the_waiting_does_not_wind_back_the_clock() {
    let server = Server::start(vec![stream([chunk(text("Ya")), Act::Hold])]).await;
    let config = RemoteConfig {
        idle_timeout_ms: 300,
        ..config(&server.url)
    };
    let mut stream = ask(&remote(&config)).await.unwrap();
    stream.next().await.unwrap().unwrap();
    let ended = timeout(Duration::from_secs(30), async {
        loop {
            if let Ok(event) = timeout(Duration::from_millis(20), stream.next()).await {
                return event;
            }
        }
    });
    let error = ended.await.unwrap().unwrap().unwrap_err();
    assert_eq!(error.code(), "remote_idle_timeout");
}
