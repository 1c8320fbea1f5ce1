//! The folder of the index: generations side by side, which of them is the live one, and whether
//! it was closed well.
//!
//! ```text
//! index/lock             held while a process has the index
//! index/current          the name of the live generation
//! index/gen-000001/      one generation
//!   format               what its vectors were made with
//!   state                «clean» and a list of its files with sizes and checksums, or «open» and
//!                        the boot of the machine it was opened in
//!   shard/               Qdrant's files
//! ```

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const CURRENT: &str = "current";
const FORMAT: &str = "format";
const STATE: &str = "state";
const SHARD: &str = "shard";
const PREFIX: &str = "gen-";

/// Whether a generation can be trusted as it lies on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Closed, and every file is as it was then.
    Clean,
    /// Left open by a process that ended, on a machine that runs on: what it wrote is there.
    Open,
    /// Not to be trusted, for this reason.
    Broken(&'static str),
}

/// The folder of generation `number`.
pub(super) fn generation(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{number:06}"))
}

/// Qdrant's folder in that of a generation.
pub(super) fn shard(generation: &Path) -> PathBuf {
    generation.join(SHARD)
}

/// The number of the live generation; `None` where none is named.
pub(super) fn current(dir: &Path) -> io::Result<Option<u64>> {
    match fs::read_to_string(dir.join(CURRENT)) {
        Ok(name) => Ok(name
            .trim()
            .strip_prefix(PREFIX)
            .and_then(|number| number.parse().ok())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes generation `number` the live one: from here on it, and no other, is opened.
pub(super) fn set_current(dir: &Path, number: u64) -> io::Result<()> {
    replace(
        &dir.join(CURRENT),
        format!("{PREFIX}{number:06}\n").as_bytes(),
    )
}

/// The numbers of all generations there are, ascending.
pub(super) fn generations(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        numbers.extend(number.and_then(|number| number.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Removes every generation but `kept`. What cannot be removed now will be next time.
pub(super) fn remove_others(dir: &Path, kept: u64) {
    for number in generations(dir).unwrap_or_default() {
        if number != kept {
            remove(&generation(dir, number));
        }
    }
}

/// Removes a generation's folder.
pub(super) fn remove(generation: &Path) {
    if let Err(error) = fs::remove_dir_all(generation)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "an old generation of the index could not be removed");
    }
}

/// Makes the folder of a new generation, marked open.
pub(super) fn create(generation: &Path, format: &str) -> io::Result<()> {
    fs::create_dir_all(shard(generation))?;
    replace(&generation.join(FORMAT), format.as_bytes())?;
    mark_open(generation)
}

/// What the generation's vectors were made with.
pub(super) fn format(generation: &Path) -> io::Result<String> {
    fs::read_to_string(generation.join(FORMAT))
}

/// From here on the files may differ from any list of them.
pub(super) fn mark_open(generation: &Path) -> io::Result<()> {
    replace(
        &generation.join(STATE),
        format!("open {}\n", boot()).as_bytes(),
    )
}

/// Nobody writes to the files from here on: lists them as they are.
pub(super) fn mark_clean(generation: &Path) -> io::Result<()> {
    let list = manifest(generation)?;
    replace(&generation.join(STATE), format!("clean\n{list}").as_bytes())
}

/// Whether the generation can be trusted.
pub(super) fn state(generation: &Path) -> State {
    let Ok(state) = fs::read_to_string(generation.join(STATE)) else {
        return State::Broken("falta su estado");
    };
    match state.split_once('\n') {
        Some(("clean", list)) => match manifest(generation) {
            Ok(now) if now == list => State::Clean,
            Ok(_) => State::Broken("sus ficheros no son los que se guardaron"),
            Err(_) => State::Broken("sus ficheros no se pueden leer"),
        },
        // After a power cut, pages that were never put on disk are gone and nothing says which.
        Some((open, _)) if open.strip_prefix("open ") == Some(boot().as_str()) => State::Open,
        Some((open, _)) if open.starts_with("open ") => {
            State::Broken("el equipo se apagó sin cerrarlo")
        }
        _ => State::Broken("su estado no se entiende"),
    }
}

/// Puts all files of a generation on disk, whatever Qdrant has done about it.
pub(super) fn sync(generation: &Path) -> io::Result<()> {
    for path in walk(generation)? {
        File::open(path)?.sync_all()?;
    }
    File::open(generation)?.sync_all()
}

/// Bytes that the files of a folder take on disk: a file with holes takes less than its length.
pub(super) fn allocated(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else {
        return 0;
    };
    let blocks = entries.flatten().filter_map(|entry| entry.metadata().ok());
    blocks.map(|file| file.blocks() * 512).sum()
}

/// One line for each file: checksum, size, path.
fn manifest(generation: &Path) -> io::Result<String> {
    let mut list = String::new();
    for path in walk(&shard(generation))? {
        if path.is_file() {
            let (checksum, size) = checksum(&path)?;
            let name = path.strip_prefix(generation).unwrap_or(&path).display();
            list.push_str(&format!("{checksum:016x} {size} {name}\n"));
        }
    }
    Ok(list)
}

/// Every file and folder under `dir`, in a fixed order.
fn walk(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// A checksum against rot and truncation, not against an attacker: multiply and rotate over words
/// of eight bytes, which reads as fast as the disk gives.
fn checksum(path: &Path) -> io::Result<(u64, u64)> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0_u8; 256 * 1024];
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut size = 0_u64;
    loop {
        let mut filled = 0;
        while filled < buffer.len() {
            match file.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if filled == 0 {
            return Ok((state ^ (state >> 29), size));
        }
        size += filled as u64;
        let (words, rest) = buffer[..filled].as_chunks::<8>();
        let last = rest
            .iter()
            .fold(0_u64, |last, byte| (last << 8) | u64::from(*byte) | 1 << 63);
        for word in words
            .iter()
            .map(|word| u64::from_le_bytes(*word))
            .chain([last])
        {
            state = (state ^ word)
                .wrapping_mul(0xff51_afd7_ed55_8ccd)
                .rotate_left(29);
        }
    }
}

/// Which run of the machine this is; empty where the system does not tell.
fn boot() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    boot.trim().to_owned()
}

/// Writes a small file whole or not at all, and has it on disk before returning.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent()
        .map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}
