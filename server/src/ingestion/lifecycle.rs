//! What happens to a document after it came: out of use, back, gone; and in use on its day.

use catalog::{DocumentRecord, VersionRecord, VersionState};
use domain::{DocumentId, VersionId};

use super::process::unfinished;
use crate::answering::today;
use crate::app::App;
use crate::error::{Failure, FailureClass};
use crate::failures::{blob_failure, catalog_failure, index_failure};
use crate::index_care;

/// Brings a document that was taken out of use back: its passages into the index, a flush, then
/// the switch.
///
/// # Errors
/// There is no such document, it is in use, or it has no version to bring back.
pub(crate) async fn reactivate(app: &App, document: DocumentId) -> Result<(), Failure> {
    let _writing = app.writing().await;
    let record = app
        .catalog()
        .document(document)
        .await
        .map_err(catalog_failure)?;
    let retired = |version: &&VersionRecord| version.state == VersionState::Retired;
    let Some(version) = record
        .versions
        .iter()
        .find(retired)
        .filter(|_| record.active().is_none())
    else {
        let message = match record.active() {
            Some(_) => "el documento ya está en uso",
            None => "el documento no tiene ninguna versión retirada que activar",
        };
        return Err(Failure::new(FailureClass::Failed, "conflict", message));
    };
    bring_in(app, version).await
}

/// Puts an earlier version of a document back in use in place of the one that answers now.
///
/// # Errors
/// The catalogue or the index failed.
pub(super) async fn put_back(app: &App, version: VersionId) -> Result<(), Failure> {
    let _writing = app.writing().await;
    let version = app.catalog().version(version).await;
    bring_in(app, &version.map_err(catalog_failure)?).await
}

async fn bring_in(app: &App, version: &VersionRecord) -> Result<(), Failure> {
    app.data().room_for(version.byte_size)?;
    app.catalog()
        .mark_in_index(version.id, true)
        .await
        .map_err(catalog_failure)?;
    index_care::index_version(app, version.id).await?;
    app.index().flush().await.map_err(index_failure)?;
    app.catalog()
        .reinstate(version.id)
        .await
        .map_err(catalog_failure)?;
    app.catalog()
        .activate(version.id)
        .await
        .map_err(catalog_failure)?;
    index_care::sweep(app).await
}

/// Takes a document out of use. The next question does not see it.
///
/// # Errors
/// There is no such document, or it is not in use.
pub(crate) async fn retire(app: &App, document: DocumentId) -> Result<(), Failure> {
    app.catalog()
        .retire(document)
        .await
        .map_err(catalog_failure)?;
    let _writing = app.writing().await;
    index_care::sweep(app).await
}

/// A document that was not deleted.
///
/// # Errors
/// There is no such document, or it was deleted: its tombstone is for the auditors.
pub(crate) async fn existing(app: &App, document: DocumentId) -> Result<DocumentRecord, Failure> {
    let record = app
        .catalog()
        .document(document)
        .await
        .map_err(catalog_failure)?;
    if record.status == VersionState::Deleted {
        let message = "no hay ningún documento con ese identificador";
        return Err(Failure::new(FailureClass::Failed, "not_found", message));
    }
    Ok(record)
}

/// What a deletion removed, by place.
#[derive(Debug, serde::Serialize)]
pub(crate) struct DeletionReceipt {
    /// The document.
    pub(crate) document_id: String,
    /// Files removed from the file store.
    pub(crate) files: u64,
    /// Versions removed from the catalogue.
    pub(crate) versions: u64,
    /// Passages removed from the catalogue.
    pub(crate) passages: u64,
    /// Passages removed from the index.
    pub(crate) indexed_passages: u64,
}

/// Deletes a document: hidden at once, then out of the index, the catalogue and the file store.
///
/// # Errors
/// There is no such document, or a place could not be cleaned; it stays hidden all the same.
pub(crate) async fn delete(app: &App, document: DocumentId) -> Result<DeletionReceipt, Failure> {
    let deletion = app
        .catalog()
        .delete(document)
        .await
        .map_err(catalog_failure)?;
    // Hidden from this moment; what follows may wait its turn.
    let _writing = app.writing().await;
    let before = app.index().count().await.map_err(index_failure)?;
    index_care::sweep(app).await?;
    let after = app.index().count().await.map_err(index_failure)?;
    let (purged, files) = purge(app, document).await?;
    Ok(DeletionReceipt {
        document_id: document.to_string(),
        files,
        versions: purged.versions.max(deletion.versions.len() as u64),
        passages: purged.passages,
        indexed_passages: before.saturating_sub(after) as u64,
    })
}

/// Removes the rows and files of a deleted document whose passages have left the index.
///
/// # Errors
/// The catalogue or the file store failed.
pub(crate) async fn purge(
    app: &App,
    document: DocumentId,
) -> Result<(catalog::Purged, u64), Failure> {
    let purged = app
        .catalog()
        .purge(document)
        .await
        .map_err(catalog_failure)?;
    let mut files = 0;
    for sha256 in &purged.blobs {
        let removed = app.blobs().remove_unreferenced(app.catalog(), sha256).await;
        files += u64::from(removed.map_err(blob_failure)?);
    }
    Ok((purged, files))
}

/// Whether a version's first day in force has come.
pub(super) fn is_due(version: &VersionRecord) -> bool {
    version.effective_from.is_none_or(|from| from <= today())
}

/// Puts versions into use whose first day in force has come. They were made searchable when they
/// arrived, and waited so that what was in force went on answering.
///
/// # Errors
/// The catalogue or the index failed.
pub(crate) async fn activate_due(app: &App) -> Result<(), Failure> {
    let _writing = app.writing().await;
    for work in unfinished(app).await? {
        let version = app
            .catalog()
            .version(work.version_id)
            .await
            .map_err(catalog_failure)?;
        if version.state == VersionState::Indexed
            && version.effective_from.is_some()
            && is_due(&version)
        {
            app.catalog()
                .activate(version.id)
                .await
                .map_err(catalog_failure)?;
        }
    }
    index_care::sweep(app).await
}
