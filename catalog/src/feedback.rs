//! What readers say of answers.

use domain::RequestId;
use jiff::Timestamp;

use crate::db::{Row, args};
use crate::documents::{after, page, page_length};
use crate::error::CatalogError;
use crate::{Catalog, Feedback, FeedbackRecord, Page};

/// The most characters of a comment that are kept.
const LONGEST_COMMENT: usize = 4_000;

impl Catalog {
    /// Stores feedback; several on one answer are all kept.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_feedback(&self, feedback: &Feedback) -> Result<FeedbackRecord, CatalogError> {
        // Feedback has no type of identifier of its own: nobody but a list names it.
        let id = RequestId::generate().to_string();
        let now = Timestamp::now();
        let comment = feedback.comment.as_deref().map(|comment| {
            comment
                .replace('\0', " ")
                .chars()
                .take(LONGEST_COMMENT)
                .collect::<String>()
        });
        let mut tx = self.db.write().await?;
        tx.execute(
            "INSERT INTO feedback (id, request_id, verdict, comment, created_at) \
             VALUES ($1, $2, $3, $4, $5)",
            args![
                &id,
                feedback.request_id,
                feedback.verdict.name(),
                comment.clone(),
                now
            ],
        )
        .await?;
        tx.commit().await?;
        let feedback = Feedback {
            comment,
            ..feedback.clone()
        };
        Ok(FeedbackRecord {
            id,
            feedback,
            created_at: now,
        })
    }

    /// Feedback, newest first.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] when the cursor is not one.
    pub async fn feedback(
        &self,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<FeedbackRecord>, CatalogError> {
        let length = page_length(limit);
        let rows = self
            .db
            .rows(
                "SELECT id, request_id, verdict, comment, created_at FROM feedback \
                 WHERE id < $1 ORDER BY id DESC LIMIT $2",
                args![after(cursor)?, length + 1],
            )
            .await?;
        let records = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        Ok(page(records, length, |record| record.id.clone()))
    }
}

fn read(row: &Row) -> Result<FeedbackRecord, CatalogError> {
    let mut fields = row.fields();
    Ok(FeedbackRecord {
        id: fields.text()?,
        feedback: Feedback {
            request_id: fields.named()?,
            verdict: fields.named()?,
            comment: fields.opt_text()?,
        },
        created_at: fields.named()?,
    })
}
