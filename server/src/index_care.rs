//! The index is a cache of the catalogue: comparing the two, mending the difference, building it
//! again.

use std::collections::{HashMap, HashSet};

use catalog::DocumentRecord;
use domain::{Passage, PassageId, VersionId};
use retriever::{IndexPassage, Opened};
use serde::Serialize;

use crate::app::App;
use crate::error::Failure;
use crate::failures::{catalog_failure, index_failure};

/// How catalogue and index compare.
#[derive(Debug, Default, Serialize)]
pub(crate) struct IndexReport {
    /// Whether they agree.
    pub(crate) agrees: bool,
    /// Passages that the catalogue wants in the index.
    pub(crate) expected: u64,
    /// Passages that the index has.
    pub(crate) found: u64,
    /// Versions whose passages are not all in the index.
    pub(crate) incomplete: Vec<String>,
    /// Versions that have passages in the index and should not.
    pub(crate) orphaned: Vec<String>,
    /// Versions on their way in or out, hidden from every question until they are done.
    pub(crate) pending: Vec<String>,
}

/// Compares every passage identifier of the catalogue with the index.
///
/// # Errors
/// The catalogue or the index failed.
pub(crate) async fn compare(app: &App) -> Result<IndexReport, Failure> {
    let mut report = IndexReport::default();
    let mut found: HashMap<VersionId, usize> = app
        .index()
        .versions()
        .await
        .map_err(index_failure)?
        .into_iter()
        .collect();
    report.found = found.values().map(|count| *count as u64).sum();
    for expected in app
        .catalog()
        .expected_points()
        .await
        .map_err(catalog_failure)?
    {
        report.expected += expected.passages;
        let count = found.remove(&expected.version_id).unwrap_or_default();
        if count as u64 != expected.passages || !same_passages(app, expected.version_id).await? {
            report.incomplete.push(expected.version_id.to_string());
        }
    }
    let hidden: HashSet<VersionId> = app
        .catalog()
        .hidden_versions(crate::answering::today())
        .await
        .map_err(catalog_failure)?
        .into_iter()
        .collect();
    for version in found.into_keys() {
        let list = if hidden.contains(&version) {
            &mut report.pending
        } else {
            &mut report.orphaned
        };
        list.push(version.to_string());
    }
    report.agrees = report.incomplete.is_empty() && report.orphaned.is_empty();
    Ok(report)
}

async fn same_passages(app: &App, version: VersionId) -> Result<bool, Failure> {
    let catalogued: HashSet<PassageId> = app
        .catalog()
        .passage_ids(version)
        .await
        .map_err(catalog_failure)?
        .into_iter()
        .collect();
    let indexed = app
        .index()
        .point_ids(version)
        .await
        .map_err(index_failure)?;
    Ok(indexed.len() == catalogued.len() && indexed.iter().all(|id| catalogued.contains(id)))
}

/// Makes the index right after it was opened: nothing to do where it was closed in order, the
/// difference where it was not, everything where it was lost.
///
/// # Errors
/// The catalogue or the index failed.
pub(crate) async fn mend(app: &App) -> Result<(), Failure> {
    match app.opened() {
        Opened::Clean => {}
        Opened::Dirty => {
            let report = compare(app).await?;
            if !report.agrees || !report.pending.is_empty() {
                tracing::warn!(
                    incomplete = report.incomplete.len(),
                    orphaned = report.orphaned.len(),
                    "the index was not closed in order and is mended from the catalogue"
                );
                mend_difference(app, &report).await?;
            }
        }
        Opened::New | Opened::Lost(_) => {
            if let Opened::Lost(reason) = app.opened() {
                tracing::warn!(%reason, "the index would not load and is built again from the catalogue");
            }
            let expected = app
                .catalog()
                .expected_points()
                .await
                .map_err(catalog_failure)?;
            if expected.iter().any(|version| version.passages > 0) {
                rebuild(app, |_| ()).await?;
            }
        }
    }
    sweep(app).await?;
    // Documents that were deleted, and a crash kept from being cleaned away.
    for document in app
        .catalog()
        .deletions_left()
        .await
        .map_err(catalog_failure)?
    {
        crate::ingestion::purge(app, document).await?;
    }
    Ok(())
}

async fn mend_difference(app: &App, report: &IndexReport) -> Result<(), Failure> {
    let parse = |list: &[String]| {
        list.iter()
            .filter_map(|id| id.parse().ok())
            .collect::<Vec<VersionId>>()
    };
    let incomplete = parse(&report.incomplete);
    let mut gone = parse(&report.orphaned);
    gone.extend(&incomplete);
    if !gone.is_empty() {
        app.index()
            .remove_versions(&gone)
            .await
            .map_err(index_failure)?;
    }
    for version in incomplete {
        index_version(app, version).await?;
    }
    app.index().flush().await.map_err(index_failure)
}

/// Puts the passages of a version into the index. Not safe from a crash before a flush.
///
/// # Errors
/// The catalogue or the index failed.
pub(crate) async fn index_version(app: &App, version: VersionId) -> Result<u64, Failure> {
    let version = app
        .catalog()
        .version(version)
        .await
        .map_err(catalog_failure)?;
    let document = app
        .catalog()
        .document(version.document_id)
        .await
        .map_err(catalog_failure)?;
    let passages = app
        .catalog()
        .version_passages(version.id)
        .await
        .map_err(catalog_failure)?;
    let points = index_passages(&passages, &document);
    app.retriever()
        .index_passages(&points)
        .await
        .map_err(index_failure)?;
    Ok(points.len() as u64)
}

/// Passages with what their document adds: the title they are searched and cited with, and what
/// the index filters by.
fn index_passages<'a>(
    passages: &'a [Passage],
    document: &'a DocumentRecord,
) -> Vec<IndexPassage<'a>> {
    let point = |passage| IndexPassage {
        passage,
        title: &document.title,
        collection: &document.collection,
        groups: &document.groups,
    };
    passages.iter().map(point).collect()
}

/// Takes out of the index what no question may see any more: superseded, retired, deleted.
///
/// # Errors
/// The catalogue or the index failed. What is left is hidden all the same, and goes next time.
pub(crate) async fn sweep(app: &App) -> Result<(), Failure> {
    let leaving = app
        .catalog()
        .leaving_index()
        .await
        .map_err(catalog_failure)?;
    if leaving.is_empty() {
        return Ok(());
    }
    app.index()
        .remove_versions(&leaving)
        .await
        .map_err(index_failure)?;
    app.index().flush().await.map_err(index_failure)?;
    for version in leaving {
        app.catalog()
            .mark_in_index(version, false)
            .await
            .map_err(catalog_failure)?;
    }
    Ok(())
}

/// Builds the index again beside the live one and swaps the two. `progress` hears how many
/// passages are done. Questions go on meanwhile.
///
/// # Errors
/// The catalogue or the index failed; the live index stays as it was.
pub(crate) async fn rebuild(app: &App, mut progress: impl FnMut(u64)) -> Result<u64, Failure> {
    let mut building = app.index().rebuild().await.map_err(index_failure)?;
    let expected = app
        .catalog()
        .expected_points()
        .await
        .map_err(catalog_failure)?;
    let mut done = 0;
    for expected in &expected {
        let document = app
            .catalog()
            .document(expected.document_id)
            .await
            .map_err(catalog_failure)?;
        let mut pages = app.catalog().passage_pages(expected.version_id);
        while let Some(passages) = pages.next().await.map_err(catalog_failure)? {
            let points = index_passages(&passages, &document);
            app.retriever()
                .push_passages(building.as_mut(), &points)
                .await
                .map_err(index_failure)?;
            done += points.len() as u64;
            progress(done);
        }
    }
    building.finish().await.map_err(index_failure)?;
    let held: Vec<VersionId> = expected.iter().map(|version| version.version_id).collect();
    app.catalog()
        .set_index_contents(&held)
        .await
        .map_err(catalog_failure)?;
    Ok(done)
}

/// Writes a document's passages into the index again after its title, collection or groups
/// changed, and flushes.
///
/// # Errors
/// The catalogue or the index failed.
pub(crate) async fn reindex_document(
    app: &App,
    document: domain::DocumentId,
) -> Result<(), Failure> {
    let _writing = app.writing().await;
    let document = app
        .catalog()
        .document(document)
        .await
        .map_err(catalog_failure)?;
    let Some(active) = document.active() else {
        return Ok(());
    };
    index_version(app, active.id).await?;
    app.index().flush().await.map_err(index_failure)
}

/// The log of the index that may pile up before the index is built again without it: qdrant-edge
/// never shortens its log, and reads all of it when it opens.
const MAX_LOG_BYTES: u64 = 512 << 20;

/// Builds the index again where its log has grown past [`MAX_LOG_BYTES`].
///
/// # Errors
/// The catalogue or the index failed; the live index stays as it was.
pub(crate) async fn shorten_log(app: &App) -> Result<(), Failure> {
    if app.index().log_bytes() > MAX_LOG_BYTES {
        let _writing = app.writing().await;
        rebuild(app, |_| ()).await?;
    }
    Ok(())
}
