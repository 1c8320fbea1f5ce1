//! What a reader sees, and from which moment on.

use std::collections::BTreeSet;

use catalog::{DocumentFilter, Received, VersionState};
use domain::{Ranked, Scope};
use jiff::civil::date;

use crate::common::*;

pub(crate) async fn nothing_answers_before_it_is_active(world: World) {
    let catalog = world.catalog;
    let new = receive(&catalog, &file("a.pdf", "a")).await;
    let passages = index(&catalog, new, &["dosis"]).await;
    assert!(answers(&catalog, &passages).await.is_empty());
    assert_eq!(catalog.hidden_versions(TODAY).await.unwrap(), [new.version]);
    catalog.activate(new.version).await.unwrap();
    assert_eq!(answers(&catalog, &passages).await, ["dosis"]);
    assert!(catalog.hidden_versions(TODAY).await.unwrap().is_empty());
}

pub(crate) async fn other_bytes_from_the_same_file_supersede_in_one_moment(world: World) {
    let catalog = world.catalog;
    let (old, mut all) = add(&catalog, &file("a.pdf", "v1"), &["5 mg"]).await;
    let new = receive(&catalog, &file("a.pdf", "v2")).await;
    assert_eq!((new.document, new.number), (old.document, 2));
    all.extend(index(&catalog, new, &["10 mg"]).await);
    assert_eq!(answers(&catalog, &all).await, ["5 mg"]);
    let activated = catalog.activate(new.version).await.unwrap();
    assert_eq!(activated.superseded, [old.version]);
    assert_eq!(answers(&catalog, &all).await, ["10 mg"]);
    let record = catalog.document(old.document).await.unwrap();
    let states: Vec<_> = record
        .versions
        .iter()
        .map(|version| version.state)
        .collect();
    assert_eq!(states, [VersionState::Active, VersionState::Superseded]);
    assert!(record.versions[1].superseded_at.is_some());
    assert_eq!(catalog.hidden_versions(TODAY).await.unwrap(), [old.version]);
    catalog.mark_in_index(old.version, false).await.unwrap();
    assert!(catalog.hidden_versions(TODAY).await.unwrap().is_empty());
}

pub(crate) async fn deleting_a_document_changes_the_very_next_answer(world: World) {
    let catalog = world.catalog;
    let (old, mut all) = add(&catalog, &file("a.pdf", "v1"), &["5 mg"]).await;
    let (new, more) = add(&catalog, &file("a.pdf", "v2"), &["10 mg", "cada 12 h"]).await;
    all.extend(more);
    let deletion = catalog.delete(new.document).await.unwrap();
    assert!(answers(&catalog, &all).await.is_empty());
    assert_eq!(deletion.versions, [old.version, new.version]);
    assert_eq!(
        (
            deletion.in_index.len(),
            deletion.passages,
            deletion.blobs.len()
        ),
        (2, 3, 2)
    );
    assert_eq!(catalog.delete(new.document).await.unwrap(), deletion);
    assert_eq!(catalog.deletions_left().await.unwrap(), [new.document]);
    let hidden: BTreeSet<_> = catalog
        .hidden_versions(TODAY)
        .await
        .unwrap()
        .into_iter()
        .collect();
    assert_eq!(hidden, BTreeSet::from([old.version, new.version]));

    // The rows stay as long as the index may still name them.
    assert_eq!(
        catalog.purge(new.document).await.unwrap_err().code(),
        "conflict"
    );
    for version in [old.version, new.version] {
        catalog.mark_in_index(version, false).await.unwrap();
    }
    let purged = catalog.purge(new.document).await.unwrap();
    assert_eq!(
        (purged.versions, purged.passages, purged.blobs.len()),
        (2, 3, 2)
    );
    assert!(catalog.deletions_left().await.unwrap().is_empty());
    let tombstone = catalog.document(new.document).await.unwrap();
    assert_eq!(
        (tombstone.status, tombstone.versions.len()),
        (VersionState::Deleted, 0)
    );
    assert_eq!(tombstone.title, "Protocolo de insuficiencia cardíaca");
    assert!(!catalog.needs_blob(&digest("v1")).await.unwrap());

    // The same file again is a new document.
    let again = receive(&catalog, &file("a.pdf", "v2")).await;
    assert_ne!(again.document, new.document);
    assert_eq!(again.number, 1);
    let alive = catalog.purge(again.document).await.unwrap_err();
    assert_eq!(alive.code(), "conflict");
}

pub(crate) async fn a_file_that_two_documents_need_outlives_one_of_them(world: World) {
    let catalog = world.catalog;
    let (one, _) = add(&catalog, &file("a.pdf", "a"), &["dosis"]).await;
    let elsewhere = Received {
        collection: Some("otra".into()),
        ..file("a.pdf", "a")
    };
    let (two, _) = add(&catalog, &elsewhere, &["dosis"]).await;
    assert!(catalog.delete(one.document).await.unwrap().blobs.is_empty());
    assert!(catalog.needs_blob(&digest("a")).await.unwrap());
    assert_eq!(catalog.needed_blobs().await.unwrap(), [digest("a")]);
    assert_eq!(
        catalog.delete(two.document).await.unwrap().blobs,
        [digest("a")]
    );
    assert!(!catalog.needs_blob(&digest("a")).await.unwrap());
}

pub(crate) async fn a_document_answers_only_on_days_when_it_is_in_force(world: World) {
    let catalog = world.catalog;
    let in_force = |from, to, file| Received {
        effective_from: from,
        effective_to: to,
        ..file
    };
    let (first, last) = (date(2026, 1, 1), date(2026, 12, 31));
    let year = in_force(Some(first), Some(last), file("2026.pdf", "2026"));
    let (year, mut all) = add(&catalog, &year, &["este año"]).await;
    let next = in_force(Some(date(2027, 1, 1)), None, file("2027.pdf", "2027"));
    let (next, more) = add(&catalog, &next, &["el próximo"]).await;
    all.extend(more);
    all.extend(
        add(&catalog, &file("siempre.pdf", "siempre"), &["siempre"])
            .await
            .1,
    );
    for (day, expected, hidden) in [
        (
            date(2025, 12, 31),
            vec!["siempre"],
            vec![year.version, next.version],
        ),
        (first, vec!["este año", "siempre"], vec![next.version]),
        (last, vec!["este año", "siempre"], vec![next.version]),
        (
            date(2027, 1, 1),
            vec!["el próximo", "siempre"],
            vec![year.version],
        ),
    ] {
        assert_eq!(
            answers_on(&catalog, &all, &Scope::default(), day).await,
            expected,
            "{day}"
        );
        let found: BTreeSet<_> = catalog
            .hidden_versions(day)
            .await
            .unwrap()
            .into_iter()
            .collect();
        assert_eq!(found, hidden.into_iter().collect(), "{day}");
    }
    let upside_down = in_force(Some(last), Some(first), file("x.pdf", "x"));
    assert_eq!(
        catalog.receive(&upside_down).await.unwrap_err().code(),
        "invalid"
    );
}

pub(crate) async fn collection_and_groups_bound_what_is_seen(world: World) {
    let catalog = world.catalog;
    let placed = |collection: &str, groups: &[&str], file| Received {
        collection: Some(collection.to_owned()),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        ..file
    };
    let mut all = Vec::new();
    for (name, collection, groups) in [
        ("abierto", "planta", &[][..]),
        ("cardio", "planta", &["cardiologia", "uci"][..]),
        ("farmacia", "planta", &["farmacia"][..]),
        ("otra", "uci", &[][..]),
    ] {
        all.extend(
            add(
                &catalog,
                &placed(collection, groups, file(name, name)),
                &[name],
            )
            .await
            .1,
        );
    }
    let groups = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
    for (collection, groups, expected) in [
        (None, None, vec!["abierto", "cardio", "farmacia", "otra"]),
        (None, groups(&[]), vec!["abierto", "otra"]),
        (None, groups(&["uci"]), vec!["abierto", "cardio", "otra"]),
        (
            None,
            groups(&["farmacia", "cardiologia"]),
            vec!["abierto", "cardio", "farmacia", "otra"],
        ),
        (
            Some("planta".to_owned()),
            groups(&["x' OR 1=1"]),
            vec!["abierto"],
        ),
        (Some("nadie".to_owned()), None, vec![]),
    ] {
        let listed = DocumentFilter {
            collection: collection.clone(),
            groups: groups.clone(),
            ..DocumentFilter::default()
        };
        let scope = Scope {
            hidden_versions: vec![],
            collection,
            groups,
        };
        assert_eq!(
            answers_on(&catalog, &all, &scope, TODAY).await,
            expected,
            "{scope:?}"
        );
        let page = catalog.documents(&listed).await.unwrap();
        assert_eq!(page.items.len(), expected.len());
    }
    assert_eq!(
        catalog.groups().await.unwrap(),
        ["cardiologia", "farmacia", "uci"]
    );
}

pub(crate) async fn a_retired_version_comes_back_by_way_of_the_index(world: World) {
    let catalog = world.catalog;
    let (new, all) = add(&catalog, &file("a.pdf", "a"), &["dosis"]).await;
    assert_eq!(catalog.retire(new.document).await.unwrap(), new.version);
    assert!(answers(&catalog, &all).await.is_empty());
    catalog.mark_in_index(new.version, false).await.unwrap();
    // Without its points it would be active and never found.
    assert_eq!(
        catalog.reinstate(new.version).await.unwrap_err().code(),
        "conflict"
    );
    catalog.mark_in_index(new.version, true).await.unwrap();
    catalog.reinstate(new.version).await.unwrap();
    assert!(answers(&catalog, &all).await.is_empty());
    catalog.activate(new.version).await.unwrap();
    assert_eq!(answers(&catalog, &all).await, ["dosis"]);
}

pub(crate) async fn a_reader_always_sees_exactly_one_version(world: World) {
    let catalog = world.catalog;
    let (_, mut all) = add(&catalog, &file("a.pdf", "v1"), &["v1 a", "v1 b"]).await;
    let mut waiting = Vec::new();
    for number in 2..=12 {
        let name = format!("v{number}");
        let new = receive(&catalog, &file("a.pdf", &name)).await;
        all.extend(index(&catalog, new, &[&format!("{name} a"), &format!("{name} b")]).await);
        waiting.push(new.version);
    }
    let writer = {
        let catalog = catalog.clone();
        tokio::spawn(async move {
            for version in waiting {
                catalog.activate(version).await.unwrap();
                tokio::task::yield_now().await;
            }
        })
    };
    let mut readings = 0;
    while !writer.is_finished() || readings == 0 {
        let texts = answers(&catalog, &all).await;
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert_eq!(texts[0][..2], texts[1][..2], "two versions at once");
        readings += 1;
    }
    writer.await.unwrap();
    assert_eq!(answers(&catalog, &all).await, ["v12 a", "v12 b"]);
}

pub(crate) async fn evidence_keeps_the_order_of_the_ranking(world: World) {
    let catalog = world.catalog;
    let texts: Vec<String> = (0..200).map(|number| format!("pasaje {number}")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (_, mut all) = add(&catalog, &file("a.pdf", "a"), &texts).await;
    let (gone, more) = add(&catalog, &file("b.pdf", "b"), &["retirado"]).await;
    all.extend(more);
    catalog.retire(gone.document).await.unwrap();
    all.sort_by_key(|passage| passage.id);
    let mut wanted = ranked(&all);
    wanted.push(Ranked {
        passage_id: domain::PassageId::of(gone.version, 7, "nunca"),
        score: 0.0,
    });
    let evidence = catalog
        .evidence(&wanted, &Scope::default(), TODAY)
        .await
        .unwrap();
    assert_eq!(evidence.passages.len(), 200);
    for (offered, rank) in evidence.passages.iter().zip(1..) {
        assert_eq!(offered.rank, rank);
    }
    let order: Vec<_> = evidence
        .passages
        .iter()
        .map(|offered| offered.passage.id)
        .collect();
    let expected: Vec<_> = all
        .iter()
        .filter(|p| p.text != "retirado")
        .map(|p| p.id)
        .collect();
    assert_eq!(order, expected);
    let score = wanted
        .iter()
        .find(|one| one.passage_id == order[0])
        .unwrap()
        .score;
    assert_eq!(evidence.passages[0].score, score);
    let nothing = catalog
        .evidence(&[], &Scope::default(), TODAY)
        .await
        .unwrap();
    assert!(nothing.passages.is_empty());
}
