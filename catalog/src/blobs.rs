//! The files as they came, each under the SHA-256 of its bytes: `<aa>/<sha256>`.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use domain::VersionId;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

use crate::{Catalog, CatalogError};

/// Where files stand while they arrive; on the same file system, so that a rename places them.
const ARRIVING: &str = "arriving";

/// Bytes read and written at once.
const CHUNK: usize = 256 * 1024;

/// An operation on the file store failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The disk is full; nothing of the file was kept.
    #[error("no queda espacio en el disco de los documentos: libere espacio y vuelva a intentarlo")]
    NoSpace {
        /// As reported.
        #[source]
        source: io::Error,
    },
    /// The file is larger than allowed; nothing of it was kept.
    #[error("el fichero supera el límite de {limit} bytes")]
    TooLarge {
        /// The most bytes allowed.
        limit: u64,
    },
    /// The sender stopped half way; nothing of the file was kept.
    #[error("el fichero no llegó entero: vuelva a enviarlo")]
    Interrupted {
        /// As reported.
        #[source]
        source: io::Error,
    },
    /// The file is not in the store.
    #[error("falta el fichero original en el almacén: restáurelo de una copia de seguridad")]
    Missing {
        /// SHA-256 of its bytes.
        sha256: [u8; 32],
    },
    /// The file in the store has other bytes than it came with.
    #[error(
        "el fichero original del almacén está alterado: restáurelo de una copia de seguridad o ingiéralo otra vez"
    )]
    Altered {
        /// SHA-256 of the bytes it came with.
        sha256: [u8; 32],
    },
    /// The store's folder cannot be written or read.
    #[error("no se puede usar la carpeta de los documentos: revise que exista y sus permisos")]
    NotWritable {
        /// As reported.
        #[source]
        source: io::Error,
    },
    /// The disk failed.
    #[error("el disco de los documentos falla: revíselo antes de seguir")]
    Io {
        /// As reported.
        #[source]
        source: io::Error,
    },
    /// The catalogue could not say whether the file is still needed.
    #[error("el catálogo no puede decir si el fichero aún hace falta")]
    Catalog {
        /// Why.
        #[source]
        source: CatalogError,
    },
}

impl BlobError {
    /// A stable name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoSpace { .. } => "no_space",
            Self::TooLarge { .. } => "too_large",
            Self::Interrupted { .. } => "interrupted",
            Self::Missing { .. } => "blob_missing",
            Self::Altered { .. } => "blob_altered",
            Self::NotWritable { .. } => "not_writable",
            Self::Io { .. } => "disk_failed",
            Self::Catalog { .. } => "catalog_unavailable",
        }
    }
}

impl From<io::Error> for BlobError {
    fn from(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { source },
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::NotFound => Self::NotWritable { source },
            _ => Self::Io { source },
        }
    }
}

/// The text of a SHA-256: 64 hexadecimal digits.
#[must_use]
pub fn sha256_hex(sha256: &[u8; 32]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    sha256
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Reads the text of a SHA-256; `None` where it is not one.
#[must_use]
pub fn sha256_from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut sha256 = [0; 32];
    for (byte, pair) in sha256.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = (digit(pair[0])? << 4) | digit(pair[1])?;
    }
    Some(sha256)
}

/// A file in the store. While it is held, [`BlobStore::remove_unreferenced`] leaves it: keep it
/// until [`Catalog::receive`] has returned.
#[derive(Debug)]
pub struct StoredBlob {
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Its length in bytes.
    pub byte_size: u64,
    /// What keeps it from removal.
    pub hold: BlobHold,
}

/// Keeps a file from removal until it is dropped.
pub struct BlobHold {
    sha256: [u8; 32],
    holds: Arc<Mutex<HashMap<[u8; 32], usize>>>,
}

impl fmt::Debug for BlobHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobHold")
            .field("sha256", &sha256_hex(&self.sha256))
            .finish()
    }
}

impl Drop for BlobHold {
    fn drop(&mut self) {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = holds.get_mut(&self.sha256) {
            *count -= 1;
            if *count == 0 {
                holds.remove(&self.sha256);
            }
        }
    }
}

/// The file store. Cheap to clone. One process at a time uses a folder.
#[derive(Debug, Clone)]
pub struct BlobStore {
    root: Arc<Path>,
    holds: Arc<Mutex<HashMap<[u8; 32], usize>>>,
    /// One file is placed or removed at a time, so that none is removed under a caller who was
    /// just told that it is there.
    gate: Arc<tokio::sync::Mutex<()>>,
}

impl BlobStore {
    /// Opens the store in `root`, making the folder where there is none, and removes what an
    /// interrupted arrival left.
    ///
    /// # Errors
    /// [`BlobError::NotWritable`], [`BlobError::NoSpace`].
    pub fn open(root: &Path) -> Result<Self, BlobError> {
        let arriving = root.join(ARRIVING);
        fs::create_dir_all(&arriving)?;
        for entry in fs::read_dir(&arriving)? {
            let path = entry?.path();
            if path.is_file() {
                fs::remove_file(path)?;
            }
        }
        Ok(Self {
            root: root.into(),
            holds: Arc::default(),
            gate: Arc::default(),
        })
    }

    /// Stores bytes.
    ///
    /// # Errors
    /// [`BlobError::NoSpace`], [`BlobError::NotWritable`].
    pub async fn put(&self, bytes: &[u8]) -> Result<StoredBlob, BlobError> {
        self.put_reader(bytes, u64::MAX).await
    }

    /// Stores what `reader` gives, to its end and at most `limit` bytes, without holding it in
    /// memory. When this returns the file is on disk, whole, under its name. The same bytes again
    /// change nothing, except that a file found altered is replaced.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`], [`BlobError::Interrupted`], [`BlobError::NoSpace`],
    /// [`BlobError::NotWritable`]; in each case nothing of the file is left.
    pub async fn put_reader(
        &self,
        mut reader: impl AsyncRead + Unpin,
        limit: u64,
    ) -> Result<StoredBlob, BlobError> {
        let arriving = Arriving::new(self.root.join(ARRIVING));
        let mut file = tokio::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&arriving.path)
            .await?;
        let mut hasher = Sha256::new();
        let mut byte_size = 0_u64;
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = reader
                .read(&mut chunk)
                .await
                .map_err(|source| BlobError::Interrupted { source })?;
            if read == 0 {
                break;
            }
            byte_size += read as u64;
            if byte_size > limit {
                return Err(BlobError::TooLarge { limit });
            }
            hasher.update(&chunk[..read]);
            file.write_all(&chunk[..read]).await?;
        }
        file.flush().await?;
        // A failed fsync is never tried again: the kernel may have dropped the pages.
        file.sync_all().await?;
        drop(file);
        let sha256: [u8; 32] = hasher.finalize().into();

        let gate = Arc::clone(&self.gate).lock_owned().await;
        let hold = self.hold(sha256);
        let place = self.path(&sha256);
        blocking(move || {
            let _gate = gate;
            arriving.place(&place, &sha256)
        })
        .await?;
        Ok(StoredBlob {
            sha256,
            byte_size,
            hold,
        })
    }

    /// Opens a file for reading, as it is.
    ///
    /// # Errors
    /// [`BlobError::Missing`].
    pub fn open_blob(&self, sha256: &[u8; 32]) -> Result<File, BlobError> {
        File::open(self.path(sha256)).map_err(|fault| absent(fault, sha256))
    }

    /// Reads a whole file and makes sure that its bytes are those it came with.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::Altered`].
    pub async fn read(&self, sha256: &[u8; 32]) -> Result<Vec<u8>, BlobError> {
        let (path, sha256) = (self.path(sha256), *sha256);
        blocking(move || {
            let bytes = fs::read(path).map_err(|fault| absent(fault, &sha256))?;
            let found: [u8; 32] = Sha256::digest(&bytes).into();
            if found == sha256 {
                Ok(bytes)
            } else {
                Err(BlobError::Altered { sha256 })
            }
        })
        .await
    }

    /// Makes sure that a file is there with the bytes it came with.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::Altered`].
    pub async fn verify(&self, sha256: &[u8; 32]) -> Result<(), BlobError> {
        let (path, sha256) = (self.path(sha256), *sha256);
        blocking(move || verify(&path, &sha256)).await
    }

    /// Removes a file that no version of `catalog` needs and nobody holds. Whether it did.
    ///
    /// # Errors
    /// [`BlobError::Catalog`], [`BlobError::NotWritable`].
    pub async fn remove_unreferenced(
        &self,
        catalog: &Catalog,
        sha256: &[u8; 32],
    ) -> Result<bool, BlobError> {
        let gate = Arc::clone(&self.gate).lock_owned().await;
        if self.is_held(sha256)
            || catalog
                .needs_blob(sha256)
                .await
                .map_err(|source| BlobError::Catalog { source })?
        {
            return Ok(false);
        }
        let path = self.path(sha256);
        blocking(move || {
            let _gate = gate;
            match fs::remove_file(&path) {
                Ok(()) => {
                    sync_parent(&path)?;
                    Ok(true)
                }
                Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(fault) => Err(fault.into()),
            }
        })
        .await
    }

    /// Every file in the store, in order.
    ///
    /// # Errors
    /// [`BlobError::NotWritable`], [`BlobError::Io`].
    pub async fn list(&self) -> Result<Vec<[u8; 32]>, BlobError> {
        let root = Arc::clone(&self.root);
        blocking(move || {
            let mut found = Vec::new();
            for folder in fs::read_dir(&root)? {
                let folder = folder?.path();
                if !folder.is_dir() || folder.ends_with(ARRIVING) {
                    continue;
                }
                for file in fs::read_dir(folder)? {
                    found.extend(file?.file_name().to_str().and_then(sha256_from_hex));
                }
            }
            found.sort_unstable();
            Ok(found)
        })
        .await
    }

    /// Where a file stands, or would.
    #[must_use]
    pub fn path(&self, sha256: &[u8; 32]) -> PathBuf {
        let name = sha256_hex(sha256);
        self.root.join(&name[..2]).join(name)
    }

    fn hold(&self, sha256: [u8; 32]) -> BlobHold {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        *holds.entry(sha256).or_default() += 1;
        BlobHold {
            sha256,
            holds: Arc::clone(&self.holds),
        }
    }

    fn is_held(&self, sha256: &[u8; 32]) -> bool {
        self.holds
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains_key(sha256)
    }
}

/// A file that is arriving; it is gone when this is dropped before it was placed.
struct Arriving {
    path: PathBuf,
}

impl Arriving {
    fn new(folder: PathBuf) -> Self {
        // Any fresh name will do.
        Self {
            path: folder.join(VersionId::generate().to_string()),
        }
    }

    fn place(self, place: &Path, sha256: &[u8; 32]) -> Result<(), BlobError> {
        match verify(place, sha256) {
            Ok(()) => return Ok(()),
            // These bytes are good: they mend what was altered.
            Err(BlobError::Missing { .. } | BlobError::Altered { .. }) => {}
            Err(fault) => return Err(fault),
        }
        if let Some(folder) = place.parent()
            && !folder.exists()
        {
            fs::create_dir(folder)?;
            sync_parent(folder)?;
        }
        fs::rename(&self.path, place)?;
        sync_parent(place)?;
        Ok(())
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        // Placed, it is not there any more; otherwise the next start sweeps what cannot go now.
        let _ = fs::remove_file(&self.path);
    }
}

fn verify(path: &Path, sha256: &[u8; 32]) -> Result<(), BlobError> {
    let mut file = File::open(path).map_err(|fault| absent(fault, sha256))?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            read => hasher.update(&chunk[..read]),
        }
    }
    let found: [u8; 32] = hasher.finalize().into();
    if found == *sha256 {
        Ok(())
    } else {
        Err(BlobError::Altered { sha256: *sha256 })
    }
}

fn absent(fault: io::Error, sha256: &[u8; 32]) -> BlobError {
    match fault.kind() {
        io::ErrorKind::NotFound => BlobError::Missing { sha256: *sha256 },
        _ => fault.into(),
    }
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent()
        .map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BlobError> + Send + 'static,
) -> Result<T, BlobError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|fault| {
            Err(BlobError::Io {
                source: io::Error::other(fault),
            })
        })
}
