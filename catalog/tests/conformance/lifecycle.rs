//! How a version comes into use and out of it.

use std::collections::BTreeSet;

use catalog::{CatalogError, JobState, Receipt, Received, StoredWarning, VersionState};
use domain::{DocumentId, Scope, VersionId};

use crate::common::*;
use crate::raw;

pub(crate) async fn a_version_lives_from_received_to_active(world: World) {
    let catalog = world.catalog;
    let file = Received {
        groups: vec!["cardiologia".into()],
        ..file("protocolo.pdf", "v1")
    };
    let new = receive(&catalog, &file).await;
    assert_eq!(new.number, 1);
    assert_eq!(
        catalog.version(new.version).await.unwrap().state,
        VersionState::Received
    );

    let passages = passages(new, &["Inicie bisoprolol 1,25 mg", "Vigile el potasio"]);
    let warning = StoredWarning {
        code: "hidden_text".into(),
        page: Some(2),
        detail: "Hay texto oculto.".into(),
    };
    assert_eq!(catalog.begin_attempt(new.version).await.unwrap(), 1);
    catalog
        .parsed(
            new.version,
            &parsed(&passages, std::slice::from_ref(&warning)),
        )
        .await
        .unwrap();
    assert_eq!(
        catalog.version(new.version).await.unwrap().state,
        VersionState::Parsed
    );
    catalog.mark_in_index(new.version, true).await.unwrap();
    catalog.indexed(new.version).await.unwrap();
    let activated = catalog.activate(new.version).await.unwrap();
    assert_eq!(
        (activated.state, activated.superseded.len()),
        (VersionState::Active, 0)
    );

    let record = catalog.document(new.document).await.unwrap();
    assert_eq!(record.status, VersionState::Active);
    assert_eq!(record.title, "Protocolo de insuficiencia cardíaca");
    assert_eq!(
        (record.collection.as_str(), record.groups.as_slice()),
        ("default", &["cardiologia".to_owned()][..])
    );
    let version = record.active().unwrap();
    assert_eq!(
        (version.page_count, version.passage_count, version.in_index),
        (Some(2), 2, true)
    );
    assert_eq!(version.warnings, [warning]);
    assert_eq!(version.sha256, file.sha256);
    assert!(version.activated_at.unwrap() >= version.created_at);
    assert_eq!(catalog.job(new.job).await.unwrap().state, JobState::Done);

    let evidence = catalog
        .evidence(&ranked(&passages), &Scope::default(), TODAY)
        .await
        .unwrap();
    let source = &evidence.passages[0].source;
    assert_eq!((source.document_id, source.version), (new.document, 1));
    assert_eq!(
        (source.title.as_str(), source.file_name.as_str()),
        (record.title.as_str(), "protocolo.pdf")
    );
}

pub(crate) async fn the_same_bytes_are_unchanged(world: World) {
    let catalog = world.catalog;
    let new = receive(&catalog, &file("a.pdf", "a")).await;
    let again = catalog.receive(&file("copia de a.pdf", "a")).await.unwrap();
    let unchanged = |state| Receipt::Unchanged {
        document_id: new.document,
        version_id: new.version,
        version: 1,
        state,
        job_id: Some(new.job),
    };
    assert_eq!(again, unchanged(VersionState::Received));
    publish(&catalog, new, &["dosis"]).await;
    let again = catalog.receive(&file("a.pdf", "a")).await.unwrap();
    assert_eq!(again, unchanged(VersionState::Active));
    catalog.retire(new.document).await.unwrap();
    let again = catalog.receive(&file("a.pdf", "a")).await.unwrap();
    assert_eq!(again, unchanged(VersionState::Retired));
    // Another collection is another place.
    let elsewhere = Received {
        collection: Some("otra".into()),
        ..file("a.pdf", "a")
    };
    assert_ne!(receive(&catalog, &elsewhere).await.document, new.document);
}

pub(crate) async fn rejected_bytes_try_again_under_their_own_version(world: World) {
    let catalog = world.catalog;
    let new = receive(&catalog, &file("a.pdf", "a")).await;
    catalog.begin_attempt(new.version).await.unwrap();
    catalog
        .reject(new.version, "encrypted", "el fichero está cifrado")
        .await
        .unwrap();
    let record = catalog.document(new.document).await.unwrap();
    assert_eq!(record.status, VersionState::Rejected);
    assert_eq!(
        record.versions[0].rejection.as_ref().unwrap().code,
        "encrypted"
    );
    let job = catalog.job(new.job).await.unwrap();
    assert_eq!(
        (job.state, job.code.as_deref()),
        (JobState::Failed, Some("encrypted"))
    );

    let again = receive(&catalog, &file("a.pdf", "a")).await;
    assert_eq!(
        (again.document, again.version, again.number),
        (new.document, new.version, 1)
    );
    assert_ne!(again.job, new.job);
    assert_eq!(catalog.version(new.version).await.unwrap().rejection, None);
    assert_eq!(catalog.begin_attempt(new.version).await.unwrap(), 1);
    catalog
        .reject(new.version, "encrypted", "el fichero está cifrado")
        .await
        .unwrap();

    // Mended bytes from the same file are the next version of the same document.
    let mended = receive(&catalog, &file("a.pdf", "a sin cifrar")).await;
    assert_eq!((mended.document, mended.number), (new.document, 2));
    let (activated, passages) = publish(&catalog, mended, &["dosis"]).await;
    assert!(activated.superseded.is_empty());
    assert_eq!(answers(&catalog, &passages).await, ["dosis"]);
}

pub(crate) async fn a_named_document_is_replaced_by_a_file_of_another_name(world: World) {
    let catalog = world.catalog;
    let in_uci = |file| Received {
        collection: Some("uci".into()),
        ..file
    };
    let (old, mut all) = add(&catalog, &in_uci(file("2024.pdf", "v1")), &["5 mg"]).await;
    let next = Received {
        replaces: Some(old.document),
        ..file("2025.pdf", "v2")
    };
    let elsewhere = Received {
        collection: Some("otra".into()),
        ..next.clone()
    };
    assert_eq!(
        catalog.receive(&elsewhere).await.unwrap_err().code(),
        "conflict"
    );
    let new = receive(&catalog, &next).await;
    assert_eq!((new.document, new.number), (old.document, 2));
    all.extend(publish(&catalog, new, &["10 mg"]).await.1);
    assert_eq!(answers(&catalog, &all).await, ["10 mg"]);
    // From then on the new place is the document's.
    let third = receive(&catalog, &in_uci(file("2025.pdf", "v3"))).await;
    assert_eq!((third.document, third.number), (old.document, 3));

    let lost = Received {
        replaces: Some(DocumentId::generate()),
        ..file("x.pdf", "x")
    };
    assert_eq!(
        catalog.receive(&lost).await.unwrap_err().code(),
        "not_found"
    );
}

pub(crate) async fn a_late_older_version_never_takes_the_place_of_a_newer_one(world: World) {
    let catalog = world.catalog;
    let slow = receive(&catalog, &file("a.pdf", "v1")).await;
    let quick = receive(&catalog, &file("a.pdf", "v2")).await;
    let mut all = index(&catalog, slow, &["5 mg"]).await;
    all.extend(publish(&catalog, quick, &["10 mg"]).await.1);
    let late = catalog.activate(slow.version).await.unwrap();
    assert_eq!(
        (late.state, late.superseded),
        (VersionState::Superseded, vec![slow.version])
    );
    assert_eq!(answers(&catalog, &all).await, ["10 mg"]);
    assert_eq!(catalog.job(slow.job).await.unwrap().state, JobState::Done);
}

pub(crate) async fn two_active_versions_of_one_document_cannot_be_stored(world: World) {
    let catalog = &world.catalog;
    let (first, _) = add(catalog, &file("a.pdf", "v1"), &["5 mg"]).await;
    let second = receive(catalog, &file("a.pdf", "v2")).await;
    index(catalog, second, &["10 mg"]).await;
    // Past our own code: the database itself refuses.
    let sql = format!(
        "UPDATE versions SET state = 'active' WHERE id = '{}'",
        second.version
    );
    let refused = raw(&world.url, sql).await.unwrap_err();
    assert!(
        refused.as_database_error().unwrap().is_unique_violation(),
        "{refused}"
    );
    assert_eq!(
        catalog.version(first.version).await.unwrap().state,
        VersionState::Active
    );
}

pub(crate) async fn steps_out_of_order_are_refused_and_change_nothing(world: World) {
    let catalog = world.catalog;
    let new = receive(&catalog, &file("a.pdf", "a")).await;
    let refused = |fault: CatalogError, from: VersionState, to: VersionState| match fault {
        CatalogError::InvalidTransition { from: f, to: t } => assert_eq!((f, t), (from, to)),
        other => panic!("{other}"),
    };
    use VersionState::{Active, Indexed, Parsed, Received, Rejected, Retired};
    refused(
        catalog.activate(new.version).await.unwrap_err(),
        Received,
        Active,
    );
    refused(
        catalog.indexed(new.version).await.unwrap_err(),
        Received,
        Indexed,
    );
    refused(
        catalog.reinstate(new.version).await.unwrap_err(),
        Received,
        Indexed,
    );
    refused(
        catalog.retire(new.document).await.unwrap_err(),
        Received,
        Retired,
    );
    let passages = passages(new, &["dosis"]);
    catalog
        .parsed(new.version, &parsed(&passages, &[]))
        .await
        .unwrap();
    refused(
        catalog
            .parsed(new.version, &parsed(&passages, &[]))
            .await
            .unwrap_err(),
        Parsed,
        Parsed,
    );
    assert_eq!(
        catalog.indexed(new.version).await.unwrap_err().code(),
        "conflict"
    );
    catalog.mark_in_index(new.version, true).await.unwrap();
    catalog.indexed(new.version).await.unwrap();
    catalog.activate(new.version).await.unwrap();
    refused(
        catalog.activate(new.version).await.unwrap_err(),
        Active,
        Active,
    );
    refused(
        catalog.reject(new.version, "x", "x").await.unwrap_err(),
        Active,
        Rejected,
    );
    refused(
        catalog.begin_attempt(new.version).await.unwrap_err(),
        Active,
        Parsed,
    );
    assert_eq!(answers(&catalog, &passages).await, ["dosis"]);

    let nobody = VersionId::generate();
    assert_eq!(
        catalog.activate(nobody).await.unwrap_err().code(),
        "not_found"
    );
    assert_eq!(
        catalog
            .parsed(nobody, &parsed(&[], &[]))
            .await
            .unwrap_err()
            .code(),
        "not_found"
    );
    assert_eq!(
        catalog
            .mark_in_index(nobody, true)
            .await
            .unwrap_err()
            .code(),
        "not_found"
    );
    assert_eq!(
        catalog.version_passages(nobody).await.unwrap_err().code(),
        "not_found"
    );
    assert_eq!(
        catalog
            .delete(DocumentId::generate())
            .await
            .unwrap_err()
            .code(),
        "not_found"
    );
    assert_eq!(
        catalog
            .retire(DocumentId::generate())
            .await
            .unwrap_err()
            .code(),
        "not_found"
    );
}

pub(crate) async fn of_many_callers_with_the_same_bytes_one_is_told_new(world: World) {
    let mut callers = Vec::new();
    for caller in 0..16 {
        let catalog = world.catalog.clone();
        callers.push(tokio::spawn(async move {
            catalog
                .receive(&file(&format!("copia-{caller}.pdf"), "iguales"))
                .await
                .unwrap()
        }));
    }
    let (mut new, mut versions) = (0, BTreeSet::new());
    for caller in callers {
        match caller.await.unwrap() {
            Receipt::New { version_id, .. } => {
                new += 1;
                versions.insert(version_id);
            }
            Receipt::Unchanged { version_id, .. } => {
                versions.insert(version_id);
            }
        }
    }
    assert_eq!((new, versions.len()), (1, 1));
    assert_eq!(world.catalog.stats().await.unwrap().documents, 1);
}

pub(crate) async fn versions_that_arrive_at_once_get_numbers_of_their_own(world: World) {
    let mut callers = Vec::new();
    for caller in 0..12 {
        let catalog = world.catalog.clone();
        callers.push(tokio::spawn(async move {
            receive(&catalog, &file("a.pdf", &format!("bytes {caller}"))).await
        }));
    }
    let (mut documents, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for caller in callers {
        let new = caller.await.unwrap();
        documents.insert(new.document);
        numbers.insert(new.number);
    }
    assert_eq!(documents.len(), 1);
    assert_eq!(numbers, (1..=12).collect());
}

pub(crate) async fn a_superseded_version_can_be_chosen_again(world: World) {
    let catalog = world.catalog;
    let (old, mut all) = add(&catalog, &file("a.pdf", "v1"), &["5 mg"]).await;
    let (new, more) = add(&catalog, &file("a.pdf", "v2"), &["10 mg"]).await;
    all.extend(more);
    catalog.reinstate(old.version).await.unwrap();
    let activated = catalog.activate(old.version).await.unwrap();
    assert_eq!(
        (activated.state, activated.superseded),
        (VersionState::Active, vec![new.version])
    );
    assert_eq!(answers(&catalog, &all).await, ["5 mg"]);
}

pub(crate) async fn what_a_crash_left_is_listed_with_its_attempts(world: World) {
    let catalog = world.catalog;
    let received = receive(&catalog, &file("1.pdf", "1")).await;
    let indexed = receive(&catalog, &file("2.pdf", "2")).await;
    index(&catalog, indexed, &["dosis"]).await;
    add(&catalog, &file("3.pdf", "3"), &["activo"]).await;
    let rejected = receive(&catalog, &file("4.pdf", "4")).await;
    catalog
        .reject(rejected.version, "empty", "no tiene texto")
        .await
        .unwrap();
    for attempt in 1..=3 {
        assert_eq!(
            catalog.begin_attempt(received.version).await.unwrap(),
            attempt
        );
    }
    let left = catalog.unfinished().await.unwrap();
    let told: Vec<_> = left
        .iter()
        .map(|one| {
            (
                one.version_id,
                one.state,
                one.attempts,
                one.in_index,
                one.job_id,
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                received.version,
                VersionState::Received,
                3,
                false,
                Some(received.job)
            ),
            (
                indexed.version,
                VersionState::Indexed,
                1,
                true,
                Some(indexed.job)
            ),
        ]
    );
    assert_eq!(
        (left[0].file_name.as_str(), left[0].sha256),
        ("1.pdf", digest("1"))
    );
}
