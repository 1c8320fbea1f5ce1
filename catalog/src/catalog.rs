//! The handle to the catalogue.

use std::fmt;
use std::sync::Arc;

use crate::db::Db;
use crate::error::CatalogError;

/// How much a commit promises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// What was acknowledged outlives a power cut.
    #[default]
    Full,
    /// For measurements in temporary folders: outlives the end of the process, not a power cut.
    /// PostgreSQL keeps its own setting.
    Scratch,
}

/// Where the catalogue is.
#[derive(Clone, PartialEq, Eq)]
pub struct CatalogConfig {
    /// `sqlite:PATH` (the rest is the path as it is, nothing is decoded) or `postgres://…`.
    pub url: String,
    /// Whether to make a SQLite file where there is none. Say no where the data directory already
    /// holds files: then a missing catalogue is a loss to be told, not a new beginning.
    pub create: bool,
    /// What a commit promises.
    pub durability: Durability,
}

impl CatalogConfig {
    /// A catalogue at `url`, made where there is none.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            create: true,
            durability: Durability::Full,
        }
    }
}

/// An address may hold a password: `{:?}` tells its scheme.
impl fmt::Debug for CatalogConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CatalogConfig")
            .field("scheme", &self.url.split(':').next())
            .field("create", &self.create)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

/// The truth about documents. Cheap to clone; all clones share the connections.
///
/// Every method that changes something is one transaction: it happens whole, and is on disk when
/// the method returns, or it does not happen. A future dropped half way changes nothing.
#[derive(Clone)]
pub struct Catalog {
    pub(crate) db: Arc<Db>,
}

impl Catalog {
    /// Opens the catalogue, making or updating its tables.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`], [`CatalogError::NewerSchema`], [`CatalogError::Missing`],
    /// [`CatalogError::NotWritable`], [`CatalogError::Unavailable`], [`CatalogError::InvalidUrl`],
    /// [`CatalogError::NoSpace`].
    pub async fn open(config: &CatalogConfig) -> Result<Self, CatalogError> {
        let db = Db::open(&config.url, config.create, config.durability).await?;
        Ok(Self { db: Arc::new(db) })
    }

    /// Closes the connections of this handle and of all its clones, waiting for those at work.
    pub async fn close(self) {
        self.db.close().await;
    }
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let database = match &*self.db {
            Db::Sqlite { .. } => "sqlite",
            Db::Postgres(_) => "postgres",
        };
        f.debug_struct("Catalog")
            .field("database", &database)
            .finish()
    }
}
