//! What the index should hold, told by the catalogue.

use domain::{PassageId, VersionId};

use crate::db::args;
use crate::{Catalog, CatalogError, ExpectedPoints, Thing};

impl Catalog {
    /// Says whether a version may have points in the index: true before the first is sent, false
    /// after the last was removed and the index has flushed.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub async fn mark_in_index(&self, id: VersionId, there: bool) -> Result<(), CatalogError> {
        let mut tx = self.db.write().await?;
        let changed = tx
            .execute(
                "UPDATE versions SET in_index = $1 WHERE id = $2",
                args![there, id],
            )
            .await?;
        if changed == 0 {
            return Err(CatalogError::not_found(Thing::Version));
        }
        tx.commit().await
    }

    /// Says which versions the index holds, all of them: for an index that was built anew.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_index_contents(&self, ids: &[VersionId]) -> Result<(), CatalogError> {
        let mut tx = self.db.write().await?;
        tx.execute("UPDATE versions SET in_index = 0 WHERE in_index = 1", &[])
            .await?;
        for id in ids {
            tx.execute("UPDATE versions SET in_index = 1 WHERE id = $1", args![*id])
                .await?;
        }
        tx.commit().await
    }

    /// The versions that must have points in the index (indexed and active ones), and how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expected_points(&self) -> Result<Vec<ExpectedPoints>, CatalogError> {
        let rows = self
            .db
            .rows(
                "SELECT id, document_id, state, passage_count FROM versions \
                 WHERE state IN ('indexed', 'active') ORDER BY id",
                &[],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let mut fields = row.fields();
                Ok(ExpectedPoints {
                    version_id: fields.named()?,
                    document_id: fields.named()?,
                    state: fields.named()?,
                    passages: fields.count()?,
                })
            })
            .collect()
    }

    /// The identifiers of a version's passages.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn passage_ids(&self, id: VersionId) -> Result<Vec<PassageId>, CatalogError> {
        let rows = self
            .db
            .rows(
                "SELECT id FROM passages WHERE version_id = $1 ORDER BY ordinal",
                args![id],
            )
            .await?;
        rows.iter().map(|row| row.fields().named()).collect()
    }

    /// The versions whose points may leave the index for good: rejected, superseded, retired and
    /// deleted ones that still have some.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn leaving_index(&self) -> Result<Vec<VersionId>, CatalogError> {
        let rows = self
            .db
            .rows(
                "SELECT id FROM versions WHERE in_index = 1 \
                 AND state IN ('rejected', 'superseded', 'retired', 'deleted')",
                &[],
            )
            .await?;
        rows.iter().map(|row| row.fields().named()).collect()
    }
}
