//! Room on the disk, and files that are whole or not there.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::digest::{CHUNK, FileDigest, hex};
use super::error::StoreError;
use super::manifest::{Manifest, sync_folder};

/// Bytes that may still be written on the disk of `folder`; `None` where the system does not say.
pub(super) fn free_bytes(folder: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Refuses to write `bytes` where less than `reserve` would stay free.
///
/// # Errors
/// [`StoreError::NoSpace`].
pub(super) fn room_for(
    folder: &Path,
    bytes: u64,
    reserve: u64,
    resumes: bool,
) -> Result<(), StoreError> {
    let needed_bytes = bytes.saturating_add(reserve);
    match free_bytes(folder) {
        Some(free_bytes) if free_bytes < needed_bytes => Err(StoreError::NoSpace {
            needed_bytes,
            free_bytes,
            resumes,
        }),
        _ => Ok(()),
    }
}

/// The error of a write into `folder`, a full disk told as one.
pub(super) fn write_failure(
    what: &str,
    folder: &Path,
    resumes: bool,
    error: io::Error,
) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::NoSpace {
            needed_bytes: 1 << 20,
            free_bytes: free_bytes(folder).unwrap_or(0),
            resumes,
        },
        _ => StoreError::io(what, error),
    }
}

/// Held by whoever brings a model into the folder; the kernel lets go of it however the process
/// ends. Reading needs none: what is there is whole and never changes.
#[derive(Debug)]
pub(super) struct Hold {
    _lock: File,
}

impl Hold {
    /// Makes the folder where it is missing, and holds it.
    ///
    /// # Errors
    /// [`StoreError::Busy`], [`StoreError::Io`].
    pub(super) fn take(root: &Path) -> Result<Self, StoreError> {
        let failed = |error| StoreError::io("la carpeta de modelos", error);
        fs::create_dir_all(root).map_err(failed)?;
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(root.join(".lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(StoreError::Busy),
            Err(fs::TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

/// A folder that becomes a model when it is whole; it is gone when this is dropped before.
#[derive(Debug)]
pub(super) struct Coming {
    path: PathBuf,
}

impl Coming {
    /// Beginning of the names of these folders.
    const PREFIX: &'static str = ".coming-";

    /// A new folder beside where the model will stand. What a crash left of others is removed:
    /// the caller holds the folder of models, so nobody is writing them.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub(super) fn new(root: &Path, _held: &Hold) -> Result<Self, StoreError> {
        let failed = |error| StoreError::io("la carpeta de modelos", error);
        for entry in fs::read_dir(root).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with(Self::PREFIX))
            {
                fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        let path = root.join(format!("{}{}", Self::PREFIX, std::process::id()));
        fs::create_dir(&path).map_err(failed)?;
        Ok(Self { path })
    }

    /// Where it lies until then.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        // Placed, it is not there any more.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Writes the manifest into a folder whose files are all on the disk, and gives the folder its
/// name. Only now can anybody see the model.
///
/// # Errors
/// [`StoreError::Exists`], [`StoreError::NoSpace`], [`StoreError::Io`].
pub(super) fn place(
    coming: &Path,
    root: &Path,
    name: &str,
    manifest: &Manifest,
) -> Result<(), StoreError> {
    let failed = |error| write_failure("la carpeta de modelos", root, false, error);
    manifest
        .write(coming)
        .map_err(|source| StoreError::Manifest {
            name: name.to_owned(),
            source,
        })?;
    sync_folder(coming).map_err(failed)?;
    let target = root.join(name);
    // A rename would silently replace an empty folder.
    if fs::symlink_metadata(&target).is_ok() {
        return Err(StoreError::Exists {
            name: name.to_owned(),
        });
    }
    fs::rename(coming, &target).map_err(failed)?;
    sync_folder(root).map_err(failed)
}

/// Copies what `source` gives into a new file, hashing on the way, and brings it to the disk.
///
/// # Errors
/// [`StoreError::NoSpace`], [`StoreError::Io`].
pub(super) fn copy_hashed(
    mut source: impl Read,
    target: &Path,
    name: &str,
    progress: &mut dyn FnMut(u64),
) -> Result<FileDigest, StoreError> {
    let folder = target.parent().unwrap_or(target);
    let write = |error| write_failure(name, folder, false, error);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(target)
        .map_err(write)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut bytes = 0_u64;
    loop {
        let read = match source.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(StoreError::io(name, error)),
        };
        file.write_all(&chunk[..read]).map_err(write)?;
        hasher.update(&chunk[..read]);
        bytes += read as u64;
        progress(read as u64);
    }
    file.sync_all().map_err(write)?;
    Ok(FileDigest {
        sha256: hex(&hasher.finalize()),
        bytes,
    })
}
