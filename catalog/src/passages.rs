//! Passages in and out of the catalogue.

use domain::{DocumentId, Passage, VersionId};

use crate::db::{Arg, Fields, Sql, Tx, args};
use crate::error::{CatalogError, Thing};
use crate::{Catalog, layout};

/// Rows per INSERT: well below SQLite's 32,766 and PostgreSQL's 65,535 values.
const ROWS: usize = 250;

/// Values per row.
const COLUMNS: usize = 6;

/// Passages read at once for a rebuild.
const BATCH: u32 = 500;

/// The columns of `passages p` that [`read`] takes.
pub(crate) const SELECTED: &str = "p.id, p.version_id, p.ordinal, p.language, p.text, p.layout";

/// A passage ready to store.
pub(crate) struct StoredPassage<'a> {
    passage: &'a Passage,
    layout: Vec<u8>,
}

/// Prepares passages of `version` for [`insert`].
pub(crate) fn stored(
    version: VersionId,
    passages: &[Passage],
) -> Result<Vec<StoredPassage<'_>>, CatalogError> {
    passages
        .iter()
        .map(|passage| {
            if passage.version_id != version {
                return Err(CatalogError::Invalid {
                    reason: "un pasaje es de otra versión",
                });
            }
            if passage.text.contains('\0') {
                return Err(CatalogError::Invalid {
                    reason: "un pasaje tiene caracteres nulos",
                });
            }
            let Passage {
                text,
                section,
                segments,
                spans,
                ..
            } = passage;
            Ok(StoredPassage {
                passage,
                layout: layout::encode(text, section, segments, spans)?,
            })
        })
        .collect()
}

/// Stores passages, some hundreds with each statement.
pub(crate) async fn insert(
    tx: &mut Tx,
    passages: &[StoredPassage<'_>],
) -> Result<(), CatalogError> {
    for rows in passages.chunks(ROWS) {
        let mut values = Vec::with_capacity(rows.len() * COLUMNS);
        for StoredPassage { passage, layout } in rows {
            values.push(Arg::from(passage.id));
            values.push(Arg::from(passage.version_id));
            values.push(Arg::from(passage.ordinal));
            values.push(Arg::from(passage.language.code()));
            values.push(Arg::from(&passage.text));
            values.push(Arg::Bytes(Some(layout.into())));
        }
        tx.execute(insertion(rows.len()), &values).await?;
    }
    Ok(())
}

fn insertion(rows: usize) -> Sql {
    let mut sql = String::from(
        "INSERT INTO passages (id, version_id, ordinal, language, text, layout) VALUES ",
    );
    for row in 0..rows {
        if row > 0 {
            sql.push(',');
        }
        sql.push('(');
        sql.push_str(&crate::db::placeholders(row * COLUMNS + 1, COLUMNS));
        sql.push(')');
    }
    sql.into()
}

/// Reads a passage of a document from the columns [`SELECTED`].
pub(crate) fn read(
    fields: &mut Fields<'_>,
    document_id: DocumentId,
) -> Result<Passage, CatalogError> {
    let id = fields.named()?;
    let version_id = fields.named()?;
    let ordinal = fields.small()?;
    let language = fields.named()?;
    let text = fields.text()?;
    let layout = layout::decode(&text, &fields.bytes()?)?;
    Ok(Passage {
        id,
        document_id,
        version_id,
        ordinal,
        section: layout.section,
        text,
        language,
        segments: layout.segments,
        spans: layout.spans,
    })
}

impl Catalog {
    /// All passages of a version, in order.
    ///
    /// # Errors
    /// [`CatalogError::NotFound`]; [`CatalogError::Damaged`] when one cannot be read.
    pub async fn version_passages(&self, id: VersionId) -> Result<Vec<Passage>, CatalogError> {
        let mut pages = self.passage_pages(id);
        let mut all = Vec::new();
        while let Some(passages) = pages.next().await? {
            all.extend(passages);
        }
        if all.is_empty() {
            let known = self
                .db
                .row("SELECT id FROM versions WHERE id = $1", args![id])
                .await?
                .is_some();
            if !known {
                return Err(CatalogError::not_found(Thing::Version));
            }
        }
        Ok(all)
    }

    /// The passages of a version, some hundreds at a time: for a rebuild that must not hold all.
    #[must_use]
    pub fn passage_pages(&self, id: VersionId) -> PassagePages {
        PassagePages {
            catalog: self.clone(),
            version_id: id,
            next: Some(0),
        }
    }
}

/// Passages of one version in order, page after page.
#[derive(Debug, Clone)]
pub struct PassagePages {
    catalog: Catalog,
    version_id: VersionId,
    /// The ordinal from which to read on.
    next: Option<u32>,
}

impl PassagePages {
    /// The next page; `None` after the last.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`] when a passage cannot be read.
    pub async fn next(&mut self) -> Result<Option<Vec<Passage>>, CatalogError> {
        let Some(from) = self.next else {
            return Ok(None);
        };
        let rows = self
            .catalog
            .db
            .rows(
                format!(
                    "SELECT v.document_id, {SELECTED} FROM passages p JOIN versions v ON v.id = p.version_id \
                     WHERE p.version_id = $1 AND p.ordinal >= $2 ORDER BY p.ordinal LIMIT $3"
                ),
                args![self.version_id, from, BATCH],
            )
            .await?;
        let passages = rows
            .iter()
            .map(|row| {
                let mut fields = row.fields();
                let document_id = fields.named()?;
                read(&mut fields, document_id)
            })
            .collect::<Result<Vec<_>, CatalogError>>()?;
        self.next = match passages.last() {
            Some(last) if passages.len() == BATCH as usize => last.ordinal.checked_add(1),
            _ => None,
        };
        Ok((!passages.is_empty()).then_some(passages))
    }
}
