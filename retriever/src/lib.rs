//! retriever — from a question to ranked passages. The only crate that knows Qdrant.

mod config;
mod edge;
mod index;
mod retrieve;
mod vector;

pub use config::IndexConfig;
pub use edge::EdgeIndex;
pub use index::{IndexError, IndexFuture, IndexPoint, Opened, PassageIndex, Rebuild};
pub use retrieve::{IndexPassage, RetrieveError, Retrieved, Retriever};
pub use vector::SparseVector;
