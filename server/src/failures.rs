//! What the crates below can fail with, as a command's failure: who must act, and one sentence.

use catalog::{BlobError, CatalogError};
use retriever::{IndexError, RetrieveError};

use crate::error::{Failure, FailureClass};

/// The catalogue failed.
pub(crate) fn catalog_failure(error: CatalogError) -> Failure {
    let class = match error {
        CatalogError::Busy { .. } | CatalogError::Unavailable { .. } => FailureClass::TryAgain,
        CatalogError::InvalidUrl { .. } => FailureClass::Configuration,
        _ => FailureClass::Failed,
    };
    Failure::new(class, error.code(), error.to_string()).caused_by(error)
}

/// A stored file could not be written or read.
pub(crate) fn blob_failure(error: BlobError) -> Failure {
    Failure::new(FailureClass::Failed, error.code(), error.to_string()).caused_by(error)
}

/// The index failed.
pub(crate) fn index_failure(error: IndexError) -> Failure {
    let (class, code) = match error {
        IndexError::InUse => (FailureClass::TryAgain, "index_in_use"),
        IndexError::Rebuilding => (FailureClass::TryAgain, "index_rebuilding"),
        IndexError::Lost(_) => (FailureClass::Failed, "index_lost"),
        IndexError::Refused(_) => (FailureClass::Failed, "index_refused"),
        IndexError::Io(_) => (FailureClass::Failed, "index_io"),
        IndexError::Closed => (FailureClass::Failed, "index_closed"),
    };
    Failure::new(class, code, error.to_string()).caused_by(error)
}

/// A search failed.
pub(crate) fn retrieve_failure(error: RetrieveError) -> Failure {
    match error {
        RetrieveError::Index(error) => index_failure(error),
    }
}
