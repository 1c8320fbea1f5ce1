//! SQLite: one file beside the blobs, opened so that nothing acknowledged is lost and nothing
//! damaged passes for new.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Row};

use super::{Db, Full, Tx, migrate};
use crate::Durability;
use crate::error::CatalogError;

/// «SIST»: the mark in the file's header that says whose it is (PRAGMA application_id).
const APPLICATION_ID: i64 = 0x5349_5354;

/// The first release without the WAL-reset fault, as SQLite counts.
const OLDEST: (u32, u32, u32) = (3, 51, 3);

/// Readers at once; a reading takes a millisecond or two.
const READERS: u32 = 4;

/// The file that a `sqlite:` address names.
pub(super) fn path_of(url: &str) -> Option<&Path> {
    let rest = url.strip_prefix("sqlite:")?;
    let path = rest.strip_prefix("//").unwrap_or(rest);
    (!path.is_empty()).then(|| Path::new(path))
}

/// Opens the catalogue at `path`.
pub(super) async fn open(
    path: &Path,
    create: bool,
    durability: Durability,
) -> Result<Db, CatalogError> {
    // SQLite would read meaning into names such as «:memory:» or «file:…».
    let path = &std::path::absolute(path).map_err(CatalogError::from_file)?;
    let wal = beside(path, "-wal");
    let log_left = fs::metadata(&wal).is_ok_and(|found| found.len() > 0);
    match fs::metadata(path) {
        Ok(_) => check_header(path, log_left)?,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => {
            if log_left {
                return Err(CatalogError::damaged(
                    "falta el fichero y queda su registro",
                ));
            }
            if !create {
                return Err(CatalogError::Missing);
            }
            make(path).await?;
        }
        Err(fault) => return Err(CatalogError::from_file(fault)),
    }

    let synchronous = match durability {
        Durability::Full => SqliteSynchronous::Full,
        Durability::Scratch => SqliteSynchronous::Off,
    };
    let options = base(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous);
    let writer = pool(1, Duration::from_secs(30))
        .connect_with(options.clone())
        .await?;
    assert_version(&writer).await?;
    assert_ours(&writer).await?;
    if log_left {
        // The last process did not close it: look it over before trusting it.
        quick_check(&writer).await?;
    }
    let mut tx = Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?, Full::default());
    migrate::migrate(&mut tx).await?;
    tx.commit().await?;

    let readers = pool(READERS, Duration::from_secs(10))
        .connect_with(options.pragma("query_only", "ON"))
        .await?;
    Ok(Db::Sqlite {
        writer,
        readers,
        full: Full::default(),
    })
}

/// Copies the log into the file and cuts it to nothing, as far as readers and the disk allow.
pub(super) async fn cut_log(writer: &SqlitePool) -> Result<(), CatalogError> {
    match sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(writer)
        .await
        .map_err(Into::into)
    {
        // Still full: the transaction that follows says so better.
        Ok(_) | Err(CatalogError::NoSpace { .. } | CatalogError::Busy { .. }) => Ok(()),
        Err(fault) => Err(fault),
    }
}

fn pool(connections: u32, patience: Duration) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(patience)
        .idle_timeout(None)
        .max_lifetime(None)
        // On a full disk SQLite rolls back by itself; sqlx 0.9 then fails to, believes the
        // transaction open for ever, and would refuse every later one on this connection.
        .before_acquire(|connection, _| {
            let clean = !connection.is_in_transaction();
            Box::pin(async move { Ok(clean) })
        })
}

fn base(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("trusted_schema", "OFF")
        // A big ingestion makes a big log; this gives the space back at the next checkpoint.
        .pragma("journal_size_limit", "67108864")
        // 8 MiB for each connection, of which there are five.
        .pragma("cache_size", "-8192")
        .disable_statement_logging()
}

/// Makes an empty catalogue under another name and moves it into place whole, so that a file
/// with the catalogue's name is a catalogue, or was one before it was damaged.
async fn make(path: &Path) -> Result<(), CatalogError> {
    let fresh = beside(path, ".new");
    for leftover in [fresh.clone(), beside(&fresh, "-journal")] {
        match fs::remove_file(&leftover) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => {
                return Err(CatalogError::from_file(fault));
            }
            _ => {}
        }
    }
    // Asked of the file system first: it says more exactly than SQLite why it cannot be.
    // The log and its index take over its mode: documents are for the service's user alone.
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh);
    drop(made.map_err(CatalogError::from_file)?);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        // A passage with its boxes takes two to four kilobytes: larger pages pack them better.
        .connect_with(
            base(&fresh)
                .page_size(8192)
                .pragma("application_id", APPLICATION_ID.to_string()),
        )
        .await?;
    let mut tx = Tx::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?, Full::default());
    migrate::migrate(&mut tx).await?;
    tx.commit().await?;
    pool.close().await;
    let placed = File::open(&fresh)
        .and_then(|file| file.sync_all())
        .and_then(|()| fs::rename(&fresh, path))
        .and_then(|()| sync_folder(path));
    placed.map_err(CatalogError::from_file)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

/// Reads the header (<https://www.sqlite.org/fileformat.html> §1.3): SQLite itself would take an
/// empty file for a new database, and notice a missing tail only when it needs it.
fn check_header(path: &Path, log_left: bool) -> Result<(), CatalogError> {
    let mut file = File::open(path).map_err(CatalogError::from_file)?;
    let length = file.metadata().map_err(CatalogError::from_file)?.len();
    let mut header = [0_u8; 100];
    match file.read_exact(&mut header) {
        Ok(()) => {}
        Err(fault) if fault.kind() == io::ErrorKind::UnexpectedEof => {
            return Err(CatalogError::damaged("está vacío o cortado"));
        }
        Err(fault) => return Err(CatalogError::from_file(fault)),
    }
    if !header.starts_with(b"SQLite format 3\0") {
        return Err(CatalogError::damaged("no es una base de datos SQLite"));
    }
    let page_size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => u64::from(size),
    };
    let pages = u32::from_be_bytes([header[28], header[29], header[30], header[31]]);
    // With a log left over the missing pages may stand in it.
    if !log_left && length < page_size * u64::from(pages) {
        return Err(CatalogError::damaged("le falta una parte"));
    }
    Ok(())
}

async fn assert_version(pool: &SqlitePool) -> Result<(), CatalogError> {
    let found: String = sqlx::query("SELECT sqlite_version()")
        .fetch_one(pool)
        .await?
        .try_get(0)?;
    let mut parts = found.split('.').map(|part| part.parse().unwrap_or(0));
    let mut part = || parts.next().unwrap_or(0);
    if (part(), part(), part()) < OLDEST {
        return Err(CatalogError::OldSqlite { found });
    }
    Ok(())
}

async fn assert_ours(pool: &SqlitePool) -> Result<(), CatalogError> {
    let found: i64 = sqlx::query("PRAGMA application_id")
        .fetch_one(pool)
        .await?
        .try_get(0)?;
    if found != APPLICATION_ID {
        return Err(CatalogError::damaged("es de otro programa"));
    }
    Ok(())
}

async fn quick_check(pool: &SqlitePool) -> Result<(), CatalogError> {
    let verdict: String = sqlx::query("PRAGMA quick_check(1)")
        .fetch_one(pool)
        .await?
        .try_get(0)?;
    if verdict != "ok" {
        return Err(CatalogError::Damaged {
            detail: "la comprobación tras un cierre brusco no cuadra",
            source: Some(verdict.into()),
        });
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    async fn pragma(pool: &SqlitePool, name: &str) -> String {
        let sql = sqlx::AssertSqlSafe(format!("PRAGMA {name}"));
        let row = sqlx::query(sql).fetch_one(pool).await.unwrap();
        row.try_get::<i64, _>(0)
            .map(|number| number.to_string())
            .or_else(|_| row.try_get::<String, _>(0))
            .unwrap()
    }

    #[tokio::test]
    async fn every_connection_has_the_settings_that_keep_what_was_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("catalog ñ?#%.sqlite");
        let Db::Sqlite {
            writer, readers, ..
        } = open(&path, true, Durability::Full).await.unwrap()
        else {
            panic!("not SQLite");
        };
        for (pool, query_only) in [(&writer, "0"), (&readers, "1")] {
            for (name, value) in [
                ("journal_mode", "wal"),
                ("synchronous", "2"),
                ("foreign_keys", "1"),
                ("trusted_schema", "0"),
                ("busy_timeout", "5000"),
                ("query_only", query_only),
            ] {
                assert_eq!(pragma(pool, name).await, value, "{name}");
            }
        }
        assert_eq!(writer.options().get_max_connections(), 1);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "others may read it: {mode:o}");
    }
}
