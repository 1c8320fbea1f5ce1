//! A file at the door: its bytes stored, its version catalogued.

use std::path::Path;

use catalog::{Receipt, Received, VersionState};
use domain::DocumentId;

use super::lifecycle::put_back;
use super::process::waits_for_its_day;
use super::{Refused, Submission, Taken, Work};
use crate::app::App;
use crate::error::{Failure, FailureClass};
use crate::failures::{blob_failure, catalog_failure};
use crate::wire::{AcceptedJson, RejectedJson, UnchangedJson};

/// Bytes that the catalogue and the index may need for each byte of a file, with room to spare.
const GROWTH: u64 = 4;

/// Stores a file and puts it into the catalogue, in one transaction. Once this has returned, the
/// document is either searchable later or visible with the reason why not.
///
/// # Errors
/// The file cannot be read or stored; what to tell of it.
pub(crate) async fn take(app: &App, submission: Submission) -> Result<Taken, RejectedJson> {
    let shown = submission.shown.clone();
    take_file(app, submission).await.map_err(|refused| {
        app.metrics().count_file(false);
        refused.rejected(&shown)
    })
}

async fn take_file(app: &App, submission: Submission) -> Result<Taken, Refused> {
    let bytes = check_size(app, &submission.path)?;
    app.data().room_for(bytes.saturating_mul(GROWTH))?;
    let file = tokio::fs::File::open(&submission.path)
        .await
        .map_err(unreadable)?;
    let limit = app.settings().ingest.limits.max_file_bytes;
    // Held until the catalogue has it: a deletion beside us must not take the file away.
    let stored = app
        .blobs()
        .put_reader(file, limit)
        .await
        .map_err(blob_failure)?;
    let receipt = app
        .catalog()
        .receive(&Received {
            replaces: submission.replaces,
            source_key: submission.source_key.clone(),
            file_name: submission.file_name.clone(),
            media_type: None,
            sha256: stored.sha256,
            byte_size: stored.byte_size,
            title: submission.title.clone(),
            collection: Some(
                submission
                    .collection
                    .clone()
                    .unwrap_or_else(|| app.settings().ingest.collection.clone()),
            ),
            groups: submission.groups.clone(),
            language: submission.language,
            effective_from: submission.effective_from,
            effective_to: submission.effective_to,
        })
        .await
        .map_err(catalog_failure)?;
    if let Receipt::Unchanged { document_id, .. } = &receipt
        && submission.replaces.is_some_and(|id| id != *document_id)
    {
        // Passed over in silence, the document it is meant to replace would go on answering.
        return Err(Refused {
            code: "already_loaded".to_owned(),
            message:
                "el fichero ya está cargado como otro documento y no puede sustituir al indicado: \
                      retire el documento antiguo, o borre este y cárguelo de nuevo"
                    .to_owned(),
        });
    }
    let half_done = match &receipt {
        Receipt::Unchanged {
            state, version_id, ..
        } => state.is_unfinished() && !waits_for_its_day(app, *version_id).await?,
        Receipt::New { .. } => false,
    };
    Ok(match receipt {
        Receipt::Unchanged {
            document_id,
            version,
            state,
            job_id,
            version_id,
        } if half_done => {
            // A crash left it half done: this run finishes it.
            Taken::New(Work {
                shown: submission.shown,
                file_name: submission.file_name,
                document_id,
                version_id,
                version,
                job_id,
                state,
                sha256: stored.sha256,
                language: submission.language,
            })
        }
        Receipt::Unchanged {
            document_id,
            version_id,
            version,
            state: VersionState::Superseded,
            job_id,
        } if submission.asked_to_replace && submission.replaces == Some(document_id)
            || stands_for(app, &submission, document_id).await? =>
        {
            // Somebody put the earlier file back in its place: what it says is what is meant now.
            put_back(app, version_id).await?;
            let version_record = app.catalog().version(version_id).await;
            let record = version_record.map_err(catalog_failure)?;
            let accepted = AcceptedJson {
                file: submission.shown,
                document_id: document_id.to_string(),
                version,
                status: record.state.name().to_owned(),
                pages: record.page_count.unwrap_or(0),
                passages: record.passage_count,
                warnings: Vec::new(),
            };
            Taken::PutBack(accepted, job_id)
        }
        Receipt::Unchanged {
            document_id,
            version,
            job_id,
            ..
        } => Taken::Unchanged(
            UnchangedJson {
                file: submission.shown,
                document_id: document_id.to_string(),
            },
            job_id,
            version,
        ),
        Receipt::New {
            document_id,
            version_id,
            version,
            job_id,
        } => Taken::New(Work {
            shown: submission.shown,
            file_name: submission.file_name,
            document_id,
            version_id,
            version,
            job_id: Some(job_id),
            state: VersionState::Received,
            sha256: stored.sha256,
            language: submission.language,
        }),
    })
}

pub(super) fn unreadable(error: std::io::Error) -> Refused {
    Refused::from(
        Failure::new(
            FailureClass::Failed,
            "unreadable",
            "no se puede leer el fichero: compruebe sus permisos",
        )
        .caused_by(error),
    )
}

fn check_size(app: &App, path: &Path) -> Result<u64, Refused> {
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    let limit = app.settings().ingest.limits.max_file_bytes;
    let refused = |code: &str, message: String| Refused {
        code: code.to_owned(),
        message,
    };
    if !metadata.is_file() {
        return Err(refused(
            "not_a_file",
            "no es un fichero: indique un fichero o una carpeta".to_owned(),
        ));
    }
    match metadata.len() {
        0 => Err(refused(
            "empty_file",
            "el archivo está vacío: compruebe que se guardó bien y vuelva a subirlo".to_owned(),
        )),
        bytes if bytes > limit => Err(refused(
            "too_large",
            format!(
                "el fichero ocupa {} MiB y el máximo es {} MiB (clave ingest.limits.max_file_bytes): divídalo o suba el límite",
                bytes.div_ceil(1 << 20),
                limit >> 20
            ),
        )),
        bytes => Ok(bytes),
    }
}

/// Whether the file's path is the one that its document stands under now.
async fn stands_for(
    app: &App,
    submission: &Submission,
    document: DocumentId,
) -> Result<bool, Failure> {
    let Some(key) = &submission.source_key else {
        return Ok(false);
    };
    let collection = submission.collection.as_ref();
    let collection = collection.unwrap_or(&app.settings().ingest.collection);
    let found = app.catalog().source_document(collection, key).await;
    Ok(found.map_err(catalog_failure)? == Some(document))
}
