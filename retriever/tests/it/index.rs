//! Who sees what, what a write changes, and what is left after closing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{Scope, VersionId};
use retriever::{IndexConfig, IndexError, Opened};

use crate::support::{Bench, indexed, passage};

const DOSE: &str = "La dosis inicial de bisoprolol es de 1,25 mg al día.";

#[tokio::test]
async fn a_hidden_version_never_answers() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::open(dir.path()).unwrap();
    let [old, new] = [VersionId::generate(), VersionId::generate()];
    let (before, now) = (passage(old, 0, DOSE), passage(new, 0, DOSE));
    bench.add(&[before.clone(), now.clone()]).await;
    let mut both = bench.ask("dosis de bisoprolol", &Scope::default()).await;
    both.sort_unstable();
    let mut expected = vec![before.id, now.id];
    expected.sort_unstable();
    assert_eq!(both, expected);

    let scope = Scope {
        hidden_versions: vec![old],
        ..Scope::default()
    };
    assert_eq!(bench.ask("dosis de bisoprolol", &scope).await, [now.id]);
    // Also where the index has merged what it holds.
    bench.index().optimize().await.unwrap();
    assert_eq!(bench.ask("dosis de bisoprolol", &scope).await, [now.id]);
}

#[tokio::test]
async fn only_the_collection_asked_for_and_the_groups_of_who_asks_are_searched() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::open(dir.path()).unwrap();
    let [open, urgent, other] = std::array::from_fn(|_| passage(VersionId::generate(), 0, DOSE));
    bench
        .add_to(std::slice::from_ref(&open), "protocolos", &[])
        .await;
    bench
        .add_to(
            std::slice::from_ref(&urgent),
            "protocolos",
            &["urgencias".to_owned()],
        )
        .await;
    bench
        .add_to(
            std::slice::from_ref(&other),
            "circulares",
            &["uci".to_owned()],
        )
        .await;

    let check = async |collection: Option<&str>, groups: Option<&[&str]>, expected: &[&_]| {
        let scope = Scope {
            hidden_versions: Vec::new(),
            collection: collection.map(str::to_owned),
            groups: groups.map(|groups| groups.iter().map(|group| (*group).to_owned()).collect()),
        };
        let mut found = bench.ask("bisoprolol", &scope).await;
        found.sort_unstable();
        let mut expected: Vec<_> = expected.iter().map(|id| **id).collect();
        expected.sort_unstable();
        assert_eq!(found, expected, "{collection:?} {groups:?}");
    };
    check(None, None, &[&open.id, &urgent.id, &other.id]).await;
    check(Some("circulares"), None, &[&other.id]).await;
    check(None, Some(&[]), &[&open.id]).await;
    check(None, Some(&["urgencias"]), &[&open.id, &urgent.id]).await;
    check(Some("protocolos"), Some(&["uci"]), &[&open.id]).await;
}

#[tokio::test]
async fn indexing_twice_changes_nothing_and_removing_leaves_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::open(dir.path()).unwrap();
    let [kept, gone] = [VersionId::generate(), VersionId::generate()];
    let texts = [
        "bisoprolol 1,25 mg",
        "enalapril 2,5 mg",
        "espironolactona 25 mg",
    ];
    let of = |version| -> Vec<_> {
        (0..)
            .zip(texts)
            .map(|(ordinal, text)| passage(version, ordinal, text))
            .collect()
    };
    for _ in 0..2 {
        bench.add(&of(kept)).await;
        bench.add(&of(gone)).await;
    }
    assert_eq!(bench.index().count().await.unwrap(), 6);
    bench.index().remove_versions(&[gone]).await.unwrap();
    bench.index().flush().await.unwrap();
    assert_eq!(bench.index().versions().await.unwrap(), [(kept, 3)]);
    assert!(bench.index().point_ids(gone).await.unwrap().is_empty());
    let mut ids = bench.index().point_ids(kept).await.unwrap();
    ids.sort_unstable();
    let mut expected: Vec<_> = of(kept).iter().map(|passage| passage.id).collect();
    expected.sort_unstable();
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn what_was_closed_opens_clean_with_all_it_had_also_when_it_was_only_read() {
    let dir = tempfile::tempdir().unwrap();
    let version = VersionId::generate();
    let written = passage(version, 0, DOSE);
    let bench = Bench::open(dir.path()).unwrap();
    assert_eq!(bench.opened, Opened::New);
    bench.add(std::slice::from_ref(&written)).await;
    bench.index().close().await.unwrap();
    assert!(matches!(
        bench.index().count().await,
        Err(IndexError::Closed)
    ));
    drop(bench);
    for _ in 0..2 {
        let bench = Bench::open(dir.path()).unwrap();
        assert_eq!(bench.opened, Opened::Clean);
        assert_eq!(
            bench.ask("bisoprolol", &Scope::default()).await,
            [written.id]
        );
        bench.index().close().await.unwrap();
    }
    // Opened, read and left without closing: nothing was written, so it is still clean.
    let bench = Bench::open(dir.path()).unwrap();
    assert_eq!(
        bench.ask("bisoprolol", &Scope::default()).await,
        [written.id]
    );
}

#[tokio::test]
async fn what_was_not_closed_opens_dirty_with_what_was_flushed() {
    let dir = tempfile::tempdir().unwrap();
    let written = passage(VersionId::generate(), 0, DOSE);
    let bench = Bench::open(dir.path()).unwrap();
    bench.add(std::slice::from_ref(&written)).await;
    bench.index().flush().await.unwrap();
    drop(bench);
    let bench = Bench::open(dir.path()).unwrap();
    assert_eq!(bench.opened, Opened::Dirty);
    assert_eq!(
        bench.ask("bisoprolol", &Scope::default()).await,
        [written.id]
    );
}

#[tokio::test]
async fn a_second_opener_is_refused_until_the_first_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let first = Bench::open(dir.path()).unwrap();
    assert!(matches!(Bench::open(dir.path()), Err(IndexError::InUse)));
    drop(first);
    assert!(Bench::open(dir.path()).is_ok());
}

#[tokio::test]
async fn an_index_made_with_other_settings_is_lost_and_not_half_right() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::open(dir.path()).unwrap();
    bench.add(&[passage(VersionId::generate(), 0, DOSE)]).await;
    bench.index().close().await.unwrap();
    drop(bench);
    let config = IndexConfig {
        k1: 1.5,
        ..IndexConfig::default()
    };
    let bench = Bench::open_with(dir.path(), config).unwrap();
    assert!(matches!(bench.opened, Opened::Lost(_)));
    assert_eq!(bench.index().count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_rebuild_takes_the_live_ones_place_in_one_step_and_gives_the_log_back() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::open(dir.path()).unwrap();
    let [kept, removed, added] = std::array::from_fn(|_| VersionId::generate());
    let old: Vec<_> = (0..300)
        .map(|n| passage(kept, n, &format!("{DOSE} Nota {n}")))
        .collect();
    for _ in 0..5 {
        bench.add(&old).await;
    }
    let doomed = passage(removed, 0, "enalapril 2,5 mg");
    bench.add(std::slice::from_ref(&doomed)).await;
    bench.index().flush().await.unwrap();

    let mut rebuild = bench.index().rebuild().await.unwrap();
    assert!(matches!(
        bench.index().rebuild().await,
        Err(IndexError::Rebuilding)
    ));
    // Meanwhile one version goes and another comes.
    bench.index().remove_versions(&[removed]).await.unwrap();
    let new = passage(added, 0, "vericiguat 2,5 mg");
    bench.add(std::slice::from_ref(&new)).await;
    for (passages, collection) in [(&old[..], "protocolos"), (&[doomed][..], "protocolos")] {
        let batch = indexed(passages, collection, &[]);
        bench
            .retriever
            .push_passages(rebuild.as_mut(), &batch)
            .await
            .unwrap();
    }
    assert_eq!(bench.index().count().await.unwrap(), 301);
    let before = bench.index().log_bytes();
    assert_eq!(rebuild.finish().await.unwrap(), 301);
    assert!(bench.index().log_bytes() < before);

    let mut expected = vec![(kept, 300), (added, 1)];
    expected.sort_unstable();
    assert_eq!(bench.index().versions().await.unwrap(), expected);
    assert_eq!(bench.ask("vericiguat", &Scope::default()).await, [new.id]);
    let generations = std::fs::read_dir(dir.path()).unwrap().flatten();
    let generations = generations.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    assert_eq!(generations.count(), 1);
    bench.index().close().await.unwrap();
    drop(bench);
    assert_eq!(Bench::open(dir.path()).unwrap().opened, Opened::Clean);
}

#[tokio::test]
async fn a_rebuild_that_is_given_up_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let bench = Bench::open(dir.path()).unwrap();
    let kept = passage(VersionId::generate(), 0, DOSE);
    bench.add(std::slice::from_ref(&kept)).await;
    drop(bench.index().rebuild().await.unwrap());
    assert_eq!(bench.ask("bisoprolol", &Scope::default()).await, [kept.id]);
    drop(bench.index().rebuild().await.unwrap());
    let folders = std::fs::read_dir(dir.path()).unwrap().flatten();
    assert_eq!(folders.filter(|entry| entry.path().is_dir()).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn searches_beside_writes_flushes_and_merges_always_find_what_was_there_before() {
    let dir = tempfile::tempdir().unwrap();
    let config = IndexConfig {
        optimize_every: 200,
        ..IndexConfig::default()
    };
    let bench = Arc::new(Bench::open_with(dir.path(), config).unwrap());
    let known = passage(VersionId::generate(), 0, "sacubitrilo/valsartán 24/26 mg");
    bench.add(std::slice::from_ref(&known)).await;
    let done = Arc::new(AtomicBool::new(false));
    let searchers: Vec<_> = (0..3)
        .map(|_| {
            let (bench, done) = (bench.clone(), done.clone());
            tokio::spawn(async move {
                let mut asked = 0;
                while !done.load(Ordering::Relaxed) {
                    let found = bench.ask("Entresto", &Scope::default()).await;
                    assert_eq!(found.first(), Some(&known.id));
                    asked += 1;
                }
                asked
            })
        })
        .collect();
    for round in 0..8 {
        let version = VersionId::generate();
        let batch: Vec<_> = (0..100)
            .map(|n| passage(version, n, &format!("{DOSE} Ronda {round}, nota {n}.")))
            .collect();
        bench.add(&batch).await;
        bench.index().flush().await.unwrap();
        if round % 3 == 2 {
            bench.index().remove_versions(&[version]).await.unwrap();
        }
    }
    done.store(true, Ordering::Relaxed);
    for searcher in searchers {
        assert!(searcher.await.unwrap() > 0);
    }
    assert_eq!(bench.index().count().await.unwrap(), 601);
}
