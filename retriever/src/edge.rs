//! Qdrant in this process: one live generation, one writer, and another built beside it when asked.

mod files;
mod generation;
mod rebuild;
mod shard;

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::Duration;

use domain::{Analyzer, PassageId, Ranked, Scope, VersionId};

use crate::{
    IndexConfig, IndexError, IndexFuture, IndexPoint, Opened, PassageIndex, Rebuild, SparseVector,
};
use files::State;
use generation::Generation;

/// An index kept by Qdrant in this process, in a folder of its own.
///
/// Close it with [`PassageIndex::close`]; one that is merely dropped opens as [`Opened::Dirty`].
pub struct EdgeIndex {
    inner: Arc<Inner>,
}

struct Inner {
    dir: PathBuf,
    config: IndexConfig,
    /// What searches read; `None` once closed.
    live: RwLock<Option<Arc<Generation>>>,
    /// Held around every write, flush and optimization.
    writer: Mutex<Writer>,
    /// Locked for as long as the index is open.
    _lock: File,
}

#[derive(Default)]
struct Writer {
    /// Passages inserted into the live generation since it was last optimized.
    unoptimized: usize,
    /// The generation being built, if one is.
    building: Option<Arc<Generation>>,
    /// Versions removed since it was begun: what its builder read before must not bring them back.
    removed: HashSet<VersionId>,
}

impl EdgeIndex {
    /// Opens the index in `dir`, or makes one. Blocks while files are read.
    ///
    /// # Errors
    /// When the folder cannot be read or written, or another process has it.
    /// An index that is there and will not load is no error: see [`Opened::Lost`].
    pub fn open(dir: &Path, config: IndexConfig) -> Result<(Self, Opened), IndexError> {
        fs::create_dir_all(dir)?;
        let lock = File::create(dir.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(IndexError::InUse),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let format = format(&config);
        let (generation, opened) = match load(dir, &format)? {
            Loaded::Ready(generation, opened) => (*generation, opened),
            Loaded::Missing(opened) => {
                let number = files::generations(dir)?.last().map_or(1, |last| last + 1);
                let generation = Generation::create(dir, number, &format)?;
                generation.persist()?;
                files::set_current(dir, number)?;
                (generation, opened)
            }
        };
        files::remove_others(dir, generation.number);
        let inner = Inner {
            dir: dir.to_owned(),
            config,
            live: RwLock::new(Some(Arc::new(generation))),
            writer: Mutex::default(),
            _lock: lock,
        };
        Ok((
            Self {
                inner: Arc::new(inner),
            },
            opened,
        ))
    }
}

enum Loaded {
    Ready(Box<Generation>, Opened),
    /// A new one is to be made.
    Missing(Opened),
}

/// Loads the live generation where there is one to be trusted.
fn load(dir: &Path, format: &str) -> Result<Loaded, IndexError> {
    let lost = |reason: &str| Ok(Loaded::Missing(Opened::Lost(reason.to_owned())));
    let Some(number) = files::current(dir)? else {
        if files::generations(dir)?.is_empty() {
            return Ok(Loaded::Missing(Opened::New));
        }
        return lost("no consta cuál es el actual");
    };
    let folder = files::generation(dir, number);
    if !folder.is_dir() {
        return lost("falta su carpeta");
    }
    if files::format(&folder).ok().as_deref() != Some(format) {
        return lost("se hizo con otros ajustes o con otra versión");
    }
    let opened = match files::state(&folder) {
        State::Clean => Opened::Clean,
        State::Open => Opened::Dirty,
        State::Broken(reason) => return lost(reason),
    };
    let loaded = Generation::load(dir, number, opened == Opened::Clean).and_then(|generation| {
        let doubles = opened == Opened::Dirty && generation.shard()?.holds_doubles()?;
        Ok((generation, doubles))
    });
    match loaded {
        Ok((_, true)) => lost("se interrumpió una reorganización"),
        Ok((generation, false)) => Ok(Loaded::Ready(Box::new(generation), opened)),
        Err(IndexError::Io(error)) => Err(error.into()),
        Err(_) => lost("no se puede abrir"),
    }
}

/// Everything that what is stored depends on; an index made with anything else is made again.
fn format(config: &IndexConfig) -> String {
    let IndexConfig {
        k1,
        b,
        avg_len,
        title_weight,
        section_weight,
        ..
    } = config;
    let terms = Analyzer::VERSION;
    format!(
        "layout 1\nterms {terms}\nk1 {k1} b {b} avg_len {avg_len} title {title_weight} section {section_weight}\n"
    )
}

impl Inner {
    fn live(&self) -> Result<Arc<Generation>, IndexError> {
        let live = self
            .live
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        live.clone().ok_or(IndexError::Closed)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // What is in it stays true whatever happened to the thread that held it.
        self.writer
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn upsert(&self, points: &[IndexPoint]) -> Result<(), IndexError> {
        let mut writer = self.writer();
        let live = self.live()?;
        live.mark_open()?;
        live.shard()?.upsert(points)?;
        if let Some(building) = writer.building.clone() {
            building.shard()?.upsert(points)?;
            for point in points {
                writer.removed.remove(&point.version_id);
            }
        }
        writer.unoptimized += points.len();
        if writer.unoptimized >= self.config.optimize_every.max(1) {
            live.shard()?.optimize()?;
            writer.unoptimized = 0;
        }
        Ok(())
    }

    fn remove_versions(&self, versions: &[VersionId]) -> Result<(), IndexError> {
        let mut writer = self.writer();
        let live = self.live()?;
        live.mark_open()?;
        if let Some(building) = writer.building.clone() {
            writer.removed.extend(versions);
            building.shard()?.remove_versions(versions)?;
        }
        live.shard()?.remove_versions(versions)
    }

    fn flush(&self) -> Result<(), IndexError> {
        let _writer = self.writer();
        self.live()?.shard()?.flush()
    }

    fn optimize(&self) -> Result<bool, IndexError> {
        let mut writer = self.writer();
        let live = self.live()?;
        live.mark_open()?;
        writer.unoptimized = 0;
        live.shard()?.optimize()
    }

    fn close(&self) -> Result<(), IndexError> {
        let mut writer = self.writer();
        if let Some(building) = writer.building.take() {
            building.retire();
        }
        let live = self
            .live
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
            .take();
        let Some(mut live) = live else { return Ok(()) };
        // Searches under way end in milliseconds; without an end to them it is left dirty.
        for _ in 0..500 {
            match Arc::try_unwrap(live) {
                Ok(generation) => return generation.close(),
                Err(shared) => live = shared,
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        live.persist()
    }

    /// Runs `operation` where blocking is allowed.
    async fn blocking<T: Send + 'static>(
        self: Arc<Self>,
        operation: impl FnOnce(&Arc<Self>) -> Result<T, IndexError> + Send + 'static,
    ) -> Result<T, IndexError> {
        let done = tokio::task::spawn_blocking(move || operation(&self)).await;
        done.unwrap_or_else(|_| Err(IndexError::Lost("una tarea no terminó".to_owned())))
    }
}

impl PassageIndex for EdgeIndex {
    fn upsert(&self, points: Vec<IndexPoint>) -> IndexFuture<'_, ()> {
        Box::pin(
            self.inner
                .clone()
                .blocking(move |inner| inner.upsert(&points)),
        )
    }

    fn remove_versions<'a>(&'a self, versions: &'a [VersionId]) -> IndexFuture<'a, ()> {
        let versions = versions.to_vec();
        Box::pin(
            self.inner
                .clone()
                .blocking(move |inner| inner.remove_versions(&versions)),
        )
    }

    fn flush(&self) -> IndexFuture<'_, ()> {
        Box::pin(self.inner.clone().blocking(|inner| inner.flush()))
    }

    fn search<'a>(
        &'a self,
        query: SparseVector,
        scope: &'a Scope,
        limit: usize,
    ) -> IndexFuture<'a, Vec<Ranked>> {
        let scope = scope.clone();
        Box::pin(self.inner.clone().blocking(move |inner| {
            if query.is_empty() || limit == 0 {
                return Ok(Vec::new());
            }
            inner.live()?.shard()?.search(query, &scope, limit)
        }))
    }

    fn count(&self) -> IndexFuture<'_, usize> {
        Box::pin(
            self.inner
                .clone()
                .blocking(|inner| inner.live()?.shard()?.count()),
        )
    }

    fn versions(&self) -> IndexFuture<'_, Vec<(VersionId, usize)>> {
        Box::pin(
            self.inner
                .clone()
                .blocking(|inner| inner.live()?.shard()?.versions()),
        )
    }

    fn point_ids(&self, version: VersionId) -> IndexFuture<'_, Vec<PassageId>> {
        Box::pin(
            self.inner
                .clone()
                .blocking(move |inner| inner.live()?.shard()?.point_ids(version)),
        )
    }

    fn optimize(&self) -> IndexFuture<'_, bool> {
        Box::pin(self.inner.clone().blocking(|inner| inner.optimize()))
    }

    fn rebuild(&self) -> IndexFuture<'_, Box<dyn Rebuild>> {
        Box::pin(self.inner.clone().blocking(|inner| {
            rebuild::begin(inner).map(|rebuild| Box::new(rebuild) as Box<dyn Rebuild>)
        }))
    }

    fn log_bytes(&self) -> u64 {
        let live = self.inner.live();
        live.ok()
            .and_then(|live| Some(live.shard().ok()?.log_bytes()))
            .unwrap_or_default()
    }

    fn close(&self) -> IndexFuture<'_, ()> {
        Box::pin(self.inner.clone().blocking(|inner| inner.close()))
    }

    fn folder(&self) -> Option<PathBuf> {
        Some(self.inner.dir.clone())
    }
}
