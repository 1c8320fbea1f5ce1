//! PostgreSQL: for more than one server, or where the hospital keeps its data there anyway.

use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::{Db, Tx, migrate};
use crate::error::CatalogError;

/// How long to wait for a connection before saying that the database is away or busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects to the database that `url` names, which must be there, and makes or updates its tables.
pub(super) async fn open(url: &str) -> Result<Db, CatalogError> {
    let options: PgConnectOptions =
        url.parse()
            .map_err(|fault: sqlx::Error| CatalogError::InvalidUrl {
                source: Some(Box::new(fault)),
            })?;
    let options = options
        .application_name("sistole")
        .disable_statement_logging();
    let pool = PgPoolOptions::new()
        .max_connections(8)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await
        .map_err(|fault| match CatalogError::from(fault) {
            // A refused or unknown address is a server that is away, not a folder to write to.
            CatalogError::NotWritable { source } => CatalogError::Unavailable { source },
            other => other,
        })?;
    let mut tx = Tx::Postgres(pool.begin().await?);
    migrate::migrate(&mut tx).await?;
    tx.commit().await?;
    Ok(Db::Postgres(pool))
}
