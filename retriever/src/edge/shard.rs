//! The only file that knows the crate `qdrant-edge`, and where its faults end.
//!
//! What 0.7.2 does, read in its source, and what is done about it here:
//! - `flush` returns nothing and panics on any error and on a lock held elsewhere; its `Drop`
//!   flushes too. Every call goes through [`Shard::guard`], which makes of a panic a lost index.
//!   A lost shard is never touched again, not even dropped: it is forgotten.
//! - Its write-ahead log is not replayed when a shard is loaded, so what was not flushed may be
//!   missing in part. `edge.rs` tells the caller (`Opened::Dirty`).
//! - The log's files (4 MiB each here, 32 by default) are holes mapped into memory: where the disk is full when a page
//!   of them is first written, the kernel kills the process (SIGBUS), and nobody can catch that.
//!   The server keeps a floor of free space and refuses writes below it.
//! - `update`, `flush` and `optimize` must not meet. `edge.rs` holds one lock around them.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::{PassageId, Ranked, Scope, VersionId};
use qdrant_edge::{
    Condition, CountRequest, CreateIndex, EdgeConfig, EdgeOptimizersConfig, EdgeShard,
    EdgeSparseVectorParams, FacetRequest, FacetValue, FieldCondition, FieldIndexOperations, Filter,
    JsonPath, Match, Modifier, NamedQuery, OperationError, PayloadFieldSchema, PayloadSchemaType,
    PointId, PointInsertOperations, PointOperations, PointStruct, QueryEnum, QueryRequest,
    ScoringQuery, ScrollRequest, UpdateOperation, Vector, VectorInternal, Vectors, WalOptions,
    WithPayloadInterface, WithVector,
};

use crate::{IndexError, IndexPoint, SparseVector};

/// The sparse vector of a passage's terms. A dense vector for meaning will stand beside it under
/// a name of its own: in [`shard_config`], [`point`] and as a second source in [`Shard::search`].
const LEXICAL: &str = "lexical";
/// Payload: the version a passage belongs to.
const VERSION: &str = "version";
/// Payload: the collection of its document.
const COLLECTION: &str = "collection";
/// Payload: the groups its document is open to, or [`EVERYONE`].
const GROUPS: &str = "groups";
/// The group everyone is in.
const EVERYONE: &str = "*";

/// Points written in one record of the log: far below what one of its files holds.
const POINTS_PER_UPDATE: usize = 256;
/// Versions named in one filter.
const VERSIONS_PER_FILTER: usize = 500;

/// A shard, guarded.
pub(super) struct Shard {
    /// `None` only while it is being dropped.
    shard: Option<EdgeShard>,
    path: PathBuf,
    lost: AtomicBool,
    reason: Mutex<String>,
}

impl Shard {
    /// Makes an empty one in the empty folder `path`.
    pub(super) fn create(path: &Path) -> Result<Self, IndexError> {
        let shard = unguarded("crear", || EdgeShard::new(path, shard_config()))?;
        let shard = Self::around(shard, path);
        for key in [VERSION, COLLECTION, GROUPS] {
            shard.guard("crear", |shard| {
                let create = CreateIndex {
                    field_name: json_path(key)?,
                    field_schema: Some(PayloadFieldSchema::FieldType(PayloadSchemaType::Keyword)),
                };
                shard.update(UpdateOperation::FieldIndexOperation(
                    FieldIndexOperations::CreateIndex(create),
                ))
            })?;
        }
        Ok(shard)
    }

    /// Loads the one in `path`.
    pub(super) fn load(path: &Path) -> Result<Self, IndexError> {
        let shard = unguarded("abrir", || EdgeShard::load(path, Some(shard_config())))?;
        Ok(Self::around(shard, path))
    }

    fn around(shard: EdgeShard, path: &Path) -> Self {
        Self {
            shard: Some(shard),
            path: path.to_owned(),
            lost: AtomicBool::new(false),
            reason: Mutex::default(),
        }
    }

    pub(super) fn upsert(&self, points: &[IndexPoint]) -> Result<(), IndexError> {
        for batch in points.chunks(POINTS_PER_UPDATE) {
            self.guard("escribir", |shard| {
                let points = batch.iter().map(point).collect::<Result<Vec<_>, _>>()?;
                let insert = PointInsertOperations::PointsList(points);
                shard.update(UpdateOperation::PointOperation(
                    PointOperations::UpsertPoints(insert),
                ))
            })?;
        }
        Ok(())
    }

    pub(super) fn remove_versions(&self, versions: &[VersionId]) -> Result<(), IndexError> {
        for batch in versions.chunks(VERSIONS_PER_FILTER) {
            self.guard("borrar", |shard| {
                let filter = Filter::new_must(any_of(VERSION, texts(batch))?);
                let delete = PointOperations::DeletePointsByFilter(filter);
                shard.update(UpdateOperation::PointOperation(delete))
            })?;
        }
        Ok(())
    }

    pub(super) fn search(
        &self,
        query: SparseVector,
        scope: &Scope,
        limit: usize,
    ) -> Result<Vec<Ranked>, IndexError> {
        let found = self.guard("buscar", |shard| {
            let (indices, values) = query.into_parts();
            let vector = Vector::new_sparse(indices, values)?;
            let VectorInternal::Sparse(_) = &vector.0 else {
                return Err(OperationError::validation_error("not a sparse vector"));
            };
            let nearest = QueryEnum::Nearest(NamedQuery::new(vector.0, LEXICAL));
            shard.query(QueryRequest {
                prefetches: Vec::new(),
                query: Some(ScoringQuery::Vector(nearest)),
                filter: filter(scope)?,
                score_threshold: None,
                limit,
                offset: 0,
                params: None,
                with_vector: WithVector::Bool(false),
                with_payload: WithPayloadInterface::Bool(false),
            })
        })?;
        let ranked = found.into_iter().filter_map(|point| {
            Some(Ranked {
                passage_id: passage_id(point.id)?,
                score: point.score,
            })
        });
        let mut ranked: Vec<Ranked> = ranked.collect();
        // Equal scores in the order of identifiers: the same question, the same answer.
        ranked.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                .then(a.passage_id.cmp(&b.passage_id))
        });
        Ok(ranked)
    }

    pub(super) fn count(&self) -> Result<usize, IndexError> {
        self.guard("contar", |shard| {
            shard.count(CountRequest {
                filter: None,
                exact: true,
            })
        })
    }

    /// Whether some passage is held twice. A merge of segments that was killed between saving the
    /// new one and removing the old leaves both, and Qdrant loads both: seen in `tests/it/crash.rs`.
    pub(super) fn holds_doubles(&self) -> Result<bool, IndexError> {
        let mut distinct = 0;
        let mut offset = None;
        loop {
            let (ids, next) = self.page(offset, None, 10_000)?;
            distinct += ids.len();
            offset = next;
            if offset.is_none() {
                return Ok(self.count()? != distinct);
            }
        }
    }

    /// Identifiers from `offset` on, each once and in order, and where the next page begins.
    fn page(
        &self,
        offset: Option<PointId>,
        filter: Option<Filter>,
        limit: usize,
    ) -> Result<(Vec<PointId>, Option<PointId>), IndexError> {
        let (records, next) = self.guard("leer", |shard| {
            shard.scroll(ScrollRequest {
                offset,
                limit: Some(limit),
                filter,
                with_payload: Some(WithPayloadInterface::Bool(false)),
                with_vector: WithVector::Bool(false),
                order_by: None,
            })
        })?;
        Ok((records.into_iter().map(|record| record.id).collect(), next))
    }

    pub(super) fn versions(&self) -> Result<Vec<(VersionId, usize)>, IndexError> {
        let facet = self.guard("contar", |shard| {
            shard.facet(FacetRequest {
                key: json_path(VERSION)?,
                limit: usize::MAX / 2,
                filter: None,
                exact: true,
            })
        })?;
        let version = |value: FacetValue| match value {
            FacetValue::Keyword(text) => text.parse().ok(),
            FacetValue::Int(_) | FacetValue::Uuid(_) | FacetValue::Bool(_) => None,
        };
        let counts = facet.hits.into_iter().filter(|hit| hit.count > 0);
        let mut counts: Vec<(VersionId, usize)> = counts
            .filter_map(|hit| Some((version(hit.value)?, hit.count)))
            .collect();
        counts.sort_unstable();
        Ok(counts)
    }

    pub(super) fn point_ids(&self, version: VersionId) -> Result<Vec<PassageId>, IndexError> {
        let filter = Filter::new_must(any_of(VERSION, texts(&[version])).map_err(refused)?);
        let mut found = Vec::new();
        let mut offset = None;
        loop {
            let (ids, next) = self.page(offset, Some(filter.clone()), 1_000)?;
            found.extend(ids.into_iter().filter_map(passage_id));
            offset = next;
            if offset.is_none() {
                return Ok(found);
            }
        }
    }

    pub(super) fn flush(&self) -> Result<(), IndexError> {
        self.guard("guardar en disco", |shard| {
            shard.flush();
            Ok(())
        })
    }

    pub(super) fn optimize(&self) -> Result<bool, IndexError> {
        self.guard("optimizar", EdgeShard::optimize)
    }

    /// Bytes the write-ahead log takes on disk.
    pub(super) fn log_bytes(&self) -> u64 {
        super::files::allocated(&self.path.join("wal"))
    }

    /// Runs `operation`. After a panic or an error of storage the shard is lost for good.
    fn guard<T>(
        &self,
        doing: &'static str,
        operation: impl FnOnce(&EdgeShard) -> Result<T, OperationError>,
    ) -> Result<T, IndexError> {
        if self.lost.load(Ordering::Acquire) {
            let reason = self
                .reason
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            return Err(IndexError::Lost(reason.clone()));
        }
        let Some(shard) = &self.shard else {
            return Err(IndexError::Closed);
        };
        let done = unguarded(doing, || operation(shard));
        if let Err(IndexError::Lost(reason)) = &done {
            *self
                .reason
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner()) = reason.clone();
            self.lost.store(true, Ordering::Release);
        }
        done
    }
}

/// Qdrant's own `Drop` flushes, and panics where it cannot. It runs only right after a flush that
/// went well; otherwise the shard is left in memory for the rest of the process.
impl Drop for Shard {
    fn drop(&mut self) {
        let flushed = self.flush().is_ok();
        let Some(shard) = self.shard.take() else {
            return;
        };
        if flushed {
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(shard)));
            if dropped.is_err() {
                tracing::error!("the index panicked while it was closed");
            }
        } else {
            std::mem::forget(shard);
        }
    }
}

/// Runs something of Qdrant's and makes of a panic, or of an error of its storage, a lost index.
/// What exactly went wrong goes to the log, for it may hold paths.
fn unguarded<T>(
    doing: &'static str,
    operation: impl FnOnce() -> Result<T, OperationError>,
) -> Result<T, IndexError> {
    match catch_unwind(AssertUnwindSafe(operation)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if fatal(&error) => {
            tracing::error!(doing, %error, "the index failed");
            Err(IndexError::Lost(format!("fallo al {doing}")))
        }
        Ok(Err(error)) => {
            tracing::warn!(doing, %error, "the index refused an operation");
            Err(IndexError::Refused(format!("al {doing}")))
        }
        Err(panic) => {
            let panic = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("unknown");
            tracing::error!(doing, panic, "the index panicked");
            Err(IndexError::Lost(format!("fallo interno al {doing}")))
        }
    }
}

fn refused(error: OperationError) -> IndexError {
    IndexError::Refused(error.to_string())
}

/// Whether an error speaks of the storage and not of what was asked.
fn fatal(error: &OperationError) -> bool {
    matches!(
        error,
        OperationError::ServiceError { .. }
            | OperationError::InconsistentStorage { .. }
            | OperationError::OutOfMemory { .. }
    )
}

fn shard_config() -> EdgeConfig {
    let lexical = EdgeSparseVectorParams {
        // Exact scores whatever the number of passages that pass the filter.
        full_scan_threshold: None,
        on_disk: Some(true),
        modifier: Some(Modifier::Idf),
        datatype: None,
    };
    let optimizers = EdgeOptimizersConfig {
        // In KB of vectors: what `optimize` finds is indexed unless it is next to nothing.
        indexing_threshold: Some(500),
        default_segment_number: Some(2),
        deleted_threshold: Some(0.1),
        vacuum_min_vector_number: Some(500),
        ..EdgeOptimizersConfig::default()
    };
    EdgeConfig {
        sparse_vectors: HashMap::from([(LEXICAL.to_owned(), lexical)]),
        optimizers,
        // What an index of a few passages takes on disk, and what is read again when it is opened.
        wal_options: Some(WalOptions {
            segment_capacity: 4 << 20,
            ..WalOptions::default()
        }),
        ..EdgeConfig::default()
    }
}

fn point(point: &IndexPoint) -> Result<qdrant_edge::PointStructPersisted, OperationError> {
    let lexical = &point.lexical;
    let vector = Vector::new_sparse(lexical.indices(), lexical.values())?;
    let groups: &[String] = &point.groups;
    let groups = if groups.is_empty() {
        serde_json::json!([EVERYONE])
    } else {
        serde_json::json!(groups)
    };
    let payload = serde_json::json!({
        VERSION: point.version_id.to_string(),
        COLLECTION: point.collection,
        GROUPS: groups,
    });
    let id = PointId::Uuid(*point.passage_id.as_uuid());
    Ok(PointStruct::new(id, Vectors::new_named([(LEXICAL, vector)]), payload).into())
}

/// What a question may see, as a filter inside the search.
fn filter(scope: &Scope) -> Result<Option<Filter>, OperationError> {
    let mut must = Vec::new();
    if let Some(collection) = &scope.collection {
        must.push(any_of(COLLECTION, vec![collection.clone()])?);
    }
    if let Some(groups) = &scope.groups {
        let open = std::iter::once(EVERYONE.to_owned()).chain(groups.iter().cloned());
        must.push(any_of(GROUPS, open.collect())?);
    }
    let mut must_not = Vec::new();
    if !scope.hidden_versions.is_empty() {
        must_not.push(any_of(VERSION, texts(&scope.hidden_versions))?);
    }
    if must.is_empty() && must_not.is_empty() {
        return Ok(None);
    }
    Ok(Some(Filter {
        should: None,
        min_should: None,
        must: Some(must),
        must_not: Some(must_not),
    }))
}

fn any_of(key: &str, values: Vec<String>) -> Result<Condition, OperationError> {
    Ok(Condition::Field(FieldCondition::new_match(
        json_path(key)?,
        Match::from(values),
    )))
}

fn json_path(key: &str) -> Result<JsonPath, OperationError> {
    key.parse()
        .map_err(|()| OperationError::validation_error("not a payload key"))
}

fn texts(versions: &[VersionId]) -> Vec<String> {
    versions.iter().map(VersionId::to_string).collect()
}

fn passage_id(id: PointId) -> Option<PassageId> {
    match id {
        PointId::Uuid(uuid) => Some(PassageId::from_uuid(uuid)),
        PointId::NumId(_) => None,
    }
}
