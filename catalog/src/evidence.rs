//! From ranked identifiers to the passages that may answer, in one reading of the catalogue.

use std::collections::HashMap;

use domain::{Evidence, EvidencePassage, PassageId, Ranked, Scope, Source, VersionId};
use jiff::civil::Date;

use crate::db::{Arg, Row, args, placeholders};
use crate::error::CatalogError;
use crate::{Catalog, passages};

/// Sizes of the IN list: a few statements to prepare, whatever the number of passages.
const SIZES: [usize; 6] = [8, 32, 64, 128, 256, 1024];

impl Catalog {
    /// The versions that have points in the index and must not answer on the day `on`: not
    /// active, or not in force. For [`Scope::hidden_versions`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hidden_versions(&self, on: Date) -> Result<Vec<VersionId>, CatalogError> {
        // Three questions that an index answers each, instead of a look at every version.
        let rows = self
            .db
            .rows(
                "SELECT id FROM versions WHERE in_index = 1 AND state IN ('received', 'parsed', \
                     'indexed', 'rejected', 'superseded', 'retired', 'deleted') \
                 UNION SELECT id FROM versions \
                     WHERE in_index = 1 AND effective_from IS NOT NULL AND effective_from > $1 \
                 UNION SELECT id FROM versions \
                     WHERE in_index = 1 AND effective_to IS NOT NULL AND effective_to < $1",
                args![on],
            )
            .await?;
        rows.iter().map(|row| row.fields().named()).collect()
    }

    /// The passages of `ranked` that may answer on the day `on` within `scope`, in the same order
    /// and ranked anew from 1. All are read in one moment: what was superseded, retired or deleted
    /// before it is left out, whatever the index says.
    ///
    /// # Errors
    /// [`CatalogError::Damaged`] when a passage cannot be read.
    pub async fn evidence(
        &self,
        ranked: &[Ranked],
        scope: &Scope,
        on: Date,
    ) -> Result<Evidence, CatalogError> {
        if ranked.is_empty() {
            return Ok(Evidence::default());
        }
        let mut found: HashMap<PassageId, EvidencePassage> = HashMap::with_capacity(ranked.len());
        let mut tx = self.db.read().await?;
        for wanted in ranked.chunks(SIZES[SIZES.len() - 1]) {
            let (sql, values) = wanted_passages(wanted);
            let rows = tx.rows(sql, &values).await?;
            let mut versions = Vec::new();
            for row in &rows {
                versions.push(row.fields().named()?);
            }
            versions.sort_unstable();
            versions.dedup();
            let (sql, values) = visible_versions(&versions, scope, on);
            let mut sources: HashMap<VersionId, Source> = HashMap::with_capacity(versions.len());
            for row in tx.rows(sql, &values).await? {
                let source = read_source(&row)?;
                sources.insert(source.version_id, source);
            }
            for row in &rows {
                let mut fields = row.fields();
                if let Some(source) = sources.get(&fields.named()?) {
                    let passage = passages::read(&mut fields, source.document_id)?;
                    let source = source.clone();
                    let id = passage.id;
                    found.insert(
                        id,
                        EvidencePassage {
                            rank: 0,
                            score: 0.0,
                            passage,
                            source,
                        },
                    );
                }
            }
        }
        tx.commit().await?;
        let mut kept = Vec::with_capacity(found.len());
        for one in ranked {
            if let Some(mut offered) = found.remove(&one.passage_id) {
                offered.rank = u32::try_from(kept.len() + 1).unwrap_or(u32::MAX);
                offered.score = one.score;
                kept.push(offered);
            }
        }
        Ok(Evidence { passages: kept })
    }
}

/// One table and one index, so that neither planner can begin anywhere else; who may see them is
/// the second question of the same reading.
fn wanted_passages(ranked: &[Ranked]) -> (String, Vec<Arg<'static>>) {
    let mut values: Vec<Arg<'static>> =
        ranked.iter().map(|one| Arg::from(one.passage_id)).collect();
    let list = padded(&mut values, ranked.len());
    let selected = passages::SELECTED;
    (
        format!("SELECT p.version_id, {selected} FROM passages p WHERE p.id IN ({list})"),
        values,
    )
}

/// The versions among `ids` that may answer on the day, with what a citation says of them.
fn visible_versions<'a>(ids: &[VersionId], scope: &'a Scope, on: Date) -> (String, Vec<Arg<'a>>) {
    let mut values = vec![Arg::from(on), Arg::from(scope.collection.as_deref())];
    let (groups, group_values) = groups_clause(scope.groups.as_deref(), values.len() + 1);
    values.extend(group_values);
    values.extend(ids.iter().map(|id| Arg::from(*id)));
    let list = padded(&mut values, ids.len());
    // The empty text beside `state` keeps SQLite from the index over states, which would read
    // every active version.
    let sql = format!(
        "SELECT v.document_id, v.id, v.number, COALESCE(d.title, v.title, v.file_name), \
             v.file_name, d.collection, v.effective_from, v.effective_to \
         FROM versions v JOIN documents d ON d.id = v.document_id \
         WHERE v.state || '' = 'active' AND d.deleted_at IS NULL \
             AND (v.effective_from IS NULL OR v.effective_from <= $1) \
             AND (v.effective_to IS NULL OR v.effective_to >= $1) \
             AND ($2 IS NULL OR d.collection = $2) {groups} AND v.id IN ({list})"
    );
    (sql, values)
}

/// The IN list of the last `count` values, filled up with NULL, which equals nothing, to one of
/// a few [`SIZES`].
fn padded(values: &mut Vec<Arg<'_>>, count: usize) -> String {
    let size = SIZES
        .into_iter()
        .find(|size| *size >= count)
        .unwrap_or(count);
    let first = values.len() - count + 1;
    values.resize(values.len() + size - count, Arg::Text(None));
    placeholders(first, size)
}

/// The condition that a document `d` is open to everyone or to one of `groups`, with its values;
/// nothing where there is no restriction.
pub(crate) fn groups_clause(groups: Option<&[String]>, first: usize) -> (String, Vec<Arg<'_>>) {
    const OPEN: &str = "NOT EXISTS (SELECT 1 FROM document_groups g WHERE g.document_id = d.id)";
    match groups {
        None => (String::new(), Vec::new()),
        Some([]) => (format!("AND {OPEN}"), Vec::new()),
        Some(groups) => (
            format!(
                "AND ({OPEN} OR EXISTS (SELECT 1 FROM document_groups g \
                     WHERE g.document_id = d.id AND g.name IN ({list})))",
                list = placeholders(first, groups.len()),
            ),
            groups.iter().map(Arg::from).collect(),
        ),
    }
}

fn read_source(row: &Row) -> Result<Source, CatalogError> {
    let mut fields = row.fields();
    Ok(Source {
        document_id: fields.named()?,
        version_id: fields.named()?,
        version: fields.small()?,
        title: fields.text()?,
        file_name: fields.text()?,
        collection: fields.text()?,
        effective_from: fields.opt_named()?,
        effective_to: fields.opt_named()?,
    })
}

#[cfg(test)]
mod tests {
    use domain::VersionId;
    use jiff::civil::date;

    use super::*;
    use crate::CatalogConfig;

    #[tokio::test]
    async fn sqlite_begins_with_the_identifiers() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("catalog.sqlite").display());
        let catalog = Catalog::open(&CatalogConfig::new(url)).await.unwrap();
        let scope = Scope {
            groups: Some(vec!["uci".into()]),
            ..Scope::default()
        };
        for count in [1, 50, 1000] {
            let version = VersionId::generate();
            let ranked: Vec<Ranked> = (0..count)
                .map(|ordinal| Ranked {
                    passage_id: PassageId::of(version, ordinal, ""),
                    score: 0.0,
                })
                .collect();
            let versions: Vec<VersionId> = (0..count).map(|_| VersionId::generate()).collect();
            for ((sql, values), begins) in [
                (wanted_passages(&ranked), "SEARCH p"),
                (
                    visible_versions(&versions, &scope, date(2026, 11, 23)),
                    "SEARCH v",
                ),
            ] {
                let sql = format!("EXPLAIN QUERY PLAN {sql}");
                let plan = catalog.db.rows(sql, &values).await.unwrap();
                let mut first = plan[0].fields();
                let _numbers = (
                    first.int().unwrap(),
                    first.int().unwrap(),
                    first.int().unwrap(),
                );
                let step = first.text().unwrap();
                assert!(
                    step.starts_with(begins) && step.ends_with("(id=?)"),
                    "{step}"
                );
            }
        }
    }
}
