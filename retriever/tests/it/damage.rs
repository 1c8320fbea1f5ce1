//! Files that rot, are cut short or disappear: an error or a lost index, never the process.

use std::fs;
use std::path::{Path, PathBuf};

use domain::{Scope, VersionId};
use retriever::{IndexError, Opened, PassageIndex};

use crate::support::{Bench, passage};

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// An index of 60 passages, closed, part of them merged.
async fn closed_index(dir: &Path) {
    let bench = Bench::open(dir).unwrap();
    let version = VersionId::generate();
    let passages: Vec<_> = (0..60)
        .map(|n| passage(version, n, &format!("bisoprolol {n} mg, nota {n}")))
        .collect();
    bench.add(&passages[..50]).await;
    bench.index().optimize().await.unwrap();
    bench.add(&passages[50..]).await;
    bench.index().close().await.unwrap();
}

#[tokio::test]
async fn any_changed_cut_or_missing_file_of_a_closed_index_is_noticed() {
    let master = tempfile::tempdir().unwrap();
    closed_index(master.path()).await;
    let mut names = Vec::new();
    files(master.path(), &mut names);
    let names: Vec<PathBuf> = names
        .iter()
        .map(|path| path.strip_prefix(master.path()).unwrap().to_owned())
        .collect();
    assert!(names.len() > 15, "{names:?}");
    // Each file is harmed in one of three ways; there are several of each kind.
    for (n, name) in names.iter().enumerate() {
        if name.as_os_str() == "lock" {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        copy(master.path(), dir.path());
        let path = dir.path().join(name);
        let mut bytes = fs::read(&path).unwrap();
        let harm = if bytes.is_empty() {
            "remove"
        } else {
            ["flip", "cut", "remove"][n % 3]
        };
        match harm {
            "flip" => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x40;
                fs::write(&path, bytes).unwrap();
            }
            "cut" => {
                bytes.truncate(bytes.len() / 2);
                fs::write(&path, bytes).unwrap();
            }
            _ => fs::remove_file(&path).unwrap(),
        }
        let bench = Bench::open(dir.path()).unwrap();
        assert!(
            matches!(bench.opened, Opened::Lost(_)),
            "{harm} {name:?}: {:?}",
            bench.opened
        );
        assert_eq!(bench.index().count().await.unwrap(), 0);
    }
}

/// The list of files is of no help for an index that was left open: what Qdrant cannot read must
/// end as an error all the same.
#[tokio::test]
async fn damage_to_an_index_that_was_left_open_is_an_error_and_no_panic() {
    let master = tempfile::tempdir().unwrap();
    closed_index(master.path()).await;
    let bench = Bench::open(master.path()).unwrap();
    bench
        .add(&[passage(VersionId::generate(), 0, "enalapril 2,5 mg")])
        .await;
    bench.index().flush().await.unwrap();
    drop(bench);
    let mut names = Vec::new();
    files(master.path(), &mut names);
    let shard = names
        .iter()
        .filter(|path| path.components().any(|part| part.as_os_str() == "shard"));
    let (mut loaded, mut lost) = (0, 0);
    for (n, path) in shard.enumerate() {
        let dir = tempfile::tempdir().unwrap();
        copy(master.path(), dir.path());
        let path = dir.path().join(path.strip_prefix(master.path()).unwrap());
        let mut bytes = fs::read(&path).unwrap();
        if bytes.is_empty() {
            continue;
        }
        if n % 2 == 0 {
            let place = (bytes.len() / 3).min(40);
            bytes[place] ^= 0xff;
        } else {
            bytes.truncate(bytes.len() / 3);
        }
        fs::write(&path, bytes).unwrap();
        let bench = Bench::open(dir.path()).unwrap();
        match bench.opened {
            Opened::Lost(_) => lost += 1,
            Opened::New | Opened::Clean | Opened::Dirty => loaded += 1,
        }
        exercise(bench.index().as_ref()).await;
    }
    assert!(loaded + lost > 15, "{loaded} loaded, {lost} lost");
    assert!(lost > 0);
}

/// Whatever an operation gives is fine; that it gives something is what is tested.
async fn exercise(index: &dyn PassageIndex) {
    let _ = index.count().await;
    if let Ok(versions) = index.versions().await {
        for (version, _) in versions {
            let _ = index.point_ids(version).await;
            let _ = index.remove_versions(&[version]).await;
        }
    }
    let _ = index.optimize().await;
    let _ = index.flush().await;
}

#[tokio::test]
async fn a_flush_that_fails_is_an_error_and_the_index_can_be_rebuilt_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::open(dir.path()).unwrap();
    let kept = passage(VersionId::generate(), 0, "bisoprolol 1,25 mg");
    bench.add(std::slice::from_ref(&kept)).await;
    // The segments' folder goes away under its feet: what is to be put on disk has no place.
    let generation = fs::read_dir(dir.path())
        .unwrap()
        .flatten()
        .find(|entry| entry.path().is_dir());
    fs::remove_dir_all(generation.unwrap().path().join("shard/segments")).unwrap();
    assert!(matches!(
        bench.index().flush().await,
        Err(IndexError::Lost(_))
    ));
    assert!(matches!(
        bench.index().count().await,
        Err(IndexError::Lost(_))
    ));

    let mut rebuild = bench.index().rebuild().await.unwrap();
    let batch = crate::support::indexed(std::slice::from_ref(&kept), "protocolos", &[]);
    bench
        .retriever
        .push_passages(rebuild.as_mut(), &batch)
        .await
        .unwrap();
    assert_eq!(rebuild.finish().await.unwrap(), 1);
    assert_eq!(bench.ask("bisoprolol", &Scope::default()).await, [kept.id]);
    bench.index().close().await.unwrap();
    drop(bench);
    assert_eq!(Bench::open(dir.path()).unwrap().opened, Opened::Clean);
}
