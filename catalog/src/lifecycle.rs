//! A version's steps from received to active and out of use. Each is one transaction that names
//! the state it expects; a version in another state is left as it is.

use domain::{DocumentId, VersionId};
use jiff::Timestamp;

use crate::blobs::sha256_from_hex;
use crate::db::{Tx, args};
use crate::error::{CatalogError, Thing};
use crate::receive::clean;
use crate::{Activated, Catalog, JobState, Parsed, StoredWarning, Unfinished, VersionState};

impl Catalog {
    /// Counts one more attempt at a version, before the step that may kill the process, and marks
    /// its job as running. Returns how many there were, this one included: a file that keeps
    /// killing the process is told by its number.
    ///
    /// # Errors
    /// [`CatalogError::InvalidTransition`] when there is nothing left to attempt.
    pub async fn begin_attempt(&self, id: VersionId) -> Result<u32, CatalogError> {
        let mut tx = self.db.write().await?;
        let row = tx
            .row(
                "UPDATE versions SET attempts = attempts + 1 \
                 WHERE id = $1 AND state IN ('received', 'parsed', 'indexed') RETURNING attempts",
                args![id],
            )
            .await?;
        let Some(row) = row else {
            return Err(refusal(&mut tx, id, VersionState::Parsed).await?);
        };
        let attempts = row.fields().small()?;
        tx.execute(
            "UPDATE jobs SET state = 'running', updated_at = $1 \
             WHERE version_id = $2 AND state = 'queued'",
            args![Timestamp::now(), id],
        )
        .await?;
        tx.commit().await?;
        Ok(attempts)
    }

    /// Received → parsed: stores what was read, passages and all.
    ///
    /// # Errors
    /// [`CatalogError::InvalidTransition`]; [`CatalogError::Invalid`] when a passage is of another
    /// version, or its segments and spans do not fit its text.
    pub async fn parsed(&self, id: VersionId, parsed: &Parsed<'_>) -> Result<(), CatalogError> {
        let rows = crate::passages::stored(id, parsed.passages)?;
        let warnings = encode_warnings(parsed.warnings)?;
        let mut tx = self.db.write().await?;
        let row = tx
            .row(
                "UPDATE versions SET state = 'parsed', title = $1, language = $2, \
                     page_count = $3, media_type = $4, warnings = $5, passage_count = $6 \
                 WHERE id = $7 AND state = 'received' RETURNING document_id",
                args![
                    parsed.title.and_then(clean),
                    parsed.language.code(),
                    parsed.page_count,
                    clean(parsed.media_type),
                    warnings,
                    parsed.passages.len() as u64,
                    id,
                ],
            )
            .await?;
        let Some(row) = row else {
            return Err(refusal(&mut tx, id, VersionState::Parsed).await?);
        };
        let document_id: DocumentId = row.fields().named()?;
        if parsed
            .passages
            .iter()
            .any(|passage| passage.document_id != document_id)
        {
            return Err(CatalogError::Invalid {
                reason: "un pasaje es de otro documento",
            });
        }
        crate::passages::insert(&mut tx, &rows).await?;
        step(&mut tx, id, "parsed").await?;
        tx.commit().await
    }

    /// Received, parsed or indexed → rejected: its file cannot be used, and why. Its passages go.
    ///
    /// # Errors
    /// [`CatalogError::InvalidTransition`].
    pub async fn reject(
        &self,
        id: VersionId,
        code: &str,
        message: &str,
    ) -> Result<(), CatalogError> {
        let mut tx = self.db.write().await?;
        let (code, message) = (clean(code), message.replace('\0', " "));
        let changed = tx
            .execute(
                "UPDATE versions SET state = 'rejected', rejection_code = $1, \
                     rejection_message = $2, passage_count = 0 \
                 WHERE id = $3 AND state IN ('received', 'parsed', 'indexed')",
                args![code.clone(), &message, id],
            )
            .await?;
        if changed == 0 {
            return Err(refusal(&mut tx, id, VersionState::Rejected).await?);
        }
        tx.execute("DELETE FROM passages WHERE version_id = $1", args![id])
            .await?;
        finish_job(
            &mut tx,
            id,
            JobState::Failed,
            "rejected",
            code,
            Some(message),
        )
        .await?;
        tx.commit().await
    }

    /// Parsed → indexed: the index has taken all its points and flushed them.
    ///
    /// # Errors
    /// [`CatalogError::InvalidTransition`]; [`CatalogError::Conflict`] when
    /// [`Catalog::mark_in_index`] was not called before.
    pub async fn indexed(&self, id: VersionId) -> Result<(), CatalogError> {
        let mut tx = self.db.write().await?;
        let changed = tx
            .execute(
                "UPDATE versions SET state = 'indexed' \
                 WHERE id = $1 AND state = 'parsed' AND in_index = 1",
                args![id],
            )
            .await?;
        if changed == 0 {
            return Err(unmarked(&mut tx, id, VersionState::Parsed).await?);
        }
        step(&mut tx, id, "indexed").await?;
        tx.commit().await
    }

    /// Retired or superseded → indexed: a person wants it back, and the index has its points
    /// again and has flushed them. [`Catalog::activate`] follows.
    ///
    /// # Errors
    /// As [`Catalog::indexed`].
    pub async fn reinstate(&self, id: VersionId) -> Result<(), CatalogError> {
        let mut tx = self.db.write().await?;
        // The moment tells `activate` that somebody chose it, whatever came after it.
        let changed = tx
            .execute(
                "UPDATE versions SET state = 'indexed', activated_at = COALESCE(activated_at, $1) \
                 WHERE id = $2 AND state IN ('retired', 'superseded') AND in_index = 1",
                args![Timestamp::now(), id],
            )
            .await?;
        if changed == 0 {
            return Err(unmarked(&mut tx, id, VersionState::Retired).await?);
        }
        tx.commit().await
    }

    /// Indexed → active, and the document's version that was active → superseded, in one moment:
    /// the next reading sees the new one and only the new one.
    ///
    /// A version that was overtaken (a later one of the same document is active already, or was
    /// retired) becomes superseded without answering.
    ///
    /// # Errors
    /// [`CatalogError::InvalidTransition`].
    pub async fn activate(&self, id: VersionId) -> Result<Activated, CatalogError> {
        let mut tx = self.db.write().await?;
        let now = Timestamp::now();
        let row = tx
            .row(
                "SELECT document_id, number, activated_at FROM versions WHERE id = $1",
                args![id],
            )
            .await?
            .ok_or(CatalogError::not_found(Thing::Version))?;
        let mut fields = row.fields();
        let (document_id, number, chosen) = (
            fields.named::<DocumentId>()?,
            fields.int()?,
            fields.opt_text()?.is_some(),
        );
        tx.execute(
            "UPDATE documents SET updated_at = $1 WHERE id = $2 AND deleted_at IS NULL",
            args![now, document_id],
        )
        .await?;
        let overtaken = !chosen
            && tx
                .row(
                    "SELECT id FROM versions WHERE document_id = $1 AND number > $2 \
                     AND state IN ('active', 'retired') LIMIT 1",
                    args![document_id, number],
                )
                .await?
                .is_some();
        let (state, mut superseded) = if overtaken {
            (VersionState::Superseded, vec![id])
        } else {
            let rows = tx
                .rows(
                    "UPDATE versions SET state = 'superseded', superseded_at = $1 \
                     WHERE document_id = $2 AND state = 'active' AND id <> $3 RETURNING id",
                    args![now, document_id, id],
                )
                .await?;
            let ids = rows
                .iter()
                .map(|row| row.fields().named())
                .collect::<Result<_, _>>()?;
            (VersionState::Active, ids)
        };
        let (activated_at, superseded_at) = if overtaken {
            (None, Some(now))
        } else {
            (Some(now), None)
        };
        let changed = tx
            .execute(
                "UPDATE versions SET state = $1, activated_at = $2, superseded_at = $3 \
                 WHERE id = $4 AND state = 'indexed'",
                args![state, activated_at, superseded_at, id],
            )
            .await?;
        if changed == 0 {
            return Err(refusal(&mut tx, id, VersionState::Active).await?);
        }
        finish_job(&mut tx, id, JobState::Done, state.name(), None, None).await?;
        tx.commit().await?;
        superseded.sort_unstable();
        Ok(Activated {
            document_id,
            state,
            superseded,
        })
    }

    /// Active → retired: the document answers no more until a version is reinstated or a new one
    /// arrives. Returns the version whose points may leave the index.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`]; [`CatalogError::InvalidTransition`] when none is active.
    pub async fn retire(&self, document_id: DocumentId) -> Result<VersionId, CatalogError> {
        let mut tx = self.db.write().await?;
        let touched = tx
            .execute(
                "UPDATE documents SET updated_at = $1 WHERE id = $2 AND deleted_at IS NULL",
                args![Timestamp::now(), document_id],
            )
            .await?;
        if touched == 0 {
            return Err(CatalogError::not_found(Thing::Document));
        }
        let retired = tx
            .row(
                "UPDATE versions SET state = 'retired' \
                 WHERE document_id = $1 AND state = 'active' RETURNING id",
                args![document_id],
            )
            .await?;
        if let Some(row) = retired {
            let id = row.fields().named()?;
            tx.commit().await?;
            return Ok(id);
        }
        let newest = tx
            .row(
                "SELECT state FROM versions WHERE document_id = $1 ORDER BY number DESC LIMIT 1",
                args![document_id],
            )
            .await?
            .ok_or(CatalogError::not_found(Thing::Document))?;
        Err(CatalogError::InvalidTransition {
            from: newest.fields().named()?,
            to: VersionState::Retired,
        })
    }

    /// The versions between arrival and use, oldest first: after a start, what a crash left.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn unfinished(&self) -> Result<Vec<Unfinished>, CatalogError> {
        let rows = self
            .db
            .rows(
                "SELECT id, number, document_id, \
                     (SELECT MAX(j.id) FROM jobs j WHERE j.version_id = versions.id), \
                     state, in_index, file_name, media_type, language, collection, sha256, attempts \
                 FROM versions WHERE state IN ('received', 'parsed', 'indexed') ORDER BY id",
                &[],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let mut fields = row.fields();
                Ok(Unfinished {
                    version_id: fields.named()?,
                    version: fields.small()?,
                    document_id: fields.named()?,
                    job_id: fields.opt_named()?,
                    state: fields.named()?,
                    in_index: fields.flag()?,
                    file_name: fields.text()?,
                    media_type: fields.opt_text()?,
                    language: fields.opt_named()?,
                    collection: fields.text()?,
                    sha256: sha256_from_hex(&fields.text()?)
                        .ok_or(CatalogError::damaged("una suma SHA-256 no lo es"))?,
                    attempts: fields.small()?,
                })
            })
            .collect()
    }
}

/// Why a step to `to` touched no row.
async fn refusal(
    tx: &mut Tx,
    id: VersionId,
    to: VersionState,
) -> Result<CatalogError, CatalogError> {
    let row = tx
        .row("SELECT state FROM versions WHERE id = $1", args![id])
        .await?;
    Ok(match row {
        Some(row) => CatalogError::InvalidTransition {
            from: row.fields().named()?,
            to,
        },
        None => CatalogError::not_found(Thing::Version),
    })
}

/// Why a step to indexed touched no row: a wrong state, or the right one without the mark.
async fn unmarked(
    tx: &mut Tx,
    id: VersionId,
    expected: VersionState,
) -> Result<CatalogError, CatalogError> {
    let refused = refusal(tx, id, VersionState::Indexed).await?;
    Ok(match refused {
        CatalogError::InvalidTransition { from, .. }
            if from == expected
                || (expected == VersionState::Retired && from == VersionState::Superseded) =>
        {
            CatalogError::Conflict {
                reason: "la versión no consta en el índice",
            }
        }
        other => other,
    })
}

async fn step(tx: &mut Tx, id: VersionId, name: &str) -> Result<(), CatalogError> {
    tx.execute(
        "UPDATE jobs SET state = 'running', step = $1, updated_at = $2 \
         WHERE version_id = $3 AND state IN ('queued', 'running')",
        args![name, Timestamp::now(), id],
    )
    .await?;
    Ok(())
}

/// Ends the open jobs of a version.
pub(crate) async fn finish_job(
    tx: &mut Tx,
    id: VersionId,
    state: JobState,
    step: &str,
    code: Option<String>,
    message: Option<String>,
) -> Result<(), CatalogError> {
    tx.execute(
        "UPDATE jobs SET state = $1, step = $2, code = $3, message = $4, updated_at = $5, \
             finished_at = $5 \
         WHERE version_id = $6 AND state IN ('queued', 'running')",
        args![state, step, code, message, Timestamp::now(), id],
    )
    .await?;
    Ok(())
}

fn encode_warnings(warnings: &[StoredWarning]) -> Result<Vec<u8>, CatalogError> {
    // One byte of form before it, as in the layout of a passage.
    postcard::to_extend(warnings, vec![1]).map_err(|_| CatalogError::Invalid {
        reason: "los avisos no se pueden guardar",
    })
}

/// Warnings as stored by [`Catalog::parsed`].
pub(crate) fn decode_warnings(bytes: Option<&[u8]>) -> Result<Vec<StoredWarning>, CatalogError> {
    match bytes {
        None => Ok(Vec::new()),
        Some([1, rest @ ..]) => {
            postcard::from_bytes(rest).map_err(|source| CatalogError::Damaged {
                detail: "los avisos de una versión no se pueden leer",
                source: Some(Box::new(source)),
            })
        }
        Some(_) => Err(CatalogError::damaged(
            "los avisos de una versión no se pueden leer",
        )),
    }
}
