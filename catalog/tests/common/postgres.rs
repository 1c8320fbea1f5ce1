//! PostgreSQL's own binaries, started in a temporary folder for one test run.

use std::io::Write;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use catalog::{Catalog, CatalogConfig};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tempfile::TempDir;

use super::World;

/// A server of this test run; stopped when dropped.
pub struct Server {
    process: Child,
    folder: TempDir,
    user: Option<(u32, u32)>,
}

impl Server {
    /// Starts a server; `None`, said aloud, where PostgreSQL is not installed.
    pub async fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            let _ = writeln!(
                std::io::stderr(),
                "NOT RUN: PostgreSQL (no initdb and postgres on PATH or in /usr/lib/postgresql)"
            );
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        let user = unprivileged(folder.path());
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let data = folder.path().join("data");
        let initdb = |more: &[&str]| {
            let _ = std::fs::remove_dir_all(&data);
            let mut command = as_user(&binaries.join("initdb"), user);
            command
                .arg("-D")
                .arg(&data)
                .args(["-U", "sistole", "-A", "trust", "-E", "UTF8", "-N"]);
            command
                .args(more)
                .current_dir(folder.path())
                .output()
                .unwrap()
        };
        // A collation that is not that of the bytes, as hospitals have; where ICU is missing, any.
        let spanish = [
            "--locale=C.UTF-8",
            "--locale-provider=icu",
            "--icu-locale=es",
        ];
        if !initdb(&spanish).status.success() {
            let made = initdb(&["--locale=C"]);
            assert!(
                made.status.success(),
                "initdb: {}",
                String::from_utf8_lossy(&made.stderr)
            );
        }
        let process = as_user(&binaries.join("postgres"), user)
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(["-h", "", "-F"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let server = Self {
            process,
            folder,
            user,
        };
        let begun = Instant::now();
        loop {
            match PgConnection::connect(&server.url("postgres")).await {
                Ok(connection) => {
                    connection.close().await.unwrap();
                    return Some(server);
                }
                Err(fault) => assert!(
                    begun.elapsed() < Duration::from_secs(60),
                    "{fault}: {}",
                    std::fs::read_to_string(server.folder.path().join("log")).unwrap_or_default()
                ),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://sistole@localhost/{database}?host={}",
            self.folder.path().display()
        )
    }

    /// An empty database, and a catalogue in it.
    pub async fn world(&self, name: &str) -> World {
        let mut admin = PgConnection::connect(&self.url("postgres")).await.unwrap();
        let sql = AssertSqlSafe(format!("CREATE DATABASE \"{name}\""));
        sqlx::raw_sql(sql).execute(&mut admin).await.unwrap();
        admin.close().await.unwrap();
        let url = self.url(name);
        let catalog = Catalog::open(&CatalogConfig::new(&url)).await.unwrap();
        World {
            catalog,
            url,
            folder: None,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // SIGINT: end every connection and shut down.
        if let Some(id) = rustix::process::Pid::from_raw(self.process.id().cast_signed()) {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::INT);
        }
        let _ = self.process.wait();
        let _ = self.user;
    }
}

fn binaries() -> Option<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
    if let Ok(releases) = std::fs::read_dir("/usr/lib/postgresql") {
        folders.extend(releases.flatten().map(|release| release.path().join("bin")));
    }
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// Root may not run PostgreSQL: then another user does.
fn unprivileged(folder: &Path) -> Option<(u32, u32)> {
    if std::fs::metadata(folder).unwrap().uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    ["postgres:", "nobody:"].iter().find_map(|name| {
        let line = users.lines().find(|line| line.starts_with(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

fn as_user(program: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}
