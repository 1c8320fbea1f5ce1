//! Two databases behind one face: the same SQL text, the same three kinds of value.

mod migrate;
mod postgres;
mod sqlite;
mod value;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::{AssertSqlSafe, Postgres, Sqlite, Transaction};

use crate::error::CatalogError;
pub(crate) use value::{Arg, Fields, Row, args, time};

/// SQL: a literal, or a literal with a number of placeholders.
pub(crate) type Sql = Cow<'static, str>;

/// The pools of one database.
pub(crate) enum Db {
    /// One writer, some readers.
    Sqlite {
        /// One connection: SQLite has one writer at a time, and this is the queue for it.
        writer: sqlx::SqlitePool,
        /// Connections that cannot write.
        readers: sqlx::SqlitePool,
        /// Whether the disk was found full since the log was last cut back.
        full: Full,
    },
    /// One pool.
    Postgres(sqlx::PgPool),
}

/// Set when a write found the disk full.
pub(crate) type Full = Arc<AtomicBool>;

/// A transaction, or a reading of one moment. Dropped without [`Tx::commit`], it never was.
pub(crate) enum Tx {
    /// On SQLite.
    Sqlite(Transaction<'static, Sqlite>, Full),
    /// On PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Opens the database at `url`, makes it first where there is none and `create` says so, and
    /// brings its schema up to date.
    pub(crate) async fn open(
        url: &str,
        create: bool,
        durability: crate::Durability,
    ) -> Result<Self, CatalogError> {
        if let Some(path) = sqlite::path_of(url) {
            sqlite::open(path, create, durability).await
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            postgres::open(url).await
        } else {
            Err(CatalogError::InvalidUrl { source: None })
        }
    }

    /// Begins a transaction that writes.
    pub(crate) async fn write(&self) -> Result<Tx, CatalogError> {
        Ok(match self {
            Self::Sqlite { writer, full, .. } => {
                if full.swap(false, Ordering::AcqRel) {
                    // A big transaction that failed leaves a big log that nothing needs.
                    sqlite::cut_log(writer).await?;
                }
                // IMMEDIATE: take the write lock now, and never fail half way for want of it.
                let tx = writer.begin_with("BEGIN IMMEDIATE").await?;
                Tx::Sqlite(tx, Arc::clone(full))
            }
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// Begins a reading: every query in it sees the same moment.
    pub(crate) async fn read(&self) -> Result<Tx, CatalogError> {
        const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(match self {
            Self::Sqlite { readers, full, .. } => {
                Tx::Sqlite(readers.begin().await?, Arc::clone(full))
            }
            Self::Postgres(pool) => Tx::Postgres(pool.begin_with(SNAPSHOT).await?),
        })
    }

    /// One query, which is a reading of its own.
    pub(crate) async fn rows(
        &self,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
    ) -> Result<Vec<Row>, CatalogError> {
        let sql = AssertSqlSafe(sql.into());
        Ok(match self {
            Self::Sqlite { readers, .. } => {
                let rows = value::sqlite(sqlx::query(sql), args)
                    .fetch_all(readers)
                    .await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(pool) => {
                let rows = value::postgres(sqlx::query(sql), args)
                    .fetch_all(pool)
                    .await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The first row of one query.
    pub(crate) async fn row(
        &self,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
    ) -> Result<Option<Row>, CatalogError> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// Closes every connection; SQLite then folds its log into the file.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite {
                writer, readers, ..
            } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// Runs a statement; the number of rows it touched.
    pub(crate) async fn execute(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
    ) -> Result<u64, CatalogError> {
        let sql = AssertSqlSafe(sql.into());
        match self {
            Self::Sqlite(tx, full) => {
                let done = value::sqlite(sqlx::query(sql), args)
                    .execute(&mut **tx)
                    .await;
                noticed(done, full).map(|done| done.rows_affected())
            }
            Self::Postgres(tx) => {
                let done = value::postgres(sqlx::query(sql), args)
                    .execute(&mut **tx)
                    .await?;
                Ok(done.rows_affected())
            }
        }
    }

    /// Runs a query (or a statement with RETURNING).
    pub(crate) async fn rows(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
    ) -> Result<Vec<Row>, CatalogError> {
        let sql = AssertSqlSafe(sql.into());
        Ok(match self {
            Self::Sqlite(tx, full) => {
                let rows = value::sqlite(sqlx::query(sql), args)
                    .fetch_all(&mut **tx)
                    .await;
                noticed(rows, full)?.into_iter().map(Row::Sqlite).collect()
            }
            Self::Postgres(tx) => {
                let rows = value::postgres(sqlx::query(sql), args)
                    .fetch_all(&mut **tx)
                    .await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// The first row of a query.
    pub(crate) async fn row(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Arg<'_>],
    ) -> Result<Option<Row>, CatalogError> {
        Ok(self.rows(sql, args).await?.into_iter().next())
    }

    /// Makes it true, and on disk.
    pub(crate) async fn commit(self) -> Result<(), CatalogError> {
        match self {
            Self::Sqlite(tx, full) => noticed(tx.commit().await, &full),
            Self::Postgres(tx) => Ok(tx.commit().await?),
        }
    }
}

/// The outcome, with a full disk kept in mind for the next transaction.
fn noticed<T>(outcome: Result<T, sqlx::Error>, full: &AtomicBool) -> Result<T, CatalogError> {
    outcome.map_err(|fault| {
        let fault = CatalogError::from(fault);
        if matches!(fault, CatalogError::NoSpace { .. }) {
            full.store(true, Ordering::Release);
        }
        fault
    })
}

/// `$first, $first+1, …`: `count` placeholders for an IN list.
pub(crate) fn placeholders(first: usize, count: usize) -> String {
    let mut list = String::with_capacity(count * 5);
    for number in first..first + count {
        if number > first {
            list.push(',');
        }
        list.push('$');
        list.push_str(&number.to_string());
    }
    list
}
