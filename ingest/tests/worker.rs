//! The process that reads one file: what it answers, and how its death is told.
//!
//! This program is also that process: started with `parse-worker` it is the real child, with
//! `chaos-…` a child that misbehaves.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test without the harness, which clippy does not know for one"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use ingest::{ExtractError, ExtractLimits, Extracted, ParseWorker, WorkerLimits, worker_main};

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("parse-worker") => return worker_main(),
        Some("chaos-abort") => std::process::abort(),
        Some("chaos-sleep") => std::thread::sleep(Duration::from_secs(600)),
        Some("chaos-flood") => flood(),
        Some("chaos-nonsense") => print!("nonsense"),
        Some("chaos-memory") => {
            eprintln!("memory allocation of 123456789 bytes failed");
            std::process::abort();
        }
        _ => run(),
    }
    ExitCode::SUCCESS
}

fn flood() {
    use std::io::Write;
    let block = [b'x'; 64 * 1024];
    while std::io::stdout().write_all(&block).is_ok() {}
}

type Test = fn(&Files);

fn run() {
    let files = Files::new();
    let tests: [(&str, Test); 7] = [
        (
            "a_file_is_read_as_in_this_process",
            a_file_is_read_as_in_this_process,
        ),
        ("a_refusal_keeps_its_code", a_refusal_keeps_its_code),
        (
            "a_child_that_dies_is_told_by_its_signal",
            a_child_that_dies_is_told_by_its_signal,
        ),
        ("a_child_that_hangs_is_ended", a_child_that_hangs_is_ended),
        (
            "a_child_that_floods_or_babbles_is_refused",
            a_child_that_floods_or_babbles_is_refused,
        ),
        (
            "a_child_without_memory_is_told",
            a_child_without_memory_is_told,
        ),
        (
            "hostile_files_cost_only_themselves",
            hostile_files_cost_only_themselves,
        ),
    ];
    for (name, test) in tests {
        test(&files);
        println!("test {name} ... ok");
    }
}

struct Files {
    folder: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
}

impl Files {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        Self {
            folder: tempfile::tempdir().unwrap(),
            runtime: runtime.unwrap(),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn read_as(
        &self,
        role: &str,
        path: &Path,
        limits: WorkerLimits,
    ) -> Result<Extracted, ExtractError> {
        let program = std::env::current_exe().unwrap();
        let worker = ParseWorker::new(program, vec![role.into()], limits);
        let name = path.file_name().unwrap().to_string_lossy();
        self.runtime
            .block_on(worker.extract(path, &name, &ExtractLimits::default()))
    }

    fn code_as(&self, role: &str, limits: WorkerLimits) -> &'static str {
        let path = self.write("nota.txt", b"Pese al paciente cada dia.");
        self.read_as(role, &path, limits)
            .expect_err("the child misbehaves")
            .code()
    }
}

fn a_file_is_read_as_in_this_process(files: &Files) {
    let text = "Inicie con 1,25 mg.\n\nDoble la dosis cada dos semanas si FC ≥ 50 lpm.".as_bytes();
    let path = files.write("nota.txt", text);
    let here = ingest::extract("nota.txt", text, &ExtractLimits::default()).unwrap();
    let there = files
        .read_as("parse-worker", &path, WorkerLimits::default())
        .unwrap();
    assert_eq!(here, there);
}

fn a_refusal_keeps_its_code(files: &Files) {
    let path = files.write("a.pdf", b"%PDF-1.7 cut");
    let error = files
        .read_as("parse-worker", &path, WorkerLimits::default())
        .unwrap_err();
    assert_eq!(error.code(), "truncated");
    let path = files.write("a.txt", b"");
    let error = files
        .read_as("parse-worker", &path, WorkerLimits::default())
        .unwrap_err();
    assert_eq!(error.code(), "empty_file");
}

fn a_child_that_dies_is_told_by_its_signal(files: &Files) {
    let path = files.write("nota.txt", b"x");
    let error = files
        .read_as("chaos-abort", &path, WorkerLimits::default())
        .unwrap_err();
    assert!(
        matches!(error, ExtractError::ParserCrash { signal: Some(6) }),
        "{error:?}"
    );
}

fn a_child_that_hangs_is_ended(files: &Files) {
    let limits = WorkerLimits {
        wall_seconds: 1,
        ..WorkerLimits::default()
    };
    assert_eq!(files.code_as("chaos-sleep", limits), "parser_timeout");
}

fn a_child_that_floods_or_babbles_is_refused(files: &Files) {
    let limits = WorkerLimits {
        output_bytes: 1 << 20,
        ..WorkerLimits::default()
    };
    assert_eq!(files.code_as("chaos-flood", limits), "parser_output");
    assert_eq!(
        files.code_as("chaos-nonsense", WorkerLimits::default()),
        "parser_io"
    );
}

fn a_child_without_memory_is_told(files: &Files) {
    assert_eq!(
        files.code_as("chaos-memory", WorkerLimits::default()),
        "parser_memory"
    );
    let path = files.write("larga.txt", &vec![b'a'; 60 << 20]);
    let limits = WorkerLimits {
        address_space_bytes: 120 << 20,
        ..WorkerLimits::default()
    };
    let error = files.read_as("parse-worker", &path, limits).unwrap_err();
    assert_eq!(error.code(), "parser_memory", "{error:?}");
}

/// One file in so many of the hostile set; a release build may take all.
const STEP: usize = if cfg!(debug_assertions) { 12 } else { 1 };

fn hostile_files_cost_only_themselves(files: &Files) {
    let root = std::env::var_os("SISTOLE_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let folder = root.join("data/hostile-pdf/pdfjs");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("NOT RUN: hostile-pdf of the development data is not here (set SISTOLE_SHARED)");
        return;
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let (mut read, mut crashed) = (0, Vec::new());
    for path in paths.iter().step_by(STEP) {
        match files.read_as("parse-worker", path, WorkerLimits::default()) {
            Ok(_) => read += 1,
            Err(error) if error.code().starts_with("parser") => {
                crashed.push(format!("{} {}", path.display(), error.code()));
            }
            Err(_) => {}
        }
    }
    assert!(read > 0, "some hostile files hold text");
    assert!(crashed.len() * 50 <= paths.len() / STEP, "{crashed:#?}");
}
