//! A file arrives: the version it becomes, or the one that it already is.

use domain::{DocumentId, JobId, VersionId};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::blobs::sha256_hex;
use crate::db::{Fields, Tx, args};
use crate::error::{CatalogError, Thing};
use crate::{Catalog, JobState, Receipt, Received, VersionState};

/// The collection of documents that name none.
const DEFAULT_COLLECTION: &str = "default";

/// How often to begin again when another caller was quicker with the same bytes or document.
const TRIES: u32 = 20;

/// The most characters of a name or title that are kept.
const LONGEST_NAME: usize = 255;

impl Catalog {
    /// Records a file whose bytes are stored: a document where there is none for it, a version in
    /// state received, and a job in the queue. Of any number of callers with the same bytes and
    /// collection at once, exactly one is told that they are new.
    ///
    /// Bytes that were rejected are tried again under the version that they had.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`] when the document to replace is not there;
    /// [`CatalogError::Conflict`] when it is in another collection than the one given;
    /// [`CatalogError::Invalid`] when the days of its validity are the wrong way round, or the
    /// file has no name.
    pub async fn receive(&self, received: &Received) -> Result<Receipt, CatalogError> {
        let received = cleaned(received)?;
        let mut tried = 0;
        loop {
            match self.try_receive(&received).await {
                Err(fault) if fault.is_collision() && tried < TRIES => tried += 1,
                outcome => return outcome,
            }
        }
    }

    async fn try_receive(&self, received: &Received) -> Result<Receipt, CatalogError> {
        let mut tx = self.db.write().await?;
        let replaced = match received.replaces {
            Some(id) => Some((id, collection_of(&mut tx, id).await?)),
            None => None,
        };
        let collection = match (&replaced, &received.collection) {
            (Some((_, own)), Some(given)) if own != given => {
                return Err(CatalogError::Conflict {
                    reason: "el documento que se sustituye es de otra colección",
                });
            }
            (Some((_, own)), _) => own.clone(),
            (None, Some(given)) => given.clone(),
            (None, None) => DEFAULT_COLLECTION.to_owned(),
        };
        let sha256 = sha256_hex(&received.sha256);
        if let Some(known) = known_bytes(&mut tx, &collection, &sha256).await? {
            return Ok(known);
        }
        let target = match (replaced, &received.source_key) {
            (Some((id, _)), _) => Some(id),
            (None, Some(key)) => from_source(&mut tx, &collection, key).await?,
            (None, None) => None,
        };
        let rejected = rejected_bytes(&mut tx, &collection, &sha256, target).await?;
        let now = Timestamp::now();
        let document_id = match rejected.map(|(_, document_id, _)| document_id).or(target) {
            Some(id) => {
                touch(&mut tx, id, received, now).await?;
                id
            }
            None => new_document(&mut tx, &collection, received, now).await?,
        };
        if !received.groups.is_empty() {
            set_groups(&mut tx, document_id, &received.groups).await?;
        }
        let (version_id, version) = match rejected {
            Some((version_id, _, number)) => {
                try_again(&mut tx, version_id, received).await?;
                (version_id, number)
            }
            None => new_version(&mut tx, document_id, &collection, &sha256, received, now).await?,
        };
        let job_id = new_job(&mut tx, document_id, version_id, now).await?;
        tx.commit().await?;
        Ok(Receipt::New {
            document_id,
            version_id,
            version,
            job_id,
        })
    }
}

/// The same with texts that both databases take and lists can show.
fn cleaned(received: &Received) -> Result<Received, CatalogError> {
    check_period(received.effective_from, received.effective_to)?;
    let file_name = clean(&received.file_name).ok_or(CatalogError::Invalid {
        reason: "el fichero no tiene nombre",
    })?;
    Ok(Received {
        file_name,
        title: received.title.as_deref().and_then(clean),
        collection: received.collection.as_deref().and_then(clean),
        groups: received
            .groups
            .iter()
            .filter_map(|group| clean(group))
            .collect(),
        media_type: received.media_type.as_deref().and_then(clean),
        // A path is an identity: it is not cut, and only loses what PostgreSQL cannot hold.
        source_key: received
            .source_key
            .as_ref()
            .map(|key| key.replace('\0', " ")),
        ..received.clone()
    })
}

/// A name on one line, of bearable length; `None` where nothing is left.
pub(crate) fn clean(name: &str) -> Option<String> {
    let spaced: String = name
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let kept: String = spaced.trim().chars().take(LONGEST_NAME).collect();
    (!kept.is_empty()).then_some(kept)
}

/// Dates are compared as text, which holds for four-digit years.
pub(crate) fn check_period(from: Option<Date>, to: Option<Date>) -> Result<(), CatalogError> {
    if [from, to].into_iter().flatten().any(|day| day.year() < 0) {
        return Err(CatalogError::Invalid {
            reason: "una fecha de vigencia es anterior al año 0",
        });
    }
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        return Err(CatalogError::Invalid {
            reason: "la vigencia termina antes de empezar: revise las dos fechas",
        });
    }
    Ok(())
}

async fn collection_of(tx: &mut Tx, id: DocumentId) -> Result<String, CatalogError> {
    let row = tx
        .row(
            "SELECT collection FROM documents WHERE id = $1 AND deleted_at IS NULL",
            args![id],
        )
        .await?;
    row.ok_or(CatalogError::not_found(Thing::Document))?
        .fields()
        .text()
}

async fn known_bytes(
    tx: &mut Tx,
    collection: &str,
    sha256: &str,
) -> Result<Option<Receipt>, CatalogError> {
    let row = tx
        .row(
            "SELECT document_id, id, number, state, \
                 (SELECT MAX(j.id) FROM jobs j WHERE j.version_id = versions.id) \
             FROM versions \
             WHERE collection = $1 AND sha256 = $2 AND state NOT IN ('rejected', 'deleted')",
            args![collection, sha256],
        )
        .await?;
    row.map(|row| {
        let mut fields = row.fields();
        Ok(Receipt::Unchanged {
            document_id: fields.named()?,
            version_id: fields.named()?,
            version: fields.small()?,
            state: fields.named()?,
            job_id: fields.opt_named()?,
        })
    })
    .transpose()
}

async fn from_source(
    tx: &mut Tx,
    collection: &str,
    key: &str,
) -> Result<Option<DocumentId>, CatalogError> {
    let row = tx
        .row(
            "SELECT id FROM documents \
             WHERE collection = $1 AND source_key = $2 AND deleted_at IS NULL",
            args![collection, key],
        )
        .await?;
    row.map(|row| row.fields().named()).transpose()
}

/// The version that these bytes had when they were rejected, of the target where there is one.
async fn rejected_bytes(
    tx: &mut Tx,
    collection: &str,
    sha256: &str,
    target: Option<DocumentId>,
) -> Result<Option<(VersionId, DocumentId, u32)>, CatalogError> {
    let rows = tx
        .rows(
            "SELECT id, document_id, number FROM versions \
             WHERE collection = $1 AND sha256 = $2 AND state = 'rejected' ORDER BY id DESC",
            args![collection, sha256],
        )
        .await?;
    for row in rows {
        let mut fields = row.fields();
        let found = (fields.named()?, fields.named()?, fields.small()?);
        if target.is_none_or(|target| target == found.1) {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

async fn new_document(
    tx: &mut Tx,
    collection: &str,
    received: &Received,
    now: Timestamp,
) -> Result<DocumentId, CatalogError> {
    let id = DocumentId::generate();
    tx.execute(
        "INSERT INTO documents (id, collection, source_key, title, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $5)",
        args![
            id,
            collection,
            received.source_key.as_deref(),
            received.title.as_deref(),
            now
        ],
    )
    .await?;
    Ok(id)
}

/// Marks an existing document as changed, which on PostgreSQL also makes others wait for us.
async fn touch(
    tx: &mut Tx,
    id: DocumentId,
    received: &Received,
    now: Timestamp,
) -> Result<(), CatalogError> {
    let touched = tx
        .execute(
            "UPDATE documents SET updated_at = $1, title = COALESCE($2, title) \
             WHERE id = $3 AND deleted_at IS NULL",
            args![now, received.title.as_deref(), id],
        )
        .await?;
    if touched == 0 {
        return Err(CatalogError::not_found(Thing::Document));
    }
    // The next bytes from the new place are this document's, unless the place is another's.
    if let (Some(_), Some(key)) = (received.replaces, &received.source_key) {
        tx.execute(
            "UPDATE documents SET source_key = $1 WHERE id = $2 AND NOT EXISTS \
                 (SELECT 1 FROM documents o WHERE o.source_key = $1 \
                  AND o.collection = documents.collection AND o.deleted_at IS NULL)",
            args![key, id],
        )
        .await?;
    }
    Ok(())
}

/// Makes `groups` the groups of a document.
pub(crate) async fn set_groups(
    tx: &mut Tx,
    id: DocumentId,
    groups: &[String],
) -> Result<(), CatalogError> {
    tx.execute(
        "DELETE FROM document_groups WHERE document_id = $1",
        args![id],
    )
    .await?;
    for group in groups {
        tx.execute(
            "INSERT INTO document_groups (document_id, name) VALUES ($1, $2) \
             ON CONFLICT DO NOTHING",
            args![id, group],
        )
        .await?;
    }
    Ok(())
}

async fn new_version(
    tx: &mut Tx,
    document_id: DocumentId,
    collection: &str,
    sha256: &str,
    received: &Received,
    now: Timestamp,
) -> Result<(VersionId, u32), CatalogError> {
    let id = VersionId::generate();
    let row = tx
        .row(
            "INSERT INTO versions (id, document_id, number, collection, state, sha256, byte_size, \
                 file_name, media_type, language, effective_from, effective_to, created_at) \
             VALUES ($1, $2, \
                 (SELECT COALESCE(MAX(number), 0) + 1 FROM versions WHERE document_id = $2), \
                 $3, 'received', $4, $5, $6, $7, $8, $9, $10, $11) \
             RETURNING number",
            args![
                id,
                document_id,
                collection,
                sha256,
                received.byte_size,
                &received.file_name,
                received.media_type.as_deref(),
                received.language.map(|language| language.code()),
                received.effective_from,
                received.effective_to,
                now,
            ],
        )
        .await?;
    let number = row
        .as_ref()
        .map(|row| Fields::small(&mut row.fields()))
        .transpose()?;
    Ok((id, number.unwrap_or(1)))
}

/// A rejected version starts over, with what is now known of its file.
async fn try_again(tx: &mut Tx, id: VersionId, received: &Received) -> Result<(), CatalogError> {
    let changed = tx
        .execute(
            "UPDATE versions SET state = 'received', attempts = 0, rejection_code = NULL, \
                 rejection_message = NULL, warnings = NULL, byte_size = $1, file_name = $2, \
                 media_type = $3, language = $4, effective_from = $5, effective_to = $6 \
             WHERE id = $7 AND state = 'rejected'",
            args![
                received.byte_size,
                &received.file_name,
                received.media_type.as_deref(),
                received.language.map(|language| language.code()),
                received.effective_from,
                received.effective_to,
                id,
            ],
        )
        .await?;
    if changed == 0 {
        return Err(CatalogError::InvalidTransition {
            from: VersionState::Received,
            to: VersionState::Received,
        });
    }
    Ok(())
}

async fn new_job(
    tx: &mut Tx,
    document_id: DocumentId,
    version_id: VersionId,
    now: Timestamp,
) -> Result<JobId, CatalogError> {
    let id = JobId::generate();
    tx.execute(
        "INSERT INTO jobs (id, document_id, version_id, state, step, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, 'received', $5, $5)",
        args![id, document_id, version_id, JobState::Queued, now],
    )
    .await?;
    Ok(id)
}
