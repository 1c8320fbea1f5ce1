//! The schema's steps, and what to do with a database that is behind or ahead of them.

use sqlx::AssertSqlSafe;

use super::{Tx, args, time};
use crate::error::CatalogError;

/// Every step from an empty database, in order; a step that was released never changes.
const STEPS: [&str; 1] = [include_str!("../../migrations/0001_catalog.sql")];

/// The schema that this program writes.
pub(super) const KNOWN: i64 = STEPS.len() as i64;

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_version \
                     (version BIGINT PRIMARY KEY, applied_at TEXT NOT NULL)";

/// Brings the schema up to date inside `tx`, which the caller commits. Whether it did anything.
///
/// # Errors
/// [`CatalogError::NewerSchema`] when a later release wrote it.
pub(super) async fn migrate(tx: &mut Tx) -> Result<bool, CatalogError> {
    if let Tx::Postgres(inner) = tx {
        // Two servers that start at once: the second waits here, then finds it done.
        sqlx::query("SELECT pg_advisory_xact_lock(7311704881)")
            .execute(&mut **inner)
            .await?;
    }
    tx.execute(TABLE, &[]).await?;
    let found = version(tx).await?;
    if found > KNOWN {
        return Err(CatalogError::NewerSchema {
            found,
            known: KNOWN,
        });
    }
    let first = usize::try_from(found)
        .map_err(|_| CatalogError::damaged("el número de esquema es negativo"))?;
    for (index, step) in STEPS.iter().enumerate().skip(first) {
        match tx {
            Tx::Sqlite(inner, _) => {
                sqlx::raw_sql(AssertSqlSafe(*step))
                    .execute(&mut **inner)
                    .await?;
            }
            Tx::Postgres(inner) => {
                sqlx::raw_sql(AssertSqlSafe(*step))
                    .execute(&mut **inner)
                    .await?;
            }
        }
        let number = i64::try_from(index + 1).unwrap_or(i64::MAX);
        tx.execute(
            "INSERT INTO schema_version (version, applied_at) VALUES ($1, $2)",
            args![number, time(jiff::Timestamp::now())],
        )
        .await?;
    }
    Ok(found < KNOWN)
}

async fn version(tx: &mut Tx) -> Result<i64, CatalogError> {
    let row = tx
        .row("SELECT COALESCE(MAX(version), 0) FROM schema_version", &[])
        .await?;
    match row {
        Some(row) => row.fields().int(),
        None => Ok(0),
    }
}
