//! What was acknowledged outlives the end of the process, however it ends.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test code, helpers too"
)]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use catalog::{Catalog, CatalogConfig, Receipt, VersionState};
use common::*;

/// Set for the child: the folder to write in until it is killed.
const FOLDER: &str = "SISTOLE_CATALOG_CRASH_FOLDER";

fn config(folder: &Path) -> CatalogConfig {
    CatalogConfig::new(format!(
        "sqlite:{}",
        folder.join("catalog.sqlite").display()
    ))
}

#[tokio::test]
async fn a_handle_dropped_without_closing_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let catalog = Catalog::open(&config).await.unwrap();
    let (_, passages) = add(&catalog, &file("a.pdf", "a"), &["dosis"]).await;
    let left = receive(&catalog, &file("b.pdf", "b")).await;
    catalog.begin_attempt(left.version).await.unwrap();
    drop(catalog);
    let catalog = Catalog::open(&config).await.unwrap();
    assert_eq!(answers(&catalog, &passages).await, ["dosis"]);
    let unfinished = catalog.unfinished().await.unwrap();
    assert_eq!((unfinished.len(), unfinished[0].attempts), (1, 1));
}

/// Not a test by itself: writes documents and tells each on standard output once it is true.
#[tokio::test]
async fn child_that_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let catalog = Catalog::open(&config(Path::new(&folder))).await.unwrap();
    for number in 0.. {
        let name = format!("{number}.pdf");
        let new = receive(&catalog, &file(&name, &name)).await;
        println!("\nreceived {}", new.version);
        publish(&catalog, new, &["dosis", "otra dosis"]).await;
        println!("\nactive {}", new.version);
    }
}

#[tokio::test]
async fn a_kill_in_the_middle_of_an_ingest_loses_nothing_acknowledged() {
    for lines in [1, 12, 61] {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "child_that_writes_until_it_is_killed",
                "--nocapture",
            ])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let told: Vec<String> = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap)
            .filter(|line| line.starts_with("received ") || line.starts_with("active "))
            .take(lines)
            .collect();
        // SIGKILL.
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(told.len(), lines);

        let catalog = Catalog::open(&config(folder.path())).await.unwrap();
        for line in &told {
            let (word, id) = line.split_once(' ').unwrap();
            let version = catalog.version(id.parse().unwrap()).await.unwrap();
            if word == "active" {
                assert_eq!(version.state, VersionState::Active);
                assert_eq!(catalog.version_passages(version.id).await.unwrap().len(), 2);
            }
        }
        assert!(catalog.integrity().await.unwrap().is_sound());
        // What was half done can be finished.
        for left in catalog.unfinished().await.unwrap() {
            catalog
                .reject(left.version_id, "interrupted", "se interrumpió")
                .await
                .unwrap();
            let again = catalog
                .receive(&file(&left.file_name, &left.file_name))
                .await
                .unwrap();
            assert!(
                matches!(again, Receipt::New { version_id, .. } if version_id == left.version_id)
            );
        }
    }
}
