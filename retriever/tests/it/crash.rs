//! A process that is killed while it writes, and the next one that opens what it left.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use domain::VersionId;
use retriever::{IndexConfig, Opened};

use crate::support::{Bench, passage};

const DIR: &str = "RETRIEVER_TEST_CRASH_DIR";
const ROUNDS: u64 = 20;

/// Not a test by itself: the process that is killed. It writes versions of twenty passages and
/// tells each one that has been flushed.
#[tokio::test]
async fn child_that_writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else {
        return;
    };
    let config = IndexConfig {
        optimize_every: 60,
        ..IndexConfig::default()
    };
    let bench = Bench::open_with(Path::new(&dir), config).unwrap();
    let mut out = std::io::stdout();
    loop {
        let version = VersionId::generate();
        let passages: Vec<_> = (0..20)
            .map(|n| passage(version, n, &format!("Nota {n} de {version}.")))
            .collect();
        bench.add(&passages).await;
        bench.index().flush().await.unwrap();
        writeln!(out, "flushed {version}").unwrap();
        out.flush().unwrap();
    }
}

fn child(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "crash::child_that_writes_until_it_is_killed",
            "--nocapture",
        ])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets a child write for a while that differs from round to round, kills it (SIGKILL) and gives
/// the versions it said were flushed.
fn write_and_kill(dir: &Path, round: u64) -> Vec<VersionId> {
    let mut child = child(dir);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reader = std::thread::spawn(move || {
        let lines = lines.map_while(Result::ok);
        // The harness may write its own words before ours on the line.
        let flushed = lines.filter_map(|line| line.split("flushed ").nth(1)?.trim().parse().ok());
        flushed.collect::<Vec<VersionId>>()
    });
    std::thread::sleep(Duration::from_millis(250 + 37 * round));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap()
}

#[test]
fn after_a_kill_all_that_was_flushed_is_there_or_the_index_says_it_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut flushed: Vec<VersionId> = Vec::new();
    let mut dirty = 0;
    for round in 0..ROUNDS {
        flushed.extend(write_and_kill(dir.path(), round));
        let bench = Bench::open(dir.path()).unwrap();
        let versions = runtime.block_on(bench.index().versions()).unwrap();
        match bench.opened {
            Opened::Lost(_) | Opened::New => {
                assert!(versions.is_empty());
                flushed.clear();
            }
            Opened::Clean | Opened::Dirty => {
                dirty += 1;
                for version in &flushed {
                    let found = versions.iter().find(|(found, _)| found == version);
                    let found = found.map(|(_, passages)| *passages);
                    assert_eq!(found, Some(20), "round {round}, version {version}");
                }
            }
        }
    }
    assert!(
        dirty > ROUNDS / 2,
        "only {dirty} of {ROUNDS} rounds were loaded"
    );
    assert!(!flushed.is_empty());
}
