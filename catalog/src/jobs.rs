//! Ingestion jobs, as people watch them.

use domain::JobId;
use jiff::Timestamp;

use crate::db::{Row, args};
use crate::documents::{after, page, page_length};
use crate::error::{CatalogError, Thing};
use crate::{Catalog, JobProgress, JobRecord, JobState, Page};

const JOB: &str = "id, document_id, version_id, state, step, pages_done, pages_total, code, \
     message, created_at, updated_at, finished_at";

impl Catalog {
    /// Jobs, newest first; `state` narrows, `cursor` is where the page before ended, a `limit` of
    /// 0 means 50.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] when the cursor is not one.
    pub async fn jobs(
        &self,
        state: Option<JobState>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<JobRecord>, CatalogError> {
        let length = page_length(limit);
        let rows = self
            .db
            .rows(
                format!(
                    "SELECT {JOB} FROM jobs WHERE id < $1 AND ($2 IS NULL OR state = $2) \
                     ORDER BY id DESC LIMIT $3"
                ),
                args![after(cursor)?, state.map(JobState::name), length + 1],
            )
            .await?;
        let jobs = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(page(jobs, length, |job| job.id.to_string()))
    }

    /// One job.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub async fn job(&self, id: JobId) -> Result<JobRecord, CatalogError> {
        let row = self
            .db
            .row(format!("SELECT {JOB} FROM jobs WHERE id = $1"), args![id])
            .await?
            .ok_or(CatalogError::not_found(Thing::Job))?;
        read(&row)
    }

    /// Records how far a job is; a job that has ended stays as it ended. Each call is a write to
    /// disk: once or twice a second is enough.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn job_progress(
        &self,
        id: JobId,
        progress: &JobProgress,
    ) -> Result<(), CatalogError> {
        let mut tx = self.db.write().await?;
        tx.execute(
            "UPDATE jobs SET state = 'running', step = $1, pages_done = $2, pages_total = $3, \
                 updated_at = $4 WHERE id = $5 AND state IN ('queued', 'running')",
            args![
                &progress.step,
                progress.pages_done,
                progress.pages_total,
                Timestamp::now(),
                id
            ],
        )
        .await?;
        tx.commit().await
    }
}

fn read(row: &Row) -> Result<JobRecord, CatalogError> {
    let mut fields = row.fields();
    Ok(JobRecord {
        id: fields.named()?,
        document_id: fields.named()?,
        version_id: fields.named()?,
        state: fields.named()?,
        step: fields.text()?,
        pages_done: fields.small()?,
        pages_total: fields.opt_small()?,
        code: fields.opt_text()?,
        message: fields.opt_text()?,
        created_at: fields.named()?,
        updated_at: fields.named()?,
        finished_at: fields.opt_named()?,
    })
}
