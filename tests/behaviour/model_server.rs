//! A model on another machine, played by a small server that speaks as OpenAI's interface does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

/// What the model's server does with a question.
type Play = Arc<dyn Fn(&Value, &mut TcpStream) + Send + Sync>;

/// A server that speaks as OpenAI's interface does.
pub(crate) struct Model {
    port: u16,
    asked: Arc<AtomicUsize>,
}

impl Model {
    /// One whose machine is away.
    pub(crate) fn gone() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            port: listener.local_addr().unwrap().port(),
            asked: Arc::default(),
        }
    }

    pub(crate) fn plays(play: impl Fn(&Value, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicUsize::new(0));
        let play: Play = Arc::new(play);
        let count = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(mut stream), play, count) = (stream, Arc::clone(&play), Arc::clone(&count))
                else {
                    continue;
                };
                std::thread::spawn(move || {
                    if let Some(request) = read_request(&mut stream) {
                        count.fetch_add(1, Ordering::SeqCst);
                        play(&request, &mut stream);
                    }
                });
            }
        });
        Self { port, asked }
    }

    /// Writes `text`, a few characters at a time.
    pub(crate) fn writes(text: &'static str) -> Self {
        Self::plays(move |_, stream| {
            begin(stream);
            say(stream, text);
            finish(stream);
        })
    }

    pub(crate) fn answers(status: &'static str, body: &'static str) -> Self {
        Self::plays(move |_, stream| {
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        })
    }

    pub(crate) fn times_asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn set(&self, command: &mut Command) {
        for (key, value) in [
            ("URL", format!("http://127.0.0.1:{}", self.port)),
            ("MODEL", "prueba".to_owned()),
            ("CONNECT_TIMEOUT_MS", "2000".to_owned()),
            ("FIRST_TOKEN_TIMEOUT_MS", "2000".to_owned()),
            ("IDLE_TIMEOUT_MS", "2000".to_owned()),
            ("RETRIES", "0".to_owned()),
        ] {
            command.env(format!("SISTOLE__GENERATOR__REMOTE__{key}"), value);
        }
    }
}

fn read_request(stream: &mut TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

pub(crate) fn begin(stream: &mut TcpStream) {
    let _ = stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
    );
}

pub(crate) fn say(stream: &mut TcpStream, text: &str) {
    let characters: Vec<char> = text.chars().collect();
    for piece in characters.chunks(7) {
        let piece: String = piece.iter().collect();
        let event = json!({"choices": [{"index": 0, "delta": {"content": piece}}]});
        let _ = write!(stream, "data: {event}\n\n");
    }
    let _ = stream.flush();
}

pub(crate) fn finish(stream: &mut TcpStream) {
    let end = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]});
    let _ = write!(stream, "data: {end}\n\ndata: [DONE]\n\n");
}

/// The number of the passage that holds `words` in what the model was given to read.
pub(crate) fn mark_of(request: &Value, words: &str) -> usize {
    let read = request["messages"][1]["content"].as_str().unwrap();
    let before = &read[..read.find(words).expect("the passage was not offered")];
    let open = before.rfind("\n[").expect("the passage has no number");
    before[open + 2..]
        .split(']')
        .next()
        .unwrap()
        .parse()
        .unwrap()
}
