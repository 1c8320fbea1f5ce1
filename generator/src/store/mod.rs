//! The folder of models: names, digests, import, download.

#![cfg_attr(
    not(feature = "pull"),
    allow(dead_code, reason = "some of it serves downloads only")
)]

mod choose;
mod digest;
mod disk;
mod error;
mod import;
mod manifest;
mod names;
mod preset;
mod pull;
mod weights;

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use choose::read_beside_weights;
pub(crate) use digest::digest_file;
pub use error::StoreError;
pub use import::ImportRequest;
pub use manifest::{Manifest, ManifestError, ManifestFile};
pub use preset::{Expected, Preset, Recommended, presets};
pub use pull::{PullPlan, PullRequest};

use choose::is_read;
use manifest::write_atomically;
use names::model_name;

/// How far a long work on files has come.
#[derive(Debug, Clone, Copy)]
pub struct StoreProgress<'a> {
    /// The file at hand.
    pub file: &'a str,
    /// Bytes done, of all files.
    pub done: u64,
    /// Bytes in all; 0 while it is not known.
    pub total: u64,
}

/// The folder of models. Each model is a folder in it, with its files and a [`Manifest`].
#[derive(Debug, Clone)]
pub struct ModelStore {
    root: PathBuf,
    reserve_bytes: u64,
}

/// A model in the folder.
#[derive(Debug, Clone)]
pub struct StoredModel {
    /// Its name.
    pub name: String,
    /// What it must hold.
    pub manifest: Manifest,
    /// When its files were last read and found to be those of the manifest.
    pub verified: Option<Timestamp>,
}

/// One line of the list of models.
#[derive(Debug)]
pub struct ListedModel {
    /// Name of its folder.
    pub name: String,
    /// The model, or why its manifest cannot be read.
    pub model: Result<StoredModel, StoreError>,
}

/// What an import or a download did.
#[derive(Debug, Clone)]
pub struct Brought {
    /// The model.
    pub model: StoredModel,
    /// Whether it was there already, with the same files.
    pub unchanged: bool,
    /// What the person should know besides.
    pub notes: Vec<String>,
}

/// When a manifest was last found to be kept. It stands beside the manifest, which never changes.
#[derive(Debug, Serialize, Deserialize)]
struct Verified {
    /// [`Manifest::digest`] of the manifest that was kept.
    manifest: String,
    at: Timestamp,
}

/// Where [`Verified`] stands in a model's folder.
const VERIFIED: &str = "verified.toml";

impl ModelStore {
    /// The store in `root`, which need not be there yet. Nothing is written where less than
    /// `reserve_bytes` would stay free on its disk.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, reserve_bytes: u64) -> Self {
        Self {
            root: root.into(),
            reserve_bytes,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) const fn reserve_bytes(&self) -> u64 {
        self.reserve_bytes
    }

    /// The models there are, by name.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the folder cannot be read; a folder that is not there is empty.
    pub fn list(&self) -> Result<Vec<ListedModel>, StoreError> {
        let failed = |error| StoreError::io("la carpeta de modelos", error);
        let entries = match fs::read_dir(&self.root) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if let Ok(name) = entry.file_name().into_string()
                && model_name(&name).is_ok()
                && entry.path().is_dir()
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names
            .into_iter()
            .map(|name| {
                let model = self.model(&name);
                ListedModel { name, model }
            })
            .collect())
    }

    /// One model, its files not looked at.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::NameInvalid`], [`StoreError::Manifest`].
    pub fn model(&self, name: &str) -> Result<StoredModel, StoreError> {
        let folder = self.folder(name)?;
        let manifest = Manifest::read(&folder).map_err(|source| of(name, source))?;
        let verified = verified(&folder, &manifest);
        Ok(StoredModel {
            name: name.to_owned(),
            manifest,
            verified,
        })
    }

    /// Reads all files of a model and compares them with its manifest; a file that would be read
    /// and is not in the manifest is a mismatch too. When all is well the time is noted.
    ///
    /// # Errors
    /// [`StoreError::Manifest`] with the first file that is at fault; [`StoreError::NotFound`].
    pub fn verify(
        &self,
        name: &str,
        progress: &mut dyn FnMut(StoreProgress<'_>),
    ) -> Result<StoredModel, StoreError> {
        let mut model = self.model(name)?;
        let folder = self.folder(name)?;
        let total = model.manifest.bytes();
        let mut done = 0;
        for file in model.manifest.files.keys() {
            model
                .manifest
                .verify_file(&folder, file, &mut |bytes| {
                    done += bytes;
                    progress(StoreProgress { file, done, total });
                })
                .map_err(|source| of(name, source))?;
        }
        let failed = |error| StoreError::io("la carpeta del modelo", error);
        for entry in fs::read_dir(&folder).map_err(failed)? {
            if let Ok(file) = entry.map_err(failed)?.file_name().into_string()
                && is_read(&file)
                && !model.manifest.files.contains_key(&file)
            {
                return Err(of(name, ManifestError::Unlisted { file }));
            }
        }
        model.verified = Some(note_verified(&folder, &model.manifest));
        Ok(model)
    }

    fn folder(&self, name: &str) -> Result<PathBuf, StoreError> {
        let folder = self.root.join(model_name(name)?);
        if folder.is_dir() {
            Ok(folder)
        } else {
            Err(StoreError::NotFound {
                name: name.to_owned(),
            })
        }
    }

    /// Gives a folder that is whole its name, or finds that the same model is there already.
    fn settle(&self, coming: &Path, name: &str, manifest: Manifest) -> Result<Brought, StoreError> {
        let brought = |model, unchanged| Brought {
            model,
            unchanged,
            notes: Vec::new(),
        };
        match self.model(name) {
            Ok(there) if there.manifest.digest() == manifest.digest() => {
                return Ok(brought(there, true));
            }
            Err(StoreError::NotFound { .. }) => {}
            _ => {
                return Err(StoreError::Exists {
                    name: name.to_owned(),
                });
            }
        }
        disk::place(coming, &self.root, name, &manifest)?;
        let at = note_verified(&self.root.join(name), &manifest);
        let model = StoredModel {
            name: name.to_owned(),
            manifest,
            verified: Some(at),
        };
        Ok(brought(model, false))
    }
}

/// When these files were last verified, as long as the manifest is the one they were held against.
fn verified(folder: &Path, manifest: &Manifest) -> Option<Timestamp> {
    let text = fs::read_to_string(folder.join(VERIFIED)).ok()?;
    let noted: Verified = toml::from_str(&text).ok()?;
    (noted.manifest == manifest.digest()).then_some(noted.at)
}

/// Notes that the manifest is kept, now. Models may lie where nothing can be written: then it is
/// not noted, and nothing else is amiss.
fn note_verified(folder: &Path, manifest: &Manifest) -> Timestamp {
    let at = Timestamp::now();
    let noted = Verified {
        manifest: manifest.digest(),
        at,
    };
    if let Ok(text) = toml::to_string(&noted) {
        let _ = write_atomically(folder, VERIFIED, text.as_bytes());
    }
    at
}

fn of(name: &str, source: ManifestError) -> StoreError {
    StoreError::Manifest {
        name: name.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests;
