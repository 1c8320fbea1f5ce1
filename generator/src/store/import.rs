//! Bringing in a model from a folder or file of this machine, for machines with no network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::choose::{INDEX, choose};
use super::digest::digest_reader;
use super::disk::{Coming, Hold, copy_hashed, room_for};
use super::error::StoreError;
use super::manifest::{Manifest, ManifestError, ManifestFile};
use super::names::{file_name, model_name};
use super::weights;
use super::{Brought, ModelStore, StoreProgress};

/// The largest index of shards that is read.
const MAX_INDEX: u64 = 64 << 20;

/// What is to be imported.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// A folder as published, or a `.gguf` file.
    pub from: PathBuf,
    /// Its name here; `None`: that of the folder or file.
    pub name: Option<String>,
    /// Of several `.gguf` files in the folder, the one to take.
    pub file: Option<String>,
}

/// A model that stands in a folder, looked at and not yet copied.
struct Found {
    folder: PathBuf,
    files: BTreeMap<String, u64>,
    /// The manifest that came along, from a machine that had the model before.
    manifest: Option<Manifest>,
}

impl ModelStore {
    /// Copies a model into the folder of models: whole, hashed, and under its name only when all
    /// of it is on the disk. A model that is there already with the same files is left as it is.
    /// Where a manifest of another Sístole came along, the files must be those it lists.
    ///
    /// # Errors
    /// [`StoreError`] for whatever is missing, damaged or not allowed; nothing is left then.
    pub fn import(
        &self,
        request: &ImportRequest,
        progress: &mut dyn FnMut(StoreProgress<'_>),
    ) -> Result<Brought, StoreError> {
        let (folder, wanted) = source(request)?;
        let name = match &request.name {
            Some(name) => model_name(name)?.to_owned(),
            None => own_name(&request.from)?,
        };
        let found = look(&folder, wanted.as_deref())?;
        let held = Hold::take(self.root())?;
        let total = found.files.values().sum();
        if self.folder(&name).is_ok() {
            return self.compare(&name, &found, total, progress);
        }
        room_for(self.root(), total, self.reserve_bytes(), false)?;
        let coming = Coming::new(self.root(), &held)?;
        let mut done = 0;
        let mut files = BTreeMap::new();
        for file in found.files.keys() {
            let opened = open(&found.folder, file)?;
            let digest = copy_hashed(opened, &coming.path().join(file), file, &mut |bytes| {
                done += bytes;
                progress(StoreProgress { file, done, total });
            })?;
            // The copy is looked at, not the source: it is what will be used.
            weights::look(&coming.path().join(file), file)?;
            files.insert(
                file.clone(),
                ManifestFile {
                    sha256: digest.sha256,
                    bytes: digest.bytes,
                },
            );
        }
        let manifest = match found.manifest {
            Some(manifest) => {
                agree(&name, &manifest, &files)?;
                manifest
            }
            None => Manifest::new(&shown(&request.from), files),
        };
        self.settle(coming.path(), &name, manifest)
    }

    /// There is a model of this name: it stays, and either has the same files or is another.
    fn compare(
        &self,
        name: &str,
        found: &Found,
        total: u64,
        progress: &mut dyn FnMut(StoreProgress<'_>),
    ) -> Result<Brought, StoreError> {
        let exists = || StoreError::Exists {
            name: name.to_owned(),
        };
        let there = self.model(name).map_err(|_| exists())?;
        let mut done = 0;
        for file in found.files.keys() {
            let read = digest_reader(open(&found.folder, file)?, &mut |bytes| {
                done += bytes;
                progress(StoreProgress { file, done, total });
            })
            .map_err(|error| StoreError::io(file, error))?;
            let same = there
                .manifest
                .files
                .get(file)
                .is_some_and(|listed| listed.sha256 == read.sha256);
            if !same {
                return Err(exists());
            }
        }
        if there.manifest.files.len() != found.files.len() {
            return Err(exists());
        }
        Ok(Brought {
            model: there,
            unchanged: true,
            notes: Vec::new(),
        })
    }
}

/// The folder to read, and the file of weights that was named.
fn source(request: &ImportRequest) -> Result<(PathBuf, Option<String>), StoreError> {
    let from = &request.from;
    let path = from.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            StoreError::Missing { path: from.clone() }
        }
        _ => StoreError::io(&shown(from), error),
    })?;
    if path.is_dir() {
        return Ok((path, request.file.clone()));
    }
    // The name as it was given: a link may lead to a file whose name is a digest.
    let (Some(folder), Some(name)) = (
        from.parent(),
        from.file_name().and_then(|name| name.to_str()),
    ) else {
        return Err(not_a_model("no tiene nombre"));
    };
    if !name.ends_with(".gguf") {
        return Err(not_a_model(
            "indique la carpeta del modelo o un fichero .gguf",
        ));
    }
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let folder = folder
        .canonicalize()
        .map_err(|error| StoreError::io(&shown(folder), error))?;
    Ok((folder, Some(name.to_owned())))
}

/// The name of a folder, or of a file without its ending.
fn own_name(from: &Path) -> Result<String, StoreError> {
    let absolute = std::path::absolute(from).unwrap_or_else(|_| from.to_path_buf());
    let name = if absolute.is_dir() {
        absolute.file_name()
    } else {
        absolute.file_stem()
    };
    let name = name.and_then(|name| name.to_str()).unwrap_or_default();
    model_name(name).map(str::to_owned)
}

/// Which files the model is made of, and how long they are.
fn look(folder: &Path, wanted: Option<&str>) -> Result<Found, StoreError> {
    let manifest = match Manifest::read(folder) {
        Ok(manifest) => Some(manifest),
        Err(ManifestError::Missing) => None,
        Err(source) => {
            return Err(StoreError::Manifest {
                name: shown(folder),
                source,
            });
        }
    };
    if let (Some(manifest), Some(wanted)) = (&manifest, wanted)
        && !manifest.files.contains_key(wanted)
    {
        let file = wanted.to_owned();
        return Err(StoreError::Manifest {
            name: shown(folder),
            source: ManifestError::Unlisted { file },
        });
    }
    let chosen: BTreeSet<String> = match &manifest {
        Some(manifest) => manifest
            .files
            .keys()
            .map(|name| file_name(name).map(str::to_owned))
            .collect::<Result<_, _>>()?,
        None => {
            let names = names_in(folder)?;
            let index = if names.contains(INDEX) && wanted.is_none() {
                let mut text = String::new();
                open(folder, INDEX)?
                    .take(MAX_INDEX)
                    .read_to_string(&mut text)
                    .map_err(|error| StoreError::io(INDEX, error))?;
                Some(text)
            } else {
                None
            };
            choose(&names, index.as_deref(), wanted)?
        }
    };
    let files = chosen
        .into_iter()
        .map(|name| {
            let length = open(folder, &name)?
                .metadata()
                .map_err(|error| StoreError::io(&name, error))?
                .len();
            Ok((name, length))
        })
        .collect::<Result<_, StoreError>>()?;
    Ok(Found {
        folder: folder.to_path_buf(),
        files,
        manifest,
    })
}

/// Names of the files at the top of a folder. Names that are not text belong to no model.
fn names_in(folder: &Path) -> Result<BTreeSet<String>, StoreError> {
    let failed = |error| StoreError::io(&shown(folder), error);
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_type().map_err(failed)?.is_dir()
            && let Ok(name) = entry.file_name().into_string()
        {
            names.insert(name);
        }
    }
    Ok(names)
}

/// Opens a file of the folder for reading. A link must stay in the folder, or, where the folder is
/// a snapshot of the hub's cache, among the cache's own files.
fn open(folder: &Path, name: &str) -> Result<File, StoreError> {
    let failed = |error| StoreError::io(name, error);
    let path = folder
        .join(name)
        .canonicalize()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => not_a_model(&format!("falta {name}")),
            _ => failed(error),
        })?;
    let blobs = folder
        .parent()
        .filter(|parent| parent.ends_with("snapshots"))
        .and_then(Path::parent)
        .map(|cache| cache.join("blobs"));
    let inside = path.starts_with(folder) || blobs.is_some_and(|blobs| path.starts_with(blobs));
    if !inside {
        return Err(StoreError::LinkOutside {
            file: name.to_owned(),
        });
    }
    // Opening a pipe would wait for whoever writes to it.
    if !fs::metadata(&path).map_err(failed)?.is_file() {
        return Err(not_a_model(&format!("{name} no es un fichero")));
    }
    File::open(&path).map_err(failed)
}

/// Whether what was copied is what the manifest that came along lists.
fn agree(
    name: &str,
    manifest: &Manifest,
    files: &BTreeMap<String, ManifestFile>,
) -> Result<(), StoreError> {
    for (file, wanted) in &manifest.files {
        let found = files.get(file);
        if found != Some(wanted) {
            return Err(StoreError::Manifest {
                name: name.to_owned(),
                source: ManifestError::Mismatch {
                    file: file.clone(),
                    expected: wanted.sha256.clone(),
                    found: found.map_or_else(String::new, |found| found.sha256.clone()),
                },
            });
        }
    }
    Ok(())
}

fn not_a_model(reason: &str) -> StoreError {
    StoreError::NotAModel {
        reason: reason.to_owned(),
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
