//! The program, a data directory of its own, and a client that speaks just enough HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The program under test.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sistole-under-test"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("SISTOLE__")) {
        command.env_remove(name);
    }
    // A test machine may have little room; the floor itself has a test.
    command.env("SISTOLE__STORAGE__MIN_FREE_BYTES", "1048576");
    command
}

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// The development data beside the repository, or `None` with a word on what is left out.
pub(crate) fn shared_data(part: &str, left_out: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SISTOLE_SHARED")
        .map_or_else(|| repository().join("../shared"), PathBuf::from);
    let folder = root.join("data").join(part);
    if folder.exists() {
        return Some(folder);
    }
    let _ = writeln!(
        std::io::stderr(),
        "NOT RUN: the development data ({part}) is not beside the repository, so this is left out: {left_out}"
    );
    None
}

/// What a run of the program left.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Standard output as the one JSON document it must be.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!(
                "not one JSON document ({error}): {}\n{}",
                self.stdout, self.stderr
            )
        })
    }

    /// The JSON document of a run that must have exited 0.
    pub(crate) fn done(&self) -> Value {
        assert_eq!(
            self.code,
            Some(0),
            "stdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
        self.json()
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().unwrap();
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A data directory, and the program on it.
pub(crate) struct Sistole {
    folder: TempDir,
}

impl Sistole {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// A folder for the test's own files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Writes a file for the test and gives its path.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join("files").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The program with `--json` on this data directory.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command
            .args(arguments)
            .arg("--json")
            .arg("--data-dir")
            .arg(self.data_dir());
        command
    }

    /// Runs it.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(&mut self.command(arguments))
    }

    /// Ingests a path and gives the report of a run that must have exited 0.
    pub(crate) fn ingest(&self, path: &Path) -> Value {
        self.run(&["ingest", path.to_str().unwrap()]).done()
    }

    /// Asks and gives the answer's JSON.
    pub(crate) fn ask(&self, question: &str) -> Value {
        self.run(&["ask", question]).done()
    }

    /// Fails unless catalogue and index agree.
    pub(crate) fn must_agree(&self) {
        let report = self.run(&["index", "check"]);
        assert_eq!(report.code, Some(0), "{}{}", report.stdout, report.stderr);
        assert_eq!(report.json()["agrees"], true);
    }

    /// Starts the server and waits until it is ready.
    pub(crate) fn serve(&self) -> Server {
        let mut command = program();
        command
            .args(["serve", "--port", "0", "--data-dir"])
            .arg(self.data_dir());
        Server::start(command)
    }
}

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    port: u16,
    stderr: Option<std::thread::JoinHandle<String>>,
}

/// An answer over HTTP.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.head, self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Server {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut told = String::new();
        let port = loop {
            let mut line = String::new();
            assert!(
                lines.read_line(&mut line).unwrap() > 0,
                "the server ended: {told}"
            );
            told.push_str(&line);
            if let Some((_, rest)) = line.split_once("http://127.0.0.1:") {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                break digits.parse().unwrap();
            }
        };
        let stderr = std::thread::spawn(move || {
            let _ = lines.read_to_string(&mut told);
            told
        });
        Self {
            child,
            port,
            stderr: Some(stderr),
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(
            "POST",
            path,
            &[("content-type", "application/json")],
            body.to_string().as_bytes(),
        )
    }

    /// Uploads a file with form fields.
    pub(crate) fn upload(&self, name: &str, bytes: &[u8], fields: &[(&str, &str)]) -> Answer {
        let mut body = Vec::new();
        for (field, value) in fields {
            write!(
                body,
                "--limit\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"
            )
            .unwrap();
        }
        write!(
            body,
            "--limit\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        )
        .unwrap();
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n--limit--\r\n");
        self.send(
            "POST",
            "/api/v1/documents",
            &[("content-type", "multipart/form-data; boundary=limit")],
            &body,
        )
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        if !headers
            .iter()
            .any(|(name, _)| name.eq_ignore_ascii_case("host"))
        {
            request += &format!("host: 127.0.0.1:{}\r\n", self.port);
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!(
            "content-length: {}\r\nconnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        // A server that refuses early may close before it has read everything.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer to {method} {path}: {answer}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        let body = if chunked {
            unchunked(body)
        } else {
            body.to_owned()
        };
        Answer {
            status,
            head: head.to_owned(),
            body,
        }
    }

    /// Waits until a job has ended and gives it.
    pub(crate) fn wait_for_job(&self, job_id: &str) -> Value {
        let started = Instant::now();
        loop {
            let job = self.get(&format!("/api/v1/jobs/{job_id}")).json();
            if !job["finished_at"].is_null() {
                return job;
            }
            assert!(
                started.elapsed() < Duration::from_secs(120),
                "the job does not end: {job}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks it to stop and gives its exit code and what it wrote.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        let done = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(done.success());
        let status = self.child.wait().unwrap();
        let told = self.stderr.take().unwrap().join().unwrap();
        (status.code(), told)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn unchunked(body: &str) -> String {
    let (mut text, mut rest) = (String::new(), body);
    while let Some((size, after)) = rest.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size.trim(), 16) else {
            break;
        };
        if size == 0 || after.len() < size || !after.is_char_boundary(size) {
            break;
        }
        text.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    text
}

/// White space as single spaces, as quotations are compared.
pub(crate) fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
