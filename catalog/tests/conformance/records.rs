//! What is stored, listed, changed and counted.

use std::collections::BTreeSet;

use catalog::{
    DocumentFilter, DocumentPatch, Feedback, JobProgress, JobState, Received, Verdict, VersionState,
};
use domain::{DocumentId, JobId, RequestId, Scope, VersionId};
use jiff::civil::date;

use crate::common::*;
use crate::raw;

pub(crate) async fn passages_come_back_as_they_were_stored(world: World) {
    let catalog = world.catalog;
    let text = "Fármaco: bisoprolol ≤ 10 mg «½» 𝄞";
    let (new, stored) = add(&catalog, &file("a.pdf", "a"), &[text, "Vigile el potasio"]).await;
    let read = catalog.version_passages(new.version).await.unwrap();
    assert_eq!(read.len(), 2);
    for (read, stored) in read.iter().zip(&stored) {
        assert_eq!(
            (read.id, read.document_id, read.version_id),
            (stored.id, stored.document_id, stored.version_id)
        );
        assert_eq!(
            (&read.text, &read.section, &read.segments),
            (&stored.text, &stored.section, &stored.segments)
        );
        assert_eq!(
            (read.ordinal, read.language),
            (stored.ordinal, stored.language)
        );
        for (a, b) in read.spans.iter().zip(&stored.spans) {
            assert_eq!(
                (a.start, a.end, a.place.page),
                (b.start, b.end, b.place.page)
            );
            assert!((a.place.bbox.x0 - b.place.bbox.x0).abs() <= 0.051);
            assert!((a.place.bbox.y1 - b.place.bbox.y1).abs() <= 0.051);
        }
        assert_eq!(read.spans.len(), stored.spans.len());
    }
}

pub(crate) async fn a_passage_that_points_outside_its_text_is_not_stored(world: World) {
    let catalog = world.catalog;
    let new = receive(&catalog, &file("a.pdf", "a")).await;
    let mut outside = passages(new, &["dosis", "otra dosis"]);
    outside[1].segments[0].end += 1;
    let mut null = passages(new, &["dosis"]);
    null[0].text = "do\0is".into();
    let mut foreign = passages(new, &["dosis"]);
    foreign[0].version_id = VersionId::generate();
    let mut stray = passages(new, &["dosis"]);
    stray[0].document_id = DocumentId::generate();
    for wrong in [outside, null, foreign, stray] {
        let refused = catalog
            .parsed(new.version, &parsed(&wrong, &[]))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), "invalid");
    }
    assert_eq!(
        catalog.version(new.version).await.unwrap().state,
        VersionState::Received
    );
    assert!(
        catalog
            .version_passages(new.version)
            .await
            .unwrap()
            .is_empty()
    );
}

pub(crate) async fn ten_thousand_passages_are_stored_and_paged(world: World) {
    let catalog = world.catalog;
    let new = receive(&catalog, &file("a.pdf", "a")).await;
    let texts: Vec<String> = (0..10_001)
        .map(|number| format!("pasaje {number}"))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (_, passages) = publish(&catalog, new, &texts).await;
    let mut pages = catalog.passage_pages(new.version);
    let mut ordinals = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        assert!(page.len() <= 500);
        ordinals.extend(page.iter().map(|passage| passage.ordinal));
    }
    assert_eq!(ordinals, (0..10_001).collect::<Vec<_>>());
    let evidence = catalog
        .evidence(&ranked(&passages[..255]), &Scope::default(), TODAY)
        .await;
    assert_eq!(evidence.unwrap().passages.len(), 255);
    let ids: Vec<_> = passages.iter().map(|passage| passage.id).collect();
    assert_eq!(catalog.passage_ids(new.version).await.unwrap(), ids);
    let expected = catalog.expected_points().await.unwrap();
    assert_eq!((expected.len(), expected[0].passages), (1, 10_001));
}

pub(crate) async fn lists_show_everything_once(world: World) {
    let catalog = world.catalog;
    let mut ids = BTreeSet::new();
    for number in 0..23 {
        let name = format!("{number}.pdf");
        ids.insert(
            add(&catalog, &file(&name, &name), &["dosis"])
                .await
                .0
                .document,
        );
    }
    let gone = *ids.first().unwrap();
    catalog.delete(gone).await.unwrap();
    ids.remove(&gone);
    let mut filter = DocumentFilter {
        limit: 5,
        ..DocumentFilter::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = catalog.documents(&filter).await.unwrap();
        assert!(page.items.len() <= 5);
        seen.extend(page.items.iter().map(|record| record.id));
        match page.next {
            Some(next) => filter.cursor = Some(next),
            None => break,
        }
    }
    assert!(seen.is_sorted_by(|a, b| a > b), "newest first");
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), ids);

    let with = |status| DocumentFilter {
        status: Some(status),
        ..DocumentFilter::default()
    };
    let deleted = catalog
        .documents(&with(VersionState::Deleted))
        .await
        .unwrap();
    assert_eq!(
        deleted
            .items
            .iter()
            .map(|record| record.id)
            .collect::<Vec<_>>(),
        [gone]
    );
    assert_eq!(
        catalog
            .documents(&with(VersionState::Active))
            .await
            .unwrap()
            .items
            .len(),
        22
    );
    assert!(
        catalog
            .documents(&with(VersionState::Retired))
            .await
            .unwrap()
            .items
            .is_empty()
    );
    let wrong = DocumentFilter {
        cursor: Some("1 OR 1=1".into()),
        ..DocumentFilter::default()
    };
    assert_eq!(
        catalog.documents(&wrong).await.unwrap_err().code(),
        "invalid"
    );

    let jobs = catalog.jobs(None, None, 20).await.unwrap();
    let rest = catalog.jobs(None, jobs.next.as_deref(), 20).await.unwrap();
    assert_eq!(
        (jobs.items.len(), rest.items.len(), rest.next),
        (20, 3, None)
    );
    assert!(
        catalog
            .jobs(Some(JobState::Queued), None, 0)
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

pub(crate) async fn metadata_can_be_changed(world: World) {
    let catalog = world.catalog;
    let (new, all) = add(&catalog, &file("a.pdf", "a"), &["dosis"]).await;
    let patch = DocumentPatch {
        title: Some(Some("Vía clínica\nde IC".into())),
        collection: Some("uci".into()),
        groups: Some(vec!["uci".into(), "uci".into(), " ".into()]),
        effective_from: Some(Some(date(2026, 1, 1))),
        effective_to: Some(Some(date(2026, 6, 30))),
    };
    let record = catalog.update_metadata(new.document, &patch).await.unwrap();
    assert_eq!(
        (record.title.as_str(), record.collection.as_str()),
        ("Vía clínica de IC", "uci")
    );
    assert_eq!(record.groups, ["uci"]);
    assert!(
        answers(&catalog, &all).await.is_empty(),
        "no longer in force"
    );

    let reopened = DocumentPatch {
        title: Some(None),
        effective_to: Some(None),
        ..DocumentPatch::default()
    };
    let record = catalog
        .update_metadata(new.document, &reopened)
        .await
        .unwrap();
    assert_eq!(record.title, "Protocolo de insuficiencia cardíaca");
    assert_eq!(
        record.active().unwrap().effective_from,
        Some(date(2026, 1, 1))
    );
    assert_eq!(answers(&catalog, &all).await, ["dosis"]);

    let upside_down = DocumentPatch {
        effective_to: Some(Some(date(2020, 1, 1))),
        ..DocumentPatch::default()
    };
    let refused = catalog
        .update_metadata(new.document, &upside_down)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "invalid");
    let lost = catalog
        .update_metadata(DocumentId::generate(), &patch)
        .await
        .unwrap_err();
    assert_eq!(lost.code(), "not_found");
}

pub(crate) async fn a_collection_never_holds_the_same_bytes_twice(world: World) {
    let catalog = world.catalog;
    add(&catalog, &file("a.pdf", "a"), &["dosis"]).await;
    let elsewhere = Received {
        collection: Some("otra".into()),
        ..file("b.pdf", "a")
    };
    let (other, _) = add(&catalog, &elsewhere, &["dosis"]).await;
    let patch = DocumentPatch {
        collection: Some("default".into()),
        ..DocumentPatch::default()
    };
    let refused = catalog
        .update_metadata(other.document, &patch)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "conflict");
    assert_eq!(
        catalog.document(other.document).await.unwrap().collection,
        "otra"
    );
    let counts = catalog.collections().await.unwrap();
    let told: Vec<_> = counts
        .iter()
        .map(|one| (one.name.as_str(), one.documents, one.active, one.passages))
        .collect();
    assert_eq!(told, [("default", 1, 1, 1), ("otra", 1, 1, 1)]);
}

pub(crate) async fn a_job_is_followed_to_its_end(world: World) {
    let catalog = world.catalog;
    let new = receive(&catalog, &file("a.pdf", "a")).await;
    assert_eq!(catalog.job(new.job).await.unwrap().state, JobState::Queued);
    let progress = JobProgress {
        step: "parsing".into(),
        pages_done: 3,
        pages_total: Some(12),
    };
    catalog.job_progress(new.job, &progress).await.unwrap();
    let job = catalog.job(new.job).await.unwrap();
    assert_eq!(
        (job.state, job.pages_done, job.pages_total),
        (JobState::Running, 3, Some(12))
    );
    publish(&catalog, new, &["dosis"]).await;
    catalog.job_progress(new.job, &progress).await.unwrap();
    let job = catalog.job(new.job).await.unwrap();
    assert_eq!((job.state, job.step.as_str()), (JobState::Done, "active"));
    assert!(job.finished_at.is_some());
    let lost = catalog.job(JobId::generate()).await.unwrap_err();
    assert_eq!(lost.code(), "not_found");
}

pub(crate) async fn feedback_is_kept(world: World) {
    let catalog = world.catalog;
    let said = Feedback {
        request_id: RequestId::generate(),
        verdict: Verdict::Unsafe,
        comment: Some("a Zutano le sentó mal".into()),
    };
    assert!(!format!("{said:?}").contains("Zutano"));
    catalog.add_feedback(&said).await.unwrap();
    let plain = Feedback {
        verdict: Verdict::Helpful,
        comment: None,
        ..said.clone()
    };
    catalog.add_feedback(&plain).await.unwrap();
    let page = catalog.feedback(None, 1).await.unwrap();
    assert_eq!(page.items[0].feedback, plain);
    let rest = catalog.feedback(page.next.as_deref(), 1).await.unwrap();
    assert_eq!((rest.items[0].feedback.clone(), rest.next), (said, None));
}

pub(crate) async fn the_index_contents_are_set_as_a_whole(world: World) {
    let catalog = world.catalog;
    let (one, _) = add(&catalog, &file("1.pdf", "1"), &["uno"]).await;
    let (two, _) = add(&catalog, &file("2.pdf", "2"), &["dos"]).await;
    catalog.retire(one.document).await.unwrap();
    assert_eq!(catalog.hidden_versions(TODAY).await.unwrap(), [one.version]);
    assert_eq!(catalog.leaving_index().await.unwrap(), [one.version]);
    catalog.set_index_contents(&[two.version]).await.unwrap();
    assert!(catalog.hidden_versions(TODAY).await.unwrap().is_empty());
    assert!(!catalog.version(one.version).await.unwrap().in_index);
    assert!(catalog.version(two.version).await.unwrap().in_index);
}

pub(crate) async fn counts_and_checks_agree(world: World) {
    let catalog = world.catalog;
    let (new, _) = add(&catalog, &file("a.pdf", "a"), &["uno", "dos"]).await;
    receive(&catalog, &file("b.pdf", "bb")).await;
    let stats = catalog.stats().await.unwrap();
    assert_eq!(
        (stats.documents, stats.active_passages, stats.open_jobs),
        (2, 2, 1)
    );
    assert_eq!(
        stats.versions,
        [(VersionState::Active, 1), (VersionState::Received, 1)]
    );
    assert_eq!(stats.file_bytes, 3);
    assert!(catalog.integrity().await.unwrap().is_sound());
    catalog.ping().await.unwrap();

    // A row lost, and a box turned to garbage.
    let version = new.version;
    raw(
        &world.url,
        format!("DELETE FROM passages WHERE version_id = '{version}' AND ordinal = 1"),
    )
    .await
    .unwrap();
    assert_eq!(catalog.integrity().await.unwrap().problems.len(), 1);
    let garbage = if world.url.starts_with("sqlite") {
        "x'01ff'"
    } else {
        "'\\x01ff'"
    };
    raw(
        &world.url,
        format!("UPDATE passages SET layout = {garbage}"),
    )
    .await
    .unwrap();
    assert_eq!(catalog.integrity().await.unwrap().problems.len(), 2);
    let damaged = catalog.version_passages(version).await.unwrap_err();
    assert_eq!(damaged.code(), "catalog_damaged");
}

pub(crate) async fn names_are_made_fit_for_a_list(world: World) {
    let catalog = world.catalog;
    let odd = Received {
        title: Some("\u{1b}[31m\0rojo".into()),
        source_key: Some("/docs/\0raro".into()),
        collection: Some(" ".into()),
        ..file(&format!("{}\r\n.pdf", "ñ".repeat(400)), "a")
    };
    let new = receive(&catalog, &odd).await;
    let record = catalog.document(new.document).await.unwrap();
    assert_eq!(
        (record.title.as_str(), record.collection.as_str()),
        ("[31m rojo", "default")
    );
    assert_eq!(record.versions[0].file_name.chars().count(), 255);
    let nameless = catalog.receive(&file("\n", "b")).await.unwrap_err();
    assert_eq!(nameless.code(), "invalid");
}
