//! The manifest of a model: which files it has, and the SHA-256 that each had when it came.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Component, Path};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::digest::{digest_file, hex, is_sha256};

/// The only layout of the file so far.
const SCHEMA: u32 = 1;

/// A manifest lists a few dozen files; more bytes than this are not one.
const MAX_BYTES: u64 = 1 << 20;

/// What a model's folder must hold. Written once, when the model comes, and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Number of the layout.
    pub schema: u32,
    /// Where it came from: a repository of models, or the path that was imported.
    pub source: String,
    /// The repository's commit; empty where there is none.
    #[serde(default)]
    pub revision: String,
    /// Licence, as the source states it; empty where it states none.
    #[serde(default)]
    pub license: String,
    /// When it came.
    pub created: Timestamp,
    /// Its files by name, relative to the folder, with `/` between the parts.
    pub files: BTreeMap<String, ManifestFile>,
}

/// What one file must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// SHA-256, 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// Length in bytes.
    pub bytes: u64,
}

/// Why a model's folder is not what its manifest says.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// The folder has no manifest.
    #[error(
        "la carpeta del modelo no tiene {}: impórtelo con «sistole models import»",
        Manifest::FILE
    )]
    Missing,
    /// The manifest is not one.
    #[error(
        "{} del modelo no es válido ({reason}): impórtelo o descárguelo otra vez",
        Manifest::FILE
    )]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
    /// A later version of the program wrote it.
    #[error(
        "{} del modelo es de una versión posterior del programa (formato {found}, se conoce el {SCHEMA})",
        Manifest::FILE
    )]
    UnknownSchema {
        /// The number it states.
        found: u32,
    },
    /// A file is not there.
    #[error("falta {file}, que debería tener SHA-256 {expected}: impórtelo o descárguelo otra vez")]
    FileMissing {
        /// Its name.
        file: String,
        /// The SHA-256 it should have.
        expected: String,
    },
    /// A file is shorter or longer than it was.
    #[error(
        "{file} tiene {found_bytes} bytes y debería tener {expected_bytes} (SHA-256 esperado {expected}, encontrado {found}): impórtelo o descárguelo otra vez"
    )]
    Size {
        /// Its name.
        file: String,
        /// The SHA-256 it should have.
        expected: String,
        /// The SHA-256 it has.
        found: String,
        /// The bytes it should have.
        expected_bytes: u64,
        /// The bytes it has.
        found_bytes: u64,
    },
    /// A file has other bytes than it came with.
    #[error(
        "{file} no es el que llegó: SHA-256 esperado {expected}, encontrado {found}; impórtelo o descárguelo otra vez"
    )]
    Mismatch {
        /// Its name.
        file: String,
        /// The SHA-256 it should have.
        expected: String,
        /// The SHA-256 it has.
        found: String,
    },
    /// A file that the manifest does not list was to be used.
    #[error(
        "{file} no figura en {}: el modelo no se usa con ficheros que nadie ha comprobado",
        Manifest::FILE
    )]
    Unlisted {
        /// Its name.
        file: String,
    },
    /// The disk refuses.
    #[error("no se puede leer o escribir {file} del modelo")]
    Io {
        /// Its name.
        file: String,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
}

impl ManifestError {
    /// The file at fault, where it is one, with the SHA-256 it should have and the one it has.
    #[must_use]
    pub fn fault(&self) -> Option<(&str, Option<&str>, Option<&str>)> {
        match self {
            Self::FileMissing { file, expected } => Some((file, Some(expected), None)),
            Self::Size {
                file,
                expected,
                found,
                ..
            }
            | Self::Mismatch {
                file,
                expected,
                found,
            } => Some((file, Some(expected), Some(found))),
            Self::Unlisted { file } | Self::Io { file, .. } => Some((file, None, None)),
            Self::Missing | Self::Invalid { .. } | Self::UnknownSchema { .. } => None,
        }
    }
}

impl Manifest {
    /// Its name in the folder of the model.
    pub const FILE: &'static str = "manifest.toml";

    /// A manifest of the present layout, made now.
    #[must_use]
    pub fn new(source: &str, files: BTreeMap<String, ManifestFile>) -> Self {
        Self {
            schema: SCHEMA,
            source: source.to_owned(),
            revision: String::new(),
            license: String::new(),
            created: Timestamp::now(),
            files,
        }
    }

    /// Reads the manifest of a model's folder. Checks the manifest, not the files.
    ///
    /// # Errors
    /// [`ManifestError::Missing`], [`ManifestError::Invalid`], [`ManifestError::UnknownSchema`],
    /// [`ManifestError::Io`].
    pub fn read(folder: &Path) -> Result<Self, ManifestError> {
        let file = match File::open(folder.join(Self::FILE)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ManifestError::Missing);
            }
            Err(error) => return Err(io_error(Self::FILE, error)),
        };
        let mut text = String::new();
        file.take(MAX_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData => invalid("no es texto"),
                _ => io_error(Self::FILE, error),
            })?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Numbered {
            schema: u32,
        }
        let wrong = |error: toml::de::Error| invalid(error.message());
        // The number first: a later layout may have keys that this one does not know.
        let Numbered { schema } = toml::from_str(text).map_err(wrong)?;
        if schema != SCHEMA {
            return Err(ManifestError::UnknownSchema { found: schema });
        }
        let manifest: Self = toml::from_str(text).map_err(wrong)?;
        if manifest.files.is_empty() {
            return Err(invalid("no lista ningún fichero"));
        }
        for (name, file) in &manifest.files {
            if !is_plain_relative(name) {
                return Err(invalid(&format!("el nombre {name:?} sale de la carpeta")));
            }
            if !is_sha256(&file.sha256) {
                return Err(invalid(&format!("el SHA-256 de {name} no lo es")));
            }
        }
        Ok(manifest)
    }

    /// Writes the manifest into a model's folder: whole or not at all, and on the disk when this
    /// returns.
    ///
    /// # Errors
    /// [`ManifestError::Io`].
    pub fn write(&self, folder: &Path) -> Result<(), ManifestError> {
        let text = toml::to_string_pretty(self).map_err(|error| invalid(&error.to_string()))?;
        write_atomically(folder, Self::FILE, text.as_bytes())
            .map_err(|error| io_error(Self::FILE, error))
    }

    /// Reads every file that the manifest lists and compares SHA-256 and length. `progress` is
    /// told the bytes read at each step; [`Manifest::bytes`] are to be read in all.
    ///
    /// # Errors
    /// The first file that is missing or is not what it was.
    pub fn verify(
        &self,
        folder: &Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), ManifestError> {
        self.files
            .keys()
            .try_for_each(|name| self.verify_file(folder, name, progress))
    }

    /// As [`Manifest::verify`] for one file.
    ///
    /// # Errors
    /// As [`Manifest::verify`], and [`ManifestError::Unlisted`].
    pub fn verify_file(
        &self,
        folder: &Path,
        name: &str,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), ManifestError> {
        let Some(wanted) = self.files.get(name) else {
            return Err(ManifestError::Unlisted {
                file: name.to_owned(),
            });
        };
        let found = match digest_file(&folder.join(name), progress) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ManifestError::FileMissing {
                    file: name.to_owned(),
                    expected: wanted.sha256.clone(),
                });
            }
            Err(error) => return Err(io_error(name, error)),
        };
        if found.bytes != wanted.bytes {
            return Err(ManifestError::Size {
                file: name.to_owned(),
                expected: wanted.sha256.clone(),
                found: found.sha256,
                expected_bytes: wanted.bytes,
                found_bytes: found.bytes,
            });
        }
        if found.sha256 != wanted.sha256 {
            return Err(ManifestError::Mismatch {
                file: name.to_owned(),
                expected: wanted.sha256.clone(),
                found: found.sha256,
            });
        }
        Ok(())
    }

    /// Bytes of all its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files
            .values()
            .fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    /// The identity of the model: SHA-256, in hexadecimal, of the lines `SHA-256  name` of its
    /// files in the order of their names, as `sha256sum` prints them. Where it came from and when
    /// do not change it.
    #[must_use]
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for (name, file) in &self.files {
            hasher.update(format!("{}  {name}\n", file.sha256));
        }
        hex(&hasher.finalize())
    }
}

/// Whether a name stays in the folder it is joined to.
pub(super) fn is_plain_relative(name: &str) -> bool {
    !name.is_empty()
        && !name.contains(['\\', '\0'])
        && name.split('/').all(|part| !part.is_empty())
        && Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

/// Replaces a small file: written beside it, brought to the disk, renamed.
pub(super) fn write_atomically(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let beside = folder.join(format!(".{name}.{}", std::process::id()));
    let written = File::create(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&beside, folder.join(name)))
        .and_then(|()| sync_folder(folder));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written
}

/// Brings the names in a folder to the disk.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

fn invalid(reason: &str) -> ManifestError {
    ManifestError::Invalid {
        reason: reason.to_owned(),
    }
}

fn io_error(file: &str, source: io::Error) -> ManifestError {
    ManifestError::Io {
        file: file.to_owned(),
        source,
    }
}
