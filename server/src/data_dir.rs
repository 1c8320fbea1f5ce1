//! The data directory: its layout, its lock, and the free space below which nothing is written.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, statvfs};
use rustix::io::Errno;

use crate::error::{Failure, FailureClass};

/// A data directory held by this process until it is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    min_free_bytes: u64,
    /// Locked while it is open; the kernel lets go of it however the process ends.
    _lock: File,
}

impl DataDir {
    /// Makes the directory where it is missing, and holds it.
    ///
    /// # Errors
    /// Another process holds it (try again later), or it cannot be made or written.
    pub(crate) fn open(path: &Path, min_free_bytes: u64) -> Result<Self, Failure> {
        let unwritable = |error: std::io::Error| {
            Failure::new(
                FailureClass::Failed,
                "data_dir_unwritable",
                format!(
                    "no se puede escribir en la carpeta de datos {}: compruebe que existe, los permisos y el disco",
                    path.display()
                ),
            )
            .caused_by(error)
        };
        std::fs::create_dir_all(path).map_err(unwritable)?;
        let path = path.canonicalize().map_err(unwritable)?;
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join("lock"))
            .map_err(unwritable)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(held(&path, &mut lock)),
            Err(errno) => return Err(unwritable(errno.into())),
        }
        // Best effort: on a full disk the directory must still open, so that questions are answered.
        let _ = lock
            .set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", std::process::id()));
        let data = Self {
            path,
            min_free_bytes,
            _lock: lock,
        };
        // What a crash left of uploads that never ended.
        if let Err(error) = std::fs::remove_dir_all(data.path.join("uploads"))
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "uploads left by a crash could not be removed");
        }
        Ok(data)
    }

    /// Where SQLite keeps the catalogue.
    #[must_use]
    pub(crate) fn catalog(&self) -> PathBuf {
        self.path.join("catalog.sqlite")
    }

    /// Where the files lie as they came.
    #[must_use]
    pub(crate) fn blobs(&self) -> PathBuf {
        self.path.join("blobs")
    }

    /// Where the index lies.
    #[must_use]
    pub(crate) fn index(&self) -> PathBuf {
        self.path.join("index")
    }

    /// Where models lie.
    #[must_use]
    pub(crate) fn models(&self) -> PathBuf {
        self.path.join("models")
    }

    /// Where uploads are written while they arrive; made where it is missing.
    ///
    /// # Errors
    /// The disk refuses.
    pub(crate) fn uploads(&self) -> std::io::Result<PathBuf> {
        let folder = self.path.join("uploads");
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// Bytes that may still be written on the disk of the directory.
    #[must_use]
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let stat = statvfs(&self.path).ok()?;
        Some(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Whether `bytes` more may be written and leave the free space that settings ask for.
    ///
    /// # Errors
    /// Not enough space; the message says how much is missing.
    pub(crate) fn room_for(&self, bytes: u64) -> Result<(), Failure> {
        let Some(free) = self.free_bytes() else {
            return Ok(());
        };
        let needed = self.min_free_bytes.saturating_add(bytes);
        if free >= needed {
            return Ok(());
        }
        Err(Failure::new(
            FailureClass::Failed,
            "no_space",
            no_space_message(needed - free),
        ))
    }
}

/// What is told where the disk has no room.
#[must_use]
pub(crate) fn no_space_message(missing_bytes: u64) -> String {
    let mebibytes = missing_bytes.div_ceil(1 << 20).max(1);
    format!(
        "no queda espacio en el disco de la carpeta de datos: libere al menos {mebibytes} MiB y repita la carga"
    )
}

fn held(path: &Path, lock: &mut File) -> Failure {
    let mut holder = String::new();
    let _ = lock.take(20).read_to_string(&mut holder);
    let holder = holder.trim();
    let by = if holder.is_empty() {
        String::new()
    } else {
        format!(" (proceso {holder})")
    };
    Failure::new(
        FailureClass::TryAgain,
        "data_dir_held",
        format!(
            "otro proceso de sistole{by} está usando la carpeta de datos {}: espere a que termine, o use su API si es el servidor",
            path.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_until_the_first_lets_go() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataDir::open(folder.path(), 0).unwrap();
        let refused = DataDir::open(folder.path(), 0).expect_err("two hold it");
        assert_eq!(
            (refused.class(), refused.code()),
            (FailureClass::TryAgain, "data_dir_held")
        );
        drop(first);
        DataDir::open(folder.path(), 0).unwrap();
    }

    #[test]
    fn there_is_no_room_below_the_free_space_that_settings_ask_for() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::open(folder.path(), u64::MAX / 2).unwrap();
        assert_eq!(
            data.room_for(1).expect_err("there is room").code(),
            "no_space"
        );
    }
}
