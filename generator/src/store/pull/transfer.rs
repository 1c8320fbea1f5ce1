//! One file, from the hub to the disk, going on where a cut download stood.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use ureq::Body;
use ureq::http::{Response, header};

use super::super::digest::{FileDigest, digest_file, hex, is_sha256};
use super::super::disk::{room_for, write_failure};
use super::super::error::StoreError;
use super::super::weights;
use super::hub::{Hub, RemoteFile, Trouble, pause};

/// How often in a row a download may fail without a single byte coming.
const TRIES: u32 = 5;

/// Bytes read at a time.
const CHUNK: usize = 256 << 10;

/// Bytes between two looks at the disk while a file of unknown length comes.
const LOOK_BYTES: u64 = 64 << 20;

/// Where a file goes, and how much must stay free there.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) folder: &'a Path,
    pub(super) reserve_bytes: u64,
}

impl Target<'_> {
    /// # Errors
    /// [`StoreError::NoSpace`] where less than the reserve would stay free.
    fn room_for(self, bytes: u64) -> Result<(), StoreError> {
        room_for(self.folder, bytes, self.reserve_bytes, true)
    }
}

/// A file on its way.
struct Transfer<'a> {
    hub: &'a Hub,
    remote: &'a RemoteFile,
    address: &'a str,
    place: Target<'a>,
    part: PathBuf,
    file: File,
    hasher: Sha256,
    have: u64,
    /// The SHA-256 that the hub states, in its list or with the file.
    stated: Option<String>,
    progress: &'a mut dyn FnMut(u64),
}

/// Downloads a file into the folder of `place` under its name, and gives the digest of what came.
/// `progress` is told how many bytes of the file are there.
///
/// # Errors
/// [`StoreError::Mismatch`] where what came is not what the hub states, [`StoreError::Damaged`],
/// [`StoreError::Unreachable`] and the rest of the hub's; [`StoreError::NoSpace`].
pub(super) fn fetch(
    hub: &Hub,
    remote: &RemoteFile,
    address: &str,
    place: Target<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<FileDigest, StoreError> {
    let folder = place.folder;
    let target = folder.join(&remote.name);
    if target.exists() {
        // An earlier run ended after this file. What the disk did to it since is not known.
        let mut have = 0;
        let there = digest_file(&target, &mut |bytes| {
            have += bytes;
            progress(have);
        })
        .map_err(|error| StoreError::io(&remote.name, error))?;
        if is_expected(remote, &there) {
            return Ok(there);
        }
        fs::remove_file(&target).map_err(|error| StoreError::io(&remote.name, error))?;
    }
    let part = folder.join(format!("{}.part", remote.name));
    let mut transfer = Transfer::begin(hub, remote, address, place, part, progress)?;
    transfer.run()?;
    let came = transfer.end()?;
    fs::rename(folder.join(format!("{}.part", remote.name)), &target)
        .map_err(|error| StoreError::io(&remote.name, error))?;
    Ok(came)
}

fn is_expected(remote: &RemoteFile, found: &FileDigest) -> bool {
    remote.bytes.is_none_or(|bytes| bytes == found.bytes)
        && remote
            .sha256
            .as_ref()
            .is_none_or(|sha256| *sha256 == found.sha256)
}

impl<'a> Transfer<'a> {
    /// Opens what is there of the file and hashes it.
    fn begin(
        hub: &'a Hub,
        remote: &'a RemoteFile,
        address: &'a str,
        place: Target<'a>,
        part: PathBuf,
        progress: &'a mut dyn FnMut(u64),
    ) -> Result<Self, StoreError> {
        let failed = |error| write_failure(&remote.name, place.folder, true, error);
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&part)
            .map_err(failed)?;
        if remote
            .bytes
            .is_some_and(|bytes| file.metadata().is_ok_and(|there| there.len() > bytes))
        {
            file.set_len(0).map_err(failed)?;
        }
        let mut hasher = Sha256::new();
        let mut have = 0;
        let mut chunk = vec![0; CHUNK];
        loop {
            match file.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => {
                    hasher.update(&chunk[..read]);
                    have += read as u64;
                    progress(have);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(Self {
            hub,
            remote,
            address,
            place,
            part,
            file,
            hasher,
            have,
            stated: remote.sha256.clone(),
            progress,
        })
    }

    /// Asks until all is there, or until the hub gives nothing more.
    fn run(&mut self) -> Result<(), StoreError> {
        let mut failed = 0;
        loop {
            let had = self.have;
            match self.once() {
                Ok(()) => return Ok(()),
                Err(Trouble::Lasting(error)) => return Err(error),
                Err(Trouble::Passing(reason)) => {
                    failed = if self.have > had { 1 } else { failed + 1 };
                    if failed == TRIES {
                        return Err(self.hub.unreachable(reason));
                    }
                    pause(failed);
                }
            }
        }
    }

    /// One request for what is missing.
    fn once(&mut self) -> Result<(), Trouble> {
        if self.remote.bytes == Some(self.have) {
            return Ok(());
        }
        let response = self.hub.get(self.address, &self.remote.name, self.have)?;
        if self.stated.is_none() {
            self.stated = linked_sha256(&response);
        }
        let total = match response.status().as_u16() {
            206 => {
                let (start, total) = content_range(&response)
                    .ok_or_else(|| self.hub.nonsense("no dice qué parte del fichero manda"))?;
                if start != self.have {
                    return Err(self.hub.nonsense("manda otra parte del fichero").into());
                }
                total
            }
            200 => {
                // It cannot go on from the middle: from the beginning, then.
                self.restart()?;
                content_length(&response)
            }
            // What is here is longer than what is there, so it is no beginning of it.
            _ if self.have > 0 => {
                self.restart()?;
                return Err(Trouble::Passing("el fichero cambió".to_owned()));
            }
            _ => return Err(self.hub.nonsense("no manda el fichero").into()),
        };
        let expected = self.remote.bytes.or(total);
        // The list may not have said how long the file is: then no room was kept for it.
        if let Some(expected) = expected {
            self.place.room_for(expected.saturating_sub(self.have))?;
        }
        self.receive(response, expected)
    }

    /// Writes what comes.
    fn receive(&mut self, response: Response<Body>, expected: Option<u64>) -> Result<(), Trouble> {
        let mut body = response.into_body().into_reader();
        let mut chunk = vec![0; CHUNK];
        let mut look_at = self.have;
        loop {
            if expected.is_none() && self.have >= look_at {
                self.place.room_for(LOOK_BYTES)?;
                look_at = self.have + LOOK_BYTES;
            }
            let read = match body.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(Trouble::Passing("la descarga se corta".to_owned())),
            };
            if expected.is_some_and(|expected| self.have + read as u64 > expected) {
                self.discard();
                return Err(self.hub.nonsense("manda más de lo que anuncia").into());
            }
            if let Err(error) = self.file.write_all(&chunk[..read]) {
                // Part of the chunk may stand in the file and is not hashed.
                let _ = self.file.set_len(self.have);
                let failure = write_failure(&self.remote.name, self.place.folder, true, error);
                return Err(failure.into());
            }
            self.hasher.update(&chunk[..read]);
            self.have += read as u64;
            (self.progress)(self.have);
        }
        match expected {
            Some(expected) if self.have < expected => {
                Err(Trouble::Passing("la descarga se corta".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn restart(&mut self) -> Result<(), StoreError> {
        self.file
            .set_len(0)
            .map_err(|error| StoreError::io(&self.remote.name, error))?;
        self.hasher = Sha256::new();
        self.have = 0;
        (self.progress)(0);
        Ok(())
    }

    /// Brings the file to the disk and holds it against what the hub states.
    fn end(&mut self) -> Result<FileDigest, StoreError> {
        self.file
            .sync_all()
            .map_err(|error| write_failure(&self.remote.name, self.place.folder, true, error))?;
        let came = FileDigest {
            sha256: hex(&self.hasher.clone().finalize()),
            bytes: self.have,
        };
        if let Some(expected) = &self.stated
            && *expected != came.sha256
        {
            self.discard();
            return Err(StoreError::Mismatch {
                file: self.remote.name.clone(),
                expected: expected.clone(),
                found: came.sha256,
            });
        }
        if let Err(error) = weights::look(&self.part, &self.remote.name) {
            self.discard();
            return Err(error);
        }
        Ok(came)
    }

    /// What came is worthless: the next try begins anew.
    fn discard(&self) {
        let _ = fs::remove_file(&self.part);
    }
}

/// First byte and full length of `Content-Range: bytes 5-9/10`.
fn content_range(response: &Response<Body>) -> Option<(u64, Option<u64>)> {
    let value = response
        .headers()
        .get(header::CONTENT_RANGE)?
        .to_str()
        .ok()?;
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let start = range.split_once('-')?.0.trim().parse().ok()?;
    Some((start, total.trim().parse().ok()))
}

/// The SHA-256 of a large file as the hub gives it beside the file; other hosts' `ETag`s are other
/// things.
fn linked_sha256(response: &Response<Body>) -> Option<String> {
    let value = response.headers().get("x-linked-etag")?.to_str().ok()?;
    let value = value.trim_matches('"');
    is_sha256(value).then(|| value.to_owned())
}

fn content_length(response: &Response<Body>) -> Option<u64> {
    let value = response.headers().get(header::CONTENT_LENGTH)?;
    value.to_str().ok()?.parse().ok()
}
