//! How much there is, and whether it is sound.

use crate::db::{Db, args};
use crate::error::CatalogError;
use crate::{Catalog, IntegrityReport, Stats};

impl Catalog {
    /// Asks the database for nothing: whether it answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), CatalogError> {
        self.db
            .rows("SELECT version FROM schema_version WHERE version = 0", &[])
            .await?;
        Ok(())
    }

    /// How much there is of everything, in one reading.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stats(&self) -> Result<Stats, CatalogError> {
        let mut tx = self.db.read().await?;
        let mut stats = Stats::default();
        let versions = tx
            .rows(
                "SELECT state, COUNT(*), CAST(SUM(passage_count) AS BIGINT), \
                     CAST(SUM(byte_size) AS BIGINT) \
                 FROM versions GROUP BY state ORDER BY state",
                &[],
            )
            .await?;
        for row in &versions {
            let mut fields = row.fields();
            let state = fields.named()?;
            stats.versions.push((state, fields.count()?));
            let passages = fields.count()?;
            if state == crate::VersionState::Active {
                stats.active_passages = passages;
            }
            if state != crate::VersionState::Deleted {
                stats.file_bytes += fields.count()?;
            }
        }
        for (sql, count) in [
            (
                "SELECT COUNT(*) FROM documents WHERE deleted_at IS NULL",
                &mut stats.documents,
            ),
            (
                "SELECT COUNT(*) FROM jobs WHERE state IN ('queued', 'running')",
                &mut stats.open_jobs,
            ),
            ("SELECT COUNT(*) FROM feedback", &mut stats.feedback),
        ] {
            if let Some(row) = tx.row(sql, &[]).await? {
                *count = row.fields().count()?;
            }
        }
        tx.commit().await?;
        Ok(stats)
    }

    /// Looks over the whole catalogue: the database's own check, then that counts agree and every
    /// passage can be read. Reads everything; minutes on a large catalogue.
    ///
    /// # Errors
    /// When the database cannot be asked at all.
    pub async fn integrity(&self) -> Result<IntegrityReport, CatalogError> {
        let mut report = IntegrityReport::default();
        if matches!(*self.db, Db::Sqlite { .. }) {
            for row in self.db.rows("PRAGMA integrity_check(20)", &[]).await? {
                let verdict = row.fields().text()?;
                if verdict != "ok" {
                    report.problems.push(format!("SQLite: {verdict}"));
                }
            }
            let dangling = self.db.rows("PRAGMA foreign_key_check", &[]).await?;
            if !dangling.is_empty() {
                report
                    .problems
                    .push(format!("{} filas sin su referencia", dangling.len()));
            }
        }
        let miscounted = self
            .db
            .rows(
                "SELECT v.id FROM versions v WHERE v.state NOT IN ('received', 'rejected') \
                     AND v.passage_count <> \
                     (SELECT COUNT(*) FROM passages p WHERE p.version_id = v.id)",
                &[],
            )
            .await?;
        for row in &miscounted {
            let id = row.fields().text()?;
            report
                .problems
                .push(format!("a la versión {id} le faltan o le sobran pasajes"));
        }
        let unmarked = self
            .db
            .rows(
                "SELECT id FROM versions WHERE state IN ('indexed', 'active') AND in_index = $1",
                args![false],
            )
            .await?;
        for row in &unmarked {
            let id = row.fields().text()?;
            report
                .problems
                .push(format!("la versión {id} no consta en el índice"));
        }
        for expected in self.expected_points().await? {
            let mut pages = self.passage_pages(expected.version_id);
            loop {
                match pages.next().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(CatalogError::Damaged { detail, .. }) => {
                        report
                            .problems
                            .push(format!("versión {}: {detail}", expected.version_id));
                        break;
                    }
                    Err(fault) => return Err(fault),
                }
            }
        }
        Ok(report)
    }
}
