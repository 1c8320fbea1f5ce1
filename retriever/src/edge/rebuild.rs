//! A generation built beside the live one, and put in its place in one step.

use std::sync::Arc;

use super::generation::Generation;
use super::{Inner, files, format};
use crate::{IndexError, IndexFuture, IndexPoint, Rebuild};

/// The builder. Dropped unfinished, the generation goes with its folder.
pub(super) struct EdgeRebuild {
    inner: Arc<Inner>,
    /// `None` once it is live.
    building: Option<Arc<Generation>>,
    unoptimized: usize,
}

/// Begins an empty generation. Writes to the live one reach it too from here on.
pub(super) fn begin(inner: &Arc<Inner>) -> Result<EdgeRebuild, IndexError> {
    let mut writer = inner.writer();
    inner.live()?;
    if writer.building.is_some() {
        return Err(IndexError::Rebuilding);
    }
    let number = files::generations(&inner.dir)?
        .last()
        .map_or(1, |last| last + 1);
    let building = Arc::new(Generation::create(
        &inner.dir,
        number,
        &format(&inner.config),
    )?);
    writer.building = Some(building.clone());
    writer.removed.clear();
    drop(writer);
    Ok(EdgeRebuild {
        inner: inner.clone(),
        building: Some(building),
        unoptimized: 0,
    })
}

impl EdgeRebuild {
    fn push_now(
        inner: &Inner,
        building: &Generation,
        mut points: Vec<IndexPoint>,
        optimize: bool,
    ) -> Result<(), IndexError> {
        // The writer's lock is held so that a removal does not fall between the check and the write.
        let writer = inner.writer();
        points.retain(|point| !writer.removed.contains(&point.version_id));
        building.shard()?.upsert(&points)?;
        if optimize {
            building.shard()?.optimize()?;
        }
        Ok(())
    }

    fn finish_now(inner: &Inner, building: Arc<Generation>) -> Result<usize, IndexError> {
        let mut writer = inner.writer();
        // Closed meanwhile: there is no place to take.
        let old = inner.live()?;
        building.shard()?.optimize()?;
        building.persist()?;
        let count = building.shard()?.count()?;
        files::set_current(&inner.dir, building.number)?;
        writer.building = None;
        writer.removed.clear();
        writer.unoptimized = 0;
        *inner
            .live
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(building);
        old.retire();
        Ok(count)
    }
}

impl Rebuild for EdgeRebuild {
    fn push(&mut self, points: Vec<IndexPoint>) -> IndexFuture<'_, ()> {
        let Some(building) = self.building.clone() else {
            return Box::pin(async { Err(IndexError::Closed) });
        };
        self.unoptimized += points.len();
        let optimize = self.unoptimized >= self.inner.config.optimize_every.max(1);
        if optimize {
            self.unoptimized = 0;
        }
        Box::pin(
            self.inner
                .clone()
                .blocking(move |inner| Self::push_now(inner, &building, points, optimize)),
        )
    }

    fn finish(mut self: Box<Self>) -> IndexFuture<'static, usize> {
        let inner = self.inner.clone();
        let Some(building) = self.building.clone() else {
            return Box::pin(async { Err(IndexError::Closed) });
        };
        Box::pin(async move {
            let count = inner
                .blocking(move |inner| Self::finish_now(inner, building))
                .await?;
            // Live now: it must not be taken for unfinished below.
            self.building = None;
            Ok(count)
        })
    }
}

impl Drop for EdgeRebuild {
    fn drop(&mut self) {
        let Some(building) = self.building.take() else {
            return;
        };
        let mut writer = self.inner.writer();
        let live = self.inner.live().ok();
        // Where the caller went away while it was being finished, it may have become live.
        if live.is_some_and(|live| live.number == building.number) {
            return;
        }
        writer.building = None;
        building.retire();
    }
}
