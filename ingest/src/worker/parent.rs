//! The parent's side: starts the child, feeds it, waits no longer than allowed, reads no more
//! than allowed.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::{Reply, Request};
use crate::{ExtractError, ExtractLimits, Extracted, WorkerLimits};

/// How much of what the child complains of is looked at.
const MAX_COMPLAINT: u64 = 4 * 1024;

/// Starts a process for each file.
#[derive(Debug, Clone)]
pub struct ParseWorker {
    program: PathBuf,
    args: Vec<OsString>,
    limits: WorkerLimits,
}

impl ParseWorker {
    /// A worker that runs `program` with `args`, which must call [`crate::worker_main`].
    #[must_use]
    pub fn new(program: PathBuf, args: Vec<OsString>, limits: WorkerLimits) -> Self {
        Self {
            program,
            args,
            limits,
        }
    }

    /// Reads the file at `path`, which its owner calls `file_name`. Dropping the future ends the
    /// child.
    ///
    /// # Errors
    /// Why the file cannot be read; see [`ExtractError`].
    pub async fn extract(
        &self,
        path: &Path,
        file_name: &str,
        limits: &ExtractLimits,
    ) -> Result<Extracted, ExtractError> {
        let file = tokio::fs::File::open(path)
            .await
            .map_err(ExtractError::Io)?;
        let size = file.metadata().await.map_err(ExtractError::Io)?.len();
        if size > limits.max_file_bytes {
            return Err(ExtractError::file_too_large(limits.max_file_bytes));
        }
        let request = Request {
            file_name: file_name
                .chars()
                .rev()
                .take(255)
                .collect::<Vec<_>>()
                .iter()
                .rev()
                .collect(),
            limits: limits.clone(),
            worker: self.limits.clone(),
        };
        let request = postcard::to_stdvec(&request)
            .map_err(|error| ExtractError::Io(io::Error::other(error)))?;
        let mut group = Group::start(&self.program, &self.args)?;
        let wall = Duration::from_secs(self.limits.wall_seconds);
        match tokio::time::timeout(wall, self.talk(&mut group.child, &request, file)).await {
            Ok(result) => result,
            Err(_) => Err(ExtractError::Timeout),
        }
    }

    async fn talk(
        &self,
        child: &mut Child,
        request: &[u8],
        mut file: tokio::fs::File,
    ) -> Result<Extracted, ExtractError> {
        let missing = || ExtractError::Io(io::ErrorKind::BrokenPipe.into());
        let mut input = child.stdin.take().ok_or_else(missing)?;
        let output = child.stdout.take().ok_or_else(missing)?;
        let complaint = child.stderr.take().ok_or_else(missing)?;
        let feed = async move {
            // A child that died early does not read to the end; how it died tells more.
            let _ = input.write_all(&(request.len() as u32).to_le_bytes()).await;
            let _ = input.write_all(request).await;
            let _ = tokio::io::copy(&mut file, &mut input).await;
            Ok(())
        };
        let limit = self.limits.output_bytes.saturating_add(8);
        let read = async move {
            let mut answer = Vec::new();
            let mut output = output.take(limit.saturating_add(1));
            output
                .read_to_end(&mut answer)
                .await
                .map_err(ExtractError::Io)?;
            if answer.len() as u64 > limit {
                return Err(ExtractError::OutputTooLarge);
            }
            Ok(answer)
        };
        let listen = async move {
            let mut said = Vec::new();
            let read = complaint.take(MAX_COMPLAINT).read_to_end(&mut said).await;
            read.map_err(ExtractError::Io).map(|_| said)
        };
        let ((), answer, said) = tokio::try_join!(feed, read, listen)?;
        let status = child.wait().await.map_err(ExtractError::Io)?;
        if !status.success() {
            return Err(cause(status, &said));
        }
        validated(&answer)
    }
}

/// What a death means.
fn cause(status: ExitStatus, said: &[u8]) -> ExtractError {
    const XCPU: i32 = 24;
    let out_of_memory = said
        .windows(17)
        .any(|window| window == b"memory allocation");
    match status.signal() {
        _ if out_of_memory => ExtractError::OutOfMemory,
        Some(XCPU) => ExtractError::Timeout,
        signal => ExtractError::ParserCrash { signal },
    }
}

fn validated(answer: &[u8]) -> Result<Extracted, ExtractError> {
    let nonsense = || ExtractError::Io(io::ErrorKind::InvalidData.into());
    let (length, reply) = answer.split_first_chunk::<8>().ok_or_else(nonsense)?;
    if u64::from_le_bytes(*length) != reply.len() as u64 {
        return Err(nonsense());
    }
    let reply: Reply =
        postcard::from_bytes(reply).map_err(|error| ExtractError::Io(io::Error::other(error)))?;
    let extracted = reply?;
    if extracted.is_sound() {
        Ok(extracted)
    } else {
        Err(nonsense())
    }
}

/// A child that leads a process group of its own, all of which ends with it.
struct Group {
    child: Child,
    leader: Option<Pid>,
}

impl Group {
    fn start(program: &Path, args: &[OsString]) -> Result<Self, ExtractError> {
        let child = Command::new(program)
            .args(args)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(ExtractError::Io)?;
        let leader = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        Ok(Self { child, leader })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Once the child was waited for, its number may be another's.
        if let (Some(leader), Ok(None)) = (self.leader, self.child.try_wait()) {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}
