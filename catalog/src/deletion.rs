//! A document goes: first out of every reader's sight, then its rows, then its files.

use domain::{DocumentId, VersionId};
use jiff::Timestamp;

use crate::blobs::{sha256_from_hex, sha256_hex};
use crate::db::{Tx, args};
use crate::error::{CatalogError, Thing};
use crate::lifecycle::finish_job;
use crate::{Catalog, Deletion, JobState, Purged};

impl Catalog {
    /// Hides a document and all its versions from every reader at once. What is left to do is in
    /// the receipt: take the versions' points from the index, then [`Catalog::purge`].
    ///
    /// On a document deleted but not purged it does nothing more and tells the same.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`], also once purged.
    pub async fn delete(&self, id: DocumentId) -> Result<Deletion, CatalogError> {
        let mut tx = self.db.write().await?;
        let now = Timestamp::now();
        // The tombstone keeps the title that people knew the document by.
        tx.execute(
            "UPDATE documents SET deleted_at = $1, updated_at = $1, title = COALESCE(title, \
                 (SELECT COALESCE(v.title, v.file_name) FROM versions v \
                  WHERE v.document_id = documents.id ORDER BY v.number DESC LIMIT 1)) \
             WHERE id = $2 AND deleted_at IS NULL",
            args![now, id],
        )
        .await?;
        let rows = tx
            .rows(
                "SELECT id, in_index FROM versions WHERE document_id = $1 ORDER BY number",
                args![id],
            )
            .await?;
        if rows.is_empty() {
            return Err(CatalogError::not_found(Thing::Document));
        }
        let mut versions: Vec<VersionId> = Vec::with_capacity(rows.len());
        let mut in_index = Vec::new();
        for row in &rows {
            let mut fields = row.fields();
            let version = fields.named()?;
            versions.push(version);
            if fields.flag()? {
                in_index.push(version);
            }
            let message = Some("el documento se eliminó".to_owned());
            let code = Some("deleted".to_owned());
            finish_job(&mut tx, version, JobState::Failed, "deleted", code, message).await?;
        }
        tx.execute(
            "UPDATE versions SET state = 'deleted' WHERE document_id = $1",
            args![id],
        )
        .await?;
        let passages = passages_of(&mut tx, id).await?;
        let blobs = orphans(&mut tx, id).await?;
        tx.commit().await?;
        Ok(Deletion {
            versions,
            in_index,
            passages,
            blobs,
        })
    }

    /// Removes the rows of a deleted document whose points have left the index. Its tombstone
    /// and its jobs stay.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`]; [`CatalogError::Conflict`] when it is not deleted, or a version
    /// of it is still marked as being in the index.
    pub async fn purge(&self, id: DocumentId) -> Result<Purged, CatalogError> {
        let mut tx = self.db.write().await?;
        let deleted = tx
            .execute(
                "UPDATE documents SET updated_at = $1 WHERE id = $2 AND deleted_at IS NOT NULL",
                args![Timestamp::now(), id],
            )
            .await?;
        if deleted == 0 {
            let known = tx
                .row("SELECT id FROM documents WHERE id = $1", args![id])
                .await?;
            return Err(match known {
                Some(_) => CatalogError::Conflict {
                    reason: "el documento no está eliminado",
                },
                None => CatalogError::not_found(Thing::Document),
            });
        }
        let indexed = tx
            .row(
                "SELECT id FROM versions WHERE document_id = $1 AND in_index = 1 LIMIT 1",
                args![id],
            )
            .await?;
        if indexed.is_some() {
            return Err(CatalogError::Conflict {
                reason: "el documento todavía tiene pasajes en el índice",
            });
        }
        let blobs = orphans(&mut tx, id).await?;
        let passages = tx
            .execute(
                "DELETE FROM passages WHERE version_id IN \
                     (SELECT id FROM versions WHERE document_id = $1)",
                args![id],
            )
            .await?;
        let versions = tx
            .execute("DELETE FROM versions WHERE document_id = $1", args![id])
            .await?;
        tx.execute(
            "DELETE FROM document_groups WHERE document_id = $1",
            args![id],
        )
        .await?;
        tx.commit().await?;
        Ok(Purged {
            versions,
            passages,
            blobs,
        })
    }

    /// The documents that were deleted and not purged: what a crash left to do.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn deletions_left(&self) -> Result<Vec<DocumentId>, CatalogError> {
        let rows = self
            .db
            .rows(
                "SELECT DISTINCT document_id FROM versions WHERE state = 'deleted'",
                &[],
            )
            .await?;
        rows.iter().map(|row| row.fields().named()).collect()
    }

    /// Whether a version that is not deleted needs the file with this SHA-256.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn needs_blob(&self, sha256: &[u8; 32]) -> Result<bool, CatalogError> {
        let row = self
            .db
            .row(
                "SELECT id FROM versions WHERE sha256 = $1 AND state <> 'deleted' LIMIT 1",
                args![sha256_hex(sha256)],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Every file that a version that is not deleted needs, each once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn needed_blobs(&self) -> Result<Vec<[u8; 32]>, CatalogError> {
        let rows = self
            .db
            .rows(
                "SELECT DISTINCT sha256 FROM versions WHERE state <> 'deleted' ORDER BY sha256",
                &[],
            )
            .await?;
        rows.iter()
            .map(|row| digest(&row.fields().text()?))
            .collect()
    }
}

async fn passages_of(tx: &mut Tx, id: DocumentId) -> Result<u64, CatalogError> {
    let row = tx
        .row(
            "SELECT COUNT(*) FROM passages WHERE version_id IN \
                 (SELECT id FROM versions WHERE document_id = $1)",
            args![id],
        )
        .await?;
    row.map_or(Ok(0), |row| row.fields().count())
}

/// The files of a deleted document that no version that is not deleted needs.
async fn orphans(tx: &mut Tx, id: DocumentId) -> Result<Vec<[u8; 32]>, CatalogError> {
    let rows = tx
        .rows(
            "SELECT DISTINCT v.sha256 FROM versions v WHERE v.document_id = $1 AND NOT EXISTS \
                 (SELECT 1 FROM versions o WHERE o.sha256 = v.sha256 AND o.state <> 'deleted')",
            args![id],
        )
        .await?;
    rows.iter()
        .map(|row| digest(&row.fields().text()?))
        .collect()
}

fn digest(text: &str) -> Result<[u8; 32], CatalogError> {
    sha256_from_hex(text).ok_or(CatalogError::damaged("una suma SHA-256 no lo es"))
}
