//! SHA-256 of files, read once and never held whole in memory.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

/// Bytes read at a time: large enough for the disk, small enough for the cache.
pub(super) const CHUNK: usize = 1 << 20;

/// What a file holds, as far as its identity goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileDigest {
    /// SHA-256, 64 hexadecimal digits in lower case.
    pub(crate) sha256: String,
    /// Length in bytes.
    pub(crate) bytes: u64,
}

/// Reads a file to its end and gives its digest. `progress` is told the bytes of each step.
///
/// # Errors
/// What the disk says.
pub(crate) fn digest_file(path: &Path, progress: &mut dyn FnMut(u64)) -> io::Result<FileDigest> {
    digest_reader(File::open(path)?, progress)
}

/// As [`digest_file`], of what `reader` gives.
///
/// # Errors
/// What the reader says.
pub(super) fn digest_reader(
    mut reader: impl Read,
    progress: &mut dyn FnMut(u64),
) -> io::Result<FileDigest> {
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut bytes = 0_u64;
    loop {
        let read = match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&chunk[..read]);
        bytes += read as u64;
        progress(read as u64);
    }
    Ok(FileDigest {
        sha256: hex(&hasher.finalize()),
        bytes,
    })
}

/// Bytes as hexadecimal digits in lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether a text is a SHA-256 as this program writes it.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_the_one_of_the_standard() {
        let mut seen = 0;
        let digest = digest_reader(&b"abc"[..], &mut |bytes| seen += bytes).unwrap();
        // FIPS 180-4, the first example.
        assert_eq!(
            digest.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!((digest.bytes, seen), (3, 3));
        assert!(is_sha256(&digest.sha256));
        assert!(!is_sha256(&digest.sha256.to_uppercase()));
    }
}
