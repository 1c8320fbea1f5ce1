//! Documents and their versions, listed and changed.

use std::collections::HashMap;

use domain::{DocumentId, VersionId};
use jiff::Timestamp;

use crate::blobs::sha256_from_hex;
use crate::db::{Arg, Row, Tx, args, placeholders};
use crate::error::{CatalogError, Thing};
use crate::evidence::groups_clause;
use crate::lifecycle::decode_warnings;
use crate::receive::{check_period, clean, set_groups};
use crate::{
    Catalog, CollectionCount, DocumentFilter, DocumentPatch, DocumentRecord, Page, Rejection,
    VersionRecord, VersionState,
};

/// Columns of a version, as [`read_version`] takes them.
const VERSION: &str = "id, document_id, number, state, in_index, file_name, sha256, byte_size, \
     media_type, title, language, page_count, passage_count, warnings, effective_from, \
     effective_to, created_at, activated_at, superseded_at, rejection_code, rejection_message";

/// Columns of a document `d`, as [`read_document`] takes them.
const DOCUMENT: &str = "d.id, d.title, d.collection, d.created_at, d.updated_at, d.deleted_at";

/// A document's status, from its versions.
const STATUS: &str = "CASE WHEN d.deleted_at IS NOT NULL THEN 'deleted' ELSE COALESCE(\
     (SELECT v.state FROM versions v WHERE v.document_id = d.id AND v.state = 'active'), \
     (SELECT v.state FROM versions v WHERE v.document_id = d.id ORDER BY v.number DESC LIMIT 1), \
     'deleted') END";

/// The length of a page when none is asked for, and the most.
const PAGE: (u32, u32) = (50, 500);

/// The length of a page.
pub(crate) fn page_length(asked: u32) -> u32 {
    if asked == 0 {
        PAGE.0
    } else {
        asked.min(PAGE.1)
    }
}

/// Cuts the row too many that was read to know whether there is a next page.
pub(crate) fn page<T>(mut items: Vec<T>, length: u32, id: impl Fn(&T) -> String) -> Page<T> {
    let more = items.len() > length as usize;
    items.truncate(length as usize);
    let next = if more { items.last().map(id) } else { None };
    Page { items, next }
}

/// Stands after every identifier in any collation: where a list without a cursor begins.
const BEGINNING: &str = "z";

/// Reads a cursor: the identifier of the last item seen.
pub(crate) fn after(cursor: Option<&str>) -> Result<String, CatalogError> {
    match cursor {
        None => Ok(BEGINNING.to_owned()),
        // Any identifier has the form of any other.
        Some(text) => text
            .parse::<DocumentId>()
            .map(|id| id.to_string())
            .map_err(|_| CatalogError::Invalid {
                reason: "el cursor no es de esta lista: empiece sin él",
            }),
    }
}

impl Catalog {
    /// Documents, newest first.
    ///
    /// # Errors
    /// [`CatalogError::Invalid`] when the cursor is not one.
    pub async fn documents(
        &self,
        filter: &DocumentFilter,
    ) -> Result<Page<DocumentRecord>, CatalogError> {
        let length = page_length(filter.limit);
        let mut values = vec![
            Arg::from(after(filter.cursor.as_deref())?),
            Arg::from(filter.collection.as_deref()),
            Arg::from(filter.status.map(VersionState::name)),
            Arg::from(length + 1),
        ];
        let (groups, group_values) = groups_clause(filter.groups.as_deref(), 5);
        values.extend(group_values);
        let deleted = match filter.status {
            Some(VersionState::Deleted) => "d.deleted_at IS NOT NULL",
            _ => "d.deleted_at IS NULL",
        };
        let sql = format!(
            "SELECT {DOCUMENT} FROM documents d \
             WHERE {deleted} AND d.id < $1 AND ($2 IS NULL OR d.collection = $2) \
                 AND ($3 IS NULL OR {STATUS} = $3) {groups} \
             ORDER BY d.id DESC LIMIT $4"
        );
        let mut tx = self.db.read().await?;
        let rows = tx.rows(sql, &values).await?;
        let records = complete(&mut tx, &rows).await?;
        tx.commit().await?;
        Ok(page(records, length, |record| record.id.to_string()))
    }

    /// One document, deleted ones too.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub async fn document(&self, id: DocumentId) -> Result<DocumentRecord, CatalogError> {
        let mut tx = self.db.read().await?;
        let rows = tx
            .rows(
                format!("SELECT {DOCUMENT} FROM documents d WHERE d.id = $1"),
                args![id],
            )
            .await?;
        let records = complete(&mut tx, &rows).await?;
        tx.commit().await?;
        records
            .into_iter()
            .next()
            .ok_or(CatalogError::not_found(Thing::Document))
    }

    /// The document that a file's absolute path stands for now, in a collection.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn source_document(
        &self,
        collection: &str,
        source_key: &str,
    ) -> Result<Option<DocumentId>, CatalogError> {
        let row = self
            .db
            .row(
                "SELECT id FROM documents \
                 WHERE collection = $1 AND source_key = $2 AND deleted_at IS NULL",
                args![collection, source_key],
            )
            .await?;
        row.map(|row| row.fields().named()).transpose()
    }

    /// One version.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`].
    pub async fn version(&self, id: VersionId) -> Result<VersionRecord, CatalogError> {
        let row = self
            .db
            .row(
                format!("SELECT {VERSION} FROM versions WHERE id = $1"),
                args![id],
            )
            .await?
            .ok_or(CatalogError::not_found(Thing::Version))?;
        read_version(&row)
    }

    /// Changes what is known of a document; its versions' files and passages stay as they are.
    ///
    /// Collection and groups are also written in the index's points: the caller sends them there
    /// again.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`]; [`CatalogError::Invalid`] when its validity would end before it
    /// begins; [`CatalogError::Conflict`] when the collection has the same bytes, or another
    /// document from the same place, already.
    pub async fn update_metadata(
        &self,
        id: DocumentId,
        patch: &DocumentPatch,
    ) -> Result<DocumentRecord, CatalogError> {
        let mut tx = self.db.write().await?;
        let touched = tx
            .execute(
                "UPDATE documents SET updated_at = $1 WHERE id = $2 AND deleted_at IS NULL",
                args![Timestamp::now(), id],
            )
            .await?;
        if touched == 0 {
            return Err(CatalogError::not_found(Thing::Document));
        }
        if let Some(title) = &patch.title {
            let title = title.as_deref().and_then(clean);
            tx.execute(
                "UPDATE documents SET title = $1 WHERE id = $2",
                args![title, id],
            )
            .await?;
        }
        if let Some(collection) = patch.collection.as_deref() {
            move_to(&mut tx, id, collection).await?;
        }
        if let Some(groups) = &patch.groups {
            let groups: Vec<String> = groups.iter().filter_map(|group| clean(group)).collect();
            set_groups(&mut tx, id, &groups).await?;
        }
        if patch.effective_from.is_some() || patch.effective_to.is_some() {
            set_period(&mut tx, id, patch).await?;
        }
        let rows = tx
            .rows(
                format!("SELECT {DOCUMENT} FROM documents d WHERE d.id = $1"),
                args![id],
            )
            .await?;
        let records = complete(&mut tx, &rows).await?;
        tx.commit().await?;
        records
            .into_iter()
            .next()
            .ok_or(CatalogError::not_found(Thing::Document))
    }

    /// The collections and how much is in each, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn collections(&self) -> Result<Vec<CollectionCount>, CatalogError> {
        let rows = self
            .db
            .rows(
                "SELECT d.collection, COUNT(*), COUNT(v.id), \
                     CAST(COALESCE(SUM(v.passage_count), 0) AS BIGINT) \
                 FROM documents d \
                     LEFT JOIN versions v ON v.document_id = d.id AND v.state = 'active' \
                 WHERE d.deleted_at IS NULL GROUP BY d.collection ORDER BY d.collection",
                &[],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let mut fields = row.fields();
                Ok(CollectionCount {
                    name: fields.text()?,
                    documents: fields.count()?,
                    active: fields.count()?,
                    passages: fields.count()?,
                })
            })
            .collect()
    }

    /// The names of all groups in use, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn groups(&self) -> Result<Vec<String>, CatalogError> {
        let rows = self
            .db
            .rows(
                "SELECT DISTINCT name FROM document_groups ORDER BY name",
                &[],
            )
            .await?;
        rows.iter().map(|row| row.fields().text()).collect()
    }
}

async fn move_to(tx: &mut Tx, id: DocumentId, collection: &str) -> Result<(), CatalogError> {
    let collection = clean(collection).ok_or(CatalogError::Invalid {
        reason: "la colección no tiene nombre",
    })?;
    let taken = |fault: CatalogError| {
        if fault.is_collision() {
            CatalogError::Conflict {
                reason: "la colección de destino ya tiene ese mismo documento",
            }
        } else {
            fault
        }
    };
    tx.execute(
        "UPDATE documents SET collection = $1 WHERE id = $2",
        args![&collection, id],
    )
    .await
    .map_err(taken)?;
    tx.execute(
        "UPDATE versions SET collection = $1 WHERE document_id = $2",
        args![&collection, id],
    )
    .await
    .map_err(taken)?;
    Ok(())
}

async fn set_period(
    tx: &mut Tx,
    id: DocumentId,
    patch: &DocumentPatch,
) -> Result<(), CatalogError> {
    let row = tx
        .row(
            "SELECT id, effective_from, effective_to FROM versions WHERE document_id = $1 \
             ORDER BY CASE WHEN state = 'active' THEN 0 ELSE 1 END, number DESC LIMIT 1",
            args![id],
        )
        .await?
        .ok_or(CatalogError::not_found(Thing::Version))?;
    let mut fields = row.fields();
    let version: VersionId = fields.named()?;
    let (from, to) = (fields.opt_named()?, fields.opt_named()?);
    let from = patch.effective_from.unwrap_or(from);
    let to = patch.effective_to.unwrap_or(to);
    check_period(from, to)?;
    tx.execute(
        "UPDATE versions SET effective_from = $1, effective_to = $2 WHERE id = $3",
        args![from, to, version],
    )
    .await?;
    Ok(())
}

/// Documents from rows of [`DOCUMENT`], with their versions and groups.
async fn complete(tx: &mut Tx, rows: &[Row]) -> Result<Vec<DocumentRecord>, CatalogError> {
    let mut records = rows
        .iter()
        .map(read_document)
        .collect::<Result<Vec<_>, _>>()?;
    if records.is_empty() {
        return Ok(records);
    }
    let ids: Vec<Arg<'_>> = records.iter().map(|record| Arg::from(record.id)).collect();
    let list = placeholders(1, ids.len());
    let version_rows = tx
        .rows(
            format!(
                "SELECT {VERSION} FROM versions WHERE document_id IN ({list}) ORDER BY number DESC"
            ),
            &ids,
        )
        .await?;
    let mut versions: HashMap<DocumentId, Vec<VersionRecord>> = HashMap::new();
    for row in &version_rows {
        let version = read_version(row)?;
        versions
            .entry(version.document_id)
            .or_default()
            .push(version);
    }
    let group_rows = tx
        .rows(
            format!(
                "SELECT document_id, name FROM document_groups WHERE document_id IN ({list}) \
                 ORDER BY name"
            ),
            &ids,
        )
        .await?;
    let mut groups: HashMap<DocumentId, Vec<String>> = HashMap::new();
    for row in &group_rows {
        let mut fields = row.fields();
        groups
            .entry(fields.named()?)
            .or_default()
            .push(fields.text()?);
    }
    for record in &mut records {
        record.versions = versions.remove(&record.id).unwrap_or_default();
        record.groups = groups.remove(&record.id).unwrap_or_default();
        if let Some(current) = record.current() {
            let (state, own) = (current.state, current.title.clone());
            let file_name = current.file_name.clone();
            if record.title.is_empty() {
                record.title = own.unwrap_or(file_name);
            }
            if record.deleted_at.is_none() {
                record.status = state;
            }
        }
    }
    Ok(records)
}

fn read_document(row: &Row) -> Result<DocumentRecord, CatalogError> {
    let mut fields = row.fields();
    Ok(DocumentRecord {
        id: fields.named()?,
        title: fields.opt_text()?.unwrap_or_default(),
        collection: fields.text()?,
        created_at: fields.named()?,
        updated_at: fields.named()?,
        deleted_at: fields.opt_named()?,
        groups: Vec::new(),
        status: VersionState::Deleted,
        versions: Vec::new(),
    })
}

fn read_version(row: &Row) -> Result<VersionRecord, CatalogError> {
    let mut fields = row.fields();
    Ok(VersionRecord {
        id: fields.named()?,
        document_id: fields.named()?,
        number: fields.small()?,
        state: fields.named()?,
        in_index: fields.flag()?,
        file_name: fields.text()?,
        sha256: sha256_from_hex(&fields.text()?)
            .ok_or(CatalogError::damaged("una suma SHA-256 no lo es"))?,
        byte_size: fields.count()?,
        media_type: fields.opt_text()?,
        title: fields.opt_text()?,
        language: fields.opt_named()?,
        page_count: fields.opt_small()?,
        passage_count: fields.count()?,
        warnings: decode_warnings(fields.opt_bytes()?.as_deref())?,
        effective_from: fields.opt_named()?,
        effective_to: fields.opt_named()?,
        created_at: fields.named()?,
        activated_at: fields.opt_named()?,
        superseded_at: fields.opt_named()?,
        rejection: match (fields.opt_text()?, fields.opt_text()?) {
            (None, None) => None,
            (code, message) => Some(Rejection {
                code: code.unwrap_or_default(),
                message: message.unwrap_or_default(),
            }),
        },
    })
}
