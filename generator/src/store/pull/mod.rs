//! Downloading a model from a hub of models: a plan first, so that a person can see what comes and
//! under which licence, then the files.
//!
//! The hub's protocol is small: a JSON list of a repository's files at a commit, and each file at
//! an address of its own, which takes `Range`. It is spoken here directly, because the crates that
//! speak it do not go on from where a cut download stood (hf-hub 1.0, which also needs 71 crates
//! and a C build), or can spoil the file when they do, and wait for ever on a silent connection
//! (hf-hub 0.5).

#[cfg(feature = "pull")]
mod hub;
#[cfg(feature = "pull")]
mod plan;
#[cfg(test)]
#[cfg(feature = "pull")]
mod tests;
#[cfg(feature = "pull")]
mod transfer;

use super::StoredModel;
#[cfg(not(feature = "pull"))]
use super::{Brought, ModelStore, StoreError, StoreProgress};

/// What is to be downloaded, and through what.
#[derive(Debug, Clone, Default)]
pub struct PullRequest {
    /// A preset's name, or `owner/name[@revision]`.
    pub source: String,
    /// Its name here; `None`: that of the preset or repository.
    pub name: Option<String>,
    /// Of several `.gguf` files, the one to take.
    pub file: Option<String>,
    /// The hub's address; `None`: the public one.
    pub endpoint: Option<String>,
    /// What tells the hub who asks. Sent only over TLS or within this machine.
    pub token: Option<String>,
    /// Whether the environment forbids the network.
    pub offline: bool,
}

/// What a download will bring. Nothing but lists has been fetched yet.
#[derive(Debug)]
pub struct PullPlan {
    /// Its name here.
    pub name: String,
    /// `owner/name` of the repository.
    pub repository: String,
    /// The commit.
    pub revision: String,
    /// Its licence, as the repository or the preset states it; empty where neither does.
    pub license: String,
    /// Names of its files.
    pub files: Vec<String>,
    /// Bytes in all, as far as the hub tells.
    pub bytes: u64,
    /// The model, where this very commit is here already.
    pub present: Option<StoredModel>,
    /// What the person should know besides.
    pub notes: Vec<String>,
    #[cfg(feature = "pull")]
    hub: hub::Hub,
    #[cfg(feature = "pull")]
    remote: Vec<hub::RemoteFile>,
}

#[cfg(not(feature = "pull"))]
impl ModelStore {
    /// This program was built without downloads.
    ///
    /// # Errors
    /// Always [`StoreError::PullNotBuilt`].
    pub fn plan_pull(&self, _request: &PullRequest) -> Result<PullPlan, StoreError> {
        Err(StoreError::PullNotBuilt)
    }

    /// This program was built without downloads.
    ///
    /// # Errors
    /// Always [`StoreError::PullNotBuilt`].
    pub fn pull(
        &self,
        _plan: PullPlan,
        _progress: &mut dyn FnMut(StoreProgress<'_>),
    ) -> Result<Brought, StoreError> {
        Err(StoreError::PullNotBuilt)
    }
}
