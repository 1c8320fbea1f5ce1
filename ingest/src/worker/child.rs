//! The child's side: limits first, then the file, then the answer.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, Signal, setrlimit};

use super::{MAX_REQUEST, Reply, Request};
use crate::{ExtractError, WorkerLimits, extract};

/// Stack of the thread that parses: parsers go down nested structures by recursion.
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// Open files that a parser may need: none but its standard streams and a few of the runtime.
const OPEN_FILES: u64 = 32;

/// What the hidden command `parse-worker` does: reads one request and one file from standard
/// input, answers on standard output, and ends.
#[must_use]
pub fn worker_main() -> ExitCode {
    // A panic's message could hold words of the document.
    std::panic::set_hook(Box::new(|_| {}));
    match serve(&mut io::stdin().lock(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(input: &mut impl Read, output: &mut impl Write) -> io::Result<()> {
    let request = read_request(input)?;
    confine(&request.worker)?;
    let reply = match parsed(request, input) {
        Err(error) if error.kind() == io::ErrorKind::OutOfMemory => Err(ExtractError::OutOfMemory),
        other => other?,
    };
    let reply = postcard::to_stdvec(&reply).map_err(io::Error::other)?;
    output.write_all(&(reply.len() as u64).to_le_bytes())?;
    output.write_all(&reply)?;
    output.flush()
}

fn parsed(request: Request, input: &mut impl Read) -> io::Result<Reply> {
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to know.
    input
        .take(request.limits.max_file_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    let parse = move || extract(&request.file_name, &bytes, &request.limits);
    // What hinders a thread here is the limit of address space.
    let thread = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(parse)
        .map_err(|_| io::ErrorKind::OutOfMemory)?;
    Ok(thread
        .join()
        .unwrap_or(Err(ExtractError::ParserCrash { signal: None })))
}

fn read_request(input: &mut impl Read) -> io::Result<Request> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_REQUEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut request = vec![0; length];
    input.read_exact(&mut request)?;
    postcard::from_bytes(&request).map_err(io::Error::other)
}

/// Takes away what a parser does not need. What cannot be taken away is no reason to go on.
fn confine(limits: &WorkerLimits) -> io::Result<()> {
    let set = |resource, most| -> io::Result<()> {
        Ok(setrlimit(
            resource,
            Rlimit {
                current: Some(most),
                maximum: Some(most),
            },
        )?)
    };
    set(Resource::As, limits.address_space_bytes)?;
    // The first limit warns by a signal of its own, which tells the parent why; the second kills.
    let cpu = limits.cpu_seconds;
    setrlimit(
        Resource::Cpu,
        Rlimit {
            current: Some(cpu),
            maximum: Some(cpu.saturating_add(2)),
        },
    )?;
    // A core file would hold the document.
    set(Resource::Core, 0)?;
    set(Resource::Fsize, 0)?;
    set(Resource::Nofile, OPEN_FILES)?;
    #[cfg(target_os = "linux")]
    {
        rustix::thread::set_no_new_privs(true)?;
        // Nobody waits for the answer of a child whose parent is gone.
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    }
    Ok(())
}
