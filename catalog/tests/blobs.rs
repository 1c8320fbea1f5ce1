//! What the file store promises.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "test code, helpers too"
)]

mod common;

use std::fs;
use std::io;
use std::io::Write;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use catalog::{BlobStore, sha256_from_hex, sha256_hex};
use common::*;
use tokio::io::{AsyncRead, ReadBuf};

/// FIPS 180-2, appendix B.1: the SHA-256 of «abc».
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

fn files(folder: &Path) -> usize {
    fs::read_dir(folder.join("arriving")).unwrap().count()
}

#[tokio::test]
async fn a_file_stands_under_the_sum_of_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(folder.path()).unwrap();
    let stored = store.put(b"abc").await.unwrap();
    assert_eq!(
        (sha256_hex(&stored.sha256).as_str(), stored.byte_size),
        (ABC, 3)
    );
    assert_eq!(
        fs::read(folder.path().join("ba").join(ABC)).unwrap(),
        b"abc"
    );
    assert_eq!(sha256_from_hex(ABC), Some(stored.sha256));
    assert_eq!(store.read(&stored.sha256).await.unwrap(), b"abc");
    store.verify(&stored.sha256).await.unwrap();
    store.put(b"abc").await.unwrap();
    assert_eq!(store.list().await.unwrap(), [stored.sha256]);
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test]
async fn an_altered_or_missing_file_is_told_and_mended_by_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(folder.path()).unwrap();
    let sum = store.put(b"abc").await.unwrap().sha256;
    fs::write(store.path(&sum), b"abd").unwrap();
    assert_eq!(store.verify(&sum).await.unwrap_err().code(), "blob_altered");
    assert_eq!(store.read(&sum).await.unwrap_err().code(), "blob_altered");
    store.put(b"abc").await.unwrap();
    store.verify(&sum).await.unwrap();
    fs::remove_file(store.path(&sum)).unwrap();
    assert_eq!(store.verify(&sum).await.unwrap_err().code(), "blob_missing");
    assert_eq!(store.open_blob(&sum).unwrap_err().code(), "blob_missing");
    store.put(b"abc").await.unwrap();
    store.verify(&sum).await.unwrap();
}

/// Gives some bytes, then fails.
struct Broken(u32);

impl AsyncRead for Broken {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.0 += 1;
        if self.0 > 3 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        buffer.put_slice(b"half");
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn what_does_not_arrive_whole_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(folder.path()).unwrap();
    let broken = store.put_reader(Broken(0), 1_000).await.unwrap_err();
    assert_eq!(broken.code(), "interrupted");
    let large = store.put_reader(&b"0123456789"[..], 9).await.unwrap_err();
    assert_eq!(large.code(), "too_large");
    assert!(store.put_reader(&b"0123456789"[..], 10).await.is_ok());
    assert_eq!(
        (files(folder.path()), store.list().await.unwrap().len()),
        (0, 1)
    );
}

#[tokio::test]
async fn what_an_interrupted_arrival_left_is_swept_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(folder.path()).unwrap();
    let sum = store.put(b"abc").await.unwrap().sha256;
    fs::write(folder.path().join("arriving").join("left"), b"half a file").unwrap();
    let store = BlobStore::open(folder.path()).unwrap();
    assert_eq!(files(folder.path()), 0);
    store.verify(&sum).await.unwrap();
}

#[tokio::test]
async fn a_file_is_removed_only_when_no_version_needs_it_and_nobody_holds_it() {
    let world = World::sqlite().await;
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(folder.path()).unwrap();
    let stored = store.put(b"abc").await.unwrap();
    let sum = stored.sha256;
    // Stored, not received yet.
    assert!(
        !store
            .remove_unreferenced(&world.catalog, &sum)
            .await
            .unwrap()
    );
    let received = catalog::Received {
        sha256: sum,
        ..file("a.pdf", "a")
    };
    let new = receive(&world.catalog, &received).await;
    drop(stored);
    assert!(
        !store
            .remove_unreferenced(&world.catalog, &sum)
            .await
            .unwrap()
    );
    world.catalog.delete(new.document).await.unwrap();
    let purged = world.catalog.purge(new.document).await.unwrap();
    assert_eq!(purged.blobs, [sum]);
    assert!(
        store
            .remove_unreferenced(&world.catalog, &sum)
            .await
            .unwrap()
    );
    assert!(
        !store
            .remove_unreferenced(&world.catalog, &sum)
            .await
            .unwrap()
    );
    assert!(store.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_folder_that_cannot_be_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let taken = folder.path().join("taken");
    fs::write(&taken, b"").unwrap();
    let fault = BlobStore::open(&taken.join("blobs")).unwrap_err();
    assert_eq!(fault.code(), "not_writable");
}

#[tokio::test]
async fn a_full_disk_is_told_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mount = |arguments: &[&str]| {
        let done = std::process::Command::new("mount")
            .args(arguments)
            .arg(folder.path())
            .output();
        done.is_ok_and(|done| done.status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", "size=1m", "tmpfs"]) {
        let _ = writeln!(
            std::io::stderr(),
            "NOT RUN: full disk under the file store (needs the right to mount a tmpfs)"
        );
        return;
    }
    let store = BlobStore::open(folder.path()).unwrap();
    let sum = store.put(b"abc").await.unwrap().sha256;
    let code = store.put(&vec![7; 4 << 20]).await.unwrap_err().code();
    let (left, sound) = (files(folder.path()), store.verify(&sum).await);
    let unmounted = std::process::Command::new("umount")
        .arg("-l")
        .arg(folder.path())
        .status();
    assert!(unmounted.unwrap().success());
    assert_eq!((code, left), ("no_space", 0));
    sound.unwrap();
}
