//! One generation of the index: a shard in a folder that goes when nobody uses it any more.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::files;
use super::shard::Shard;
use crate::IndexError;

pub(super) struct Generation {
    /// `None` only while it is being dropped or closed.
    shard: Option<Shard>,
    pub(super) number: u64,
    folder: PathBuf,
    /// Its folder goes with it.
    retired: AtomicBool,
    /// The files differ from any list of them.
    open: AtomicBool,
}

impl Generation {
    /// An empty one.
    pub(super) fn create(dir: &Path, number: u64, format: &str) -> Result<Self, IndexError> {
        let folder = files::generation(dir, number);
        files::create(&folder, format)?;
        let shard = Shard::create(&files::shard(&folder))?;
        Ok(Self::with(shard, number, folder, true))
    }

    /// The one on disk, as it was left.
    pub(super) fn load(dir: &Path, number: u64, clean: bool) -> Result<Self, IndexError> {
        let folder = files::generation(dir, number);
        let shard = Shard::load(&files::shard(&folder))?;
        Ok(Self::with(shard, number, folder, !clean))
    }

    fn with(shard: Shard, number: u64, folder: PathBuf, open: bool) -> Self {
        Self {
            shard: Some(shard),
            number,
            folder,
            retired: AtomicBool::new(false),
            open: AtomicBool::new(open),
        }
    }

    pub(super) fn shard(&self) -> Result<&Shard, IndexError> {
        self.shard.as_ref().ok_or(IndexError::Closed)
    }

    /// To be called before the first write, under the writer's lock.
    pub(super) fn mark_open(&self) -> Result<(), IndexError> {
        if !self.open.swap(true, Ordering::AcqRel) {
            files::mark_open(&self.folder)?;
        }
        Ok(())
    }

    /// Flushes, and syncs every file and folder besides.
    pub(super) fn persist(&self) -> Result<(), IndexError> {
        self.shard()?.flush()?;
        Ok(files::sync(&self.folder)?)
    }

    /// Lets its folder be removed when the last search on it has ended.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    /// Flushes, ends, and lists its files as they are then.
    pub(super) fn close(mut self) -> Result<(), IndexError> {
        self.persist()?;
        drop(self.shard.take());
        // Even where nothing was written, Qdrant's flush may have rewritten a file.
        Ok(files::mark_clean(&self.folder)?)
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        drop(self.shard.take());
        if self.retired.load(Ordering::Acquire) {
            files::remove(&self.folder);
        }
    }
}
