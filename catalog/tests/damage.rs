//! What the SQLite catalogue does when its file, its folder or its disk is not as it should be.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test code, helpers too"
)]

mod common;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use catalog::{Catalog, CatalogConfig, CatalogError};
use common::*;

fn config(folder: &Path) -> CatalogConfig {
    CatalogConfig::new(format!(
        "sqlite:{}",
        folder.join("catalog.sqlite").display()
    ))
}

async fn open(folder: &Path) -> Result<Catalog, CatalogError> {
    Catalog::open(&config(folder)).await
}

/// A catalogue with one active document, closed.
async fn filled(folder: &Path) -> Vec<domain::Passage> {
    let catalog = open(folder).await.unwrap();
    let (_, passages) = add(&catalog, &file("a.pdf", "a"), &["dosis"]).await;
    catalog.close().await;
    passages
}

/// The file is damaged as told; opening must say so and leave it as it is.
async fn check(damage: impl FnOnce(Vec<u8>) -> Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let path = folder.path().join("catalog.sqlite");
    let damaged = damage(fs::read(&path).unwrap());
    fs::write(&path, &damaged).unwrap();
    let fault = open(folder.path()).await.unwrap_err();
    assert_eq!(fault.code(), "catalog_damaged", "{fault}");
    let message = fault.to_string();
    assert!(message.contains("copia de seguridad"), "{message}");
    assert!(
        !message.contains(folder.path().to_str().unwrap()),
        "{message}"
    );
    assert!(
        fs::read(&path).unwrap() == damaged,
        "the damaged file was changed"
    );
}

#[tokio::test]
async fn an_emptied_file_is_damage_and_no_new_catalogue() {
    check(|_| Vec::new()).await;
}

#[tokio::test]
async fn a_file_of_another_kind_is_damage() {
    check(|_| b"%PDF-1.7 no soy un catalogo".repeat(20)).await;
}

#[tokio::test]
async fn a_file_cut_short_is_damage() {
    check(|bytes| bytes[..bytes.len() / 2].to_vec()).await;
    check(|bytes| bytes[..bytes.len() - 1].to_vec()).await;
    check(|bytes| bytes[..60].to_vec()).await;
}

#[tokio::test]
async fn a_file_whose_first_page_is_overwritten_is_damage() {
    check(|mut bytes| {
        bytes[100..4096].fill(0xa5);
        bytes
    })
    .await;
}

#[tokio::test]
async fn the_database_of_another_program_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!(
        "sqlite:{}?mode=rwc",
        folder.path().join("catalog.sqlite").display()
    );
    let mut other = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url)
        .await
        .unwrap();
    sqlx::raw_sql("CREATE TABLE citas (id INTEGER)")
        .execute(&mut other)
        .await
        .unwrap();
    sqlx::Connection::close(other).await.unwrap();
    let fault = open(folder.path()).await.unwrap_err();
    assert_eq!(fault.code(), "catalog_damaged");
}

#[tokio::test]
async fn a_catalogue_that_vanished_beside_its_log_is_damage() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    fs::remove_file(folder.path().join("catalog.sqlite")).unwrap();
    fs::write(folder.path().join("catalog.sqlite-wal"), b"left").unwrap();
    assert_eq!(
        open(folder.path()).await.unwrap_err().code(),
        "catalog_damaged"
    );
}

#[tokio::test]
async fn a_missing_catalogue_is_told_where_one_must_be() {
    let folder = tempfile::tempdir().unwrap();
    let strict = CatalogConfig {
        create: false,
        ..config(folder.path())
    };
    assert_eq!(
        Catalog::open(&strict).await.unwrap_err().code(),
        "catalog_missing"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path()).await;
    let url = config(folder.path()).url;
    let mut later = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url)
        .await
        .unwrap();
    sqlx::raw_sql("INSERT INTO schema_version VALUES (7, 'mañana')")
        .execute(&mut later)
        .await
        .unwrap();
    sqlx::Connection::close(later).await.unwrap();
    match open(folder.path()).await.unwrap_err() {
        CatalogError::NewerSchema { found, known } => assert_eq!((found, known), (7, 1)),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_creation_that_was_cut_short_is_begun_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("catalog.sqlite.new"),
        b"half a catalogue",
    )
    .unwrap();
    let passages = filled(folder.path()).await;
    let catalog = open(folder.path()).await.unwrap();
    assert_eq!(answers(&catalog, &passages).await, ["dosis"]);
    assert!(!folder.path().join("catalog.sqlite.new").exists());
}

#[tokio::test]
async fn a_folder_that_cannot_hold_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("fichero"), b"").unwrap();
    for place in ["fichero", "no-existe"] {
        let fault = open(&folder.path().join(place)).await.unwrap_err();
        assert_eq!(fault.code(), "not_writable", "{fault:?}");
    }
}

#[tokio::test]
async fn an_address_that_is_none_is_told_without_its_password() {
    for url in [
        "",
        "sqlite:",
        "mysql://a:secreto@b/c",
        "postgres://a:secreto@[/c",
    ] {
        let config = CatalogConfig::new(url);
        let fault = Catalog::open(&config).await.unwrap_err();
        assert_eq!(fault.code(), "catalog_url", "{url}");
        assert!(!format!("{fault} {config:?}").contains("secreto"));
    }
}

#[tokio::test]
async fn a_server_that_is_away_is_told() {
    let away = CatalogConfig::new("postgres://nadie@localhost/x?host=/no/existe");
    let fault = Catalog::open(&away).await.unwrap_err();
    assert_eq!(fault.code(), "catalog_unavailable", "{fault:?}");
}

/// A small file system of its own, where the machine lets us make one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(what: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=8m", "tmpfs"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|done| done.status.success()) {
            return Some(Self(folder));
        }
        let _ = writeln!(
            std::io::stderr(),
            "NOT RUN: {what} (needs the right to mount a tmpfs)"
        );
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn on_a_full_disk_writes_say_so_and_reads_go_on() {
    let Some(disk) = SmallDisk::mount("full disk") else {
        return;
    };
    let catalog = open(disk.0.path()).await.unwrap();
    let (_, old) = add(&catalog, &file("a.pdf", "a"), &["dosis"]).await;
    let new = receive(&catalog, &file("b.pdf", "b")).await;
    let long = "palabra ".repeat(4_000);
    let texts = vec![long.trim(); 400];
    let fault = catalog
        .parsed(new.version, &parsed(&passages(new, &texts), &[]))
        .await
        .unwrap_err();
    assert_eq!(fault.code(), "no_space", "{fault:?}");

    // What the failed step had written is given back to who comes next.
    let next = receive(&catalog, &file("c.pdf", "c")).await;
    publish(&catalog, next, &["otra dosis"]).await;

    // To the last byte.
    let _ = fs::write(disk.0.path().join("lastre"), vec![0_u8; 16 << 20]);
    let mut full = false;
    for number in 0..400 {
        let name = format!("{number}.pdf");
        match catalog.receive(&file(&name, &name)).await {
            Ok(_) => {}
            Err(fault) => {
                assert_eq!(fault.code(), "no_space", "{fault:?}");
                full = true;
            }
        }
    }
    assert!(full, "the disk never filled");
    assert_eq!(answers(&catalog, &old).await, ["dosis"]);
    assert_eq!(
        catalog.version(new.version).await.unwrap().state.name(),
        "received"
    );

    // With room again it goes on where it was.
    fs::remove_file(disk.0.path().join("lastre")).unwrap();
    publish(&catalog, new, &["otra dosis"]).await;
    assert!(catalog.integrity().await.unwrap().is_sound());
    catalog.close().await;
    let catalog = open(disk.0.path()).await.unwrap();
    assert_eq!(answers(&catalog, &old).await, ["dosis"]);
}

#[tokio::test]
async fn a_disk_without_room_for_a_catalogue_is_told() {
    let Some(disk) = SmallDisk::mount("no room at the start") else {
        return;
    };
    let _ = fs::write(disk.0.path().join("lastre"), vec![0_u8; 16 << 20]);
    let fault = open(disk.0.path()).await.unwrap_err();
    assert_eq!(fault.code(), "no_space", "{fault:?}");
    fs::remove_file(disk.0.path().join("lastre")).unwrap();
    open(disk.0.path()).await.unwrap();
}

#[tokio::test]
async fn a_read_only_disk_is_told() {
    let Some(disk) = SmallDisk::mount("read-only disk") else {
        return;
    };
    filled(disk.0.path()).await;
    let frozen = Command::new("mount")
        .args(["-o", "remount,ro"])
        .arg(disk.0.path())
        .status();
    assert!(frozen.unwrap().success());
    let fault = open(disk.0.path()).await.unwrap_err();
    assert_eq!(fault.code(), "not_writable", "{fault:?}");
}
