//! How soon a server is ready on an index of 10,000 passages, and how much memory it takes.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::questions::fill;
use super::text::TextSource;
use crate::app::{App, own_program};
use crate::error::{Failure, FailureClass};
use crate::output::Output;
use crate::settings::Settings;

const PASSAGES: usize = 10_000;

/// Ends the server however the measure ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(super) async fn measure(settings: &Settings, output: Output) -> Result<Value, Failure> {
    let (_folder, settings) = super::temporary(settings)?;
    let data_dir = settings.storage.data_dir.clone();
    output.say(&format!("Preparando {PASSAGES} pasajes…"));
    let app = App::open_scratch(settings).await?;
    let mut source = TextSource::new(&app)?;
    fill(&app, &mut source, PASSAGES).await?;
    app.close().await?;

    let failed = |error: std::io::Error| {
        Failure::new(
            FailureClass::Failed,
            "bench_failed",
            "el servidor de la medida no ha podido arrancar",
        )
        .caused_by(error)
    };
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    let port = free.local_addr().map_err(failed)?.port();
    drop(free);
    let started = Instant::now();
    let server = Server(
        Command::new(own_program()?)
            .args(["serve", "-q", "--port", &port.to_string(), "--data-dir"])
            .arg(&data_dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?,
    );
    while get(port, "/readyz").is_none_or(|answer| !answer.starts_with("HTTP/1.1 200")) {
        if started.elapsed() > Duration::from_secs(60) {
            return Err(Failure::new(
                FailureClass::Failed,
                "bench_failed",
                "el servidor de la medida no responde",
            ));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let ready_ms = crate::wire::milliseconds(started);
    let at_rest = super::memory_mib(server.0.id());
    for _ in 0..200 {
        ask(port, &source.question());
    }
    let after = super::memory_mib(server.0.id());
    Ok(json!({
        "passages": PASSAGES,
        "ready_ms": ready_ms,
        "resident_mib_when_ready": at_rest.map(|(resident, _)| resident),
        "resident_mib_after_200_questions": after.map(|(resident, _)| resident),
        "peak_mib": after.map(|(_, peak)| peak),
    }))
}

fn get(port: u16, path: &str) -> Option<String> {
    exchange(
        port,
        &format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n"),
    )
}

fn ask(port: u16, question: &str) {
    let body = json!({"question": question}).to_string();
    let _ = exchange(
        port,
        &format!(
            "POST /api/v1/ask HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ),
    );
}

fn exchange(port: u16, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
