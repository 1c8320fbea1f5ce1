//! What may go wrong with the catalogue, told apart by what a person has to do.

use std::io;

use crate::VersionState;

/// The cause as a library reported it.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What was looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// A document.
    Document,
    /// A version.
    Version,
    /// A job.
    Job,
}

impl Thing {
    const fn spanish(self) -> &'static str {
        match self {
            Self::Document => "ningún documento",
            Self::Version => "ninguna versión",
            Self::Job => "ningún trabajo",
        }
    }
}

/// An operation on the catalogue failed, and changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// There is nothing with this identifier.
    #[error("no hay {} con ese identificador", .what.spanish())]
    NotFound {
        /// What was looked for.
        what: Thing,
    },
    /// The version's state does not allow the step.
    #[error("la versión está {} y no puede pasar a {}", .from.spanish(), .to.spanish())]
    InvalidTransition {
        /// The state it is in.
        from: VersionState,
        /// The state it was to go to.
        to: VersionState,
    },
    /// The request goes against what the catalogue holds.
    #[error("{reason}")]
    Conflict {
        /// A sentence for people.
        reason: &'static str,
    },
    /// What was given cannot be stored.
    #[error("{reason}")]
    Invalid {
        /// A sentence for people.
        reason: &'static str,
    },
    /// The disk or the database's quota is full.
    #[error("no queda espacio en el disco del catálogo: libere espacio y vuelva a intentarlo")]
    NoSpace {
        /// As reported.
        #[source]
        source: Cause,
    },
    /// The catalogue's folder or file cannot be written.
    #[error(
        "no se puede escribir en la carpeta del catálogo: revise que exista y los permisos del usuario del servicio"
    )]
    NotWritable {
        /// As reported.
        #[source]
        source: Cause,
    },
    /// Others held the database for too long.
    #[error("el catálogo está ocupado: vuelva a intentarlo en unos segundos")]
    Busy {
        /// As reported.
        #[source]
        source: Cause,
    },
    /// The catalogue's file is not whole, or is no catalogue.
    #[error(
        "el fichero del catálogo está dañado ({detail}): restáurelo de una copia de seguridad o, si no la hay, aparte la carpeta de datos y vuelva a ingerir los documentos"
    )]
    Damaged {
        /// What is wrong with it.
        detail: &'static str,
        /// As reported, where a library noticed.
        #[source]
        source: Option<Cause>,
    },
    /// The catalogue was written by a later release.
    #[error(
        "el catálogo es de una versión más nueva de Sístole (esquema {found}; esta conoce hasta el {known}): actualice el programa"
    )]
    NewerSchema {
        /// The schema found.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// There is no catalogue, and none was to be made.
    #[error(
        "falta el fichero del catálogo en una carpeta de datos que ya tiene documentos: restáurelo de una copia de seguridad"
    )]
    Missing,
    /// The catalogue's address cannot be read.
    #[error(
        "la dirección del catálogo no es válida: use «sqlite:RUTA» o «postgres://USUARIO@SERVIDOR/BASE»"
    )]
    InvalidUrl {
        /// As reported; never shown, for it may hold a password.
        #[source]
        source: Option<Cause>,
    },
    /// The SQLite that was linked has a known fault.
    #[error(
        "la biblioteca SQLite enlazada ({found}) es anterior a la 3.51.3 y puede dañar datos: recompile con la incluida"
    )]
    OldSqlite {
        /// Its version.
        found: String,
    },
    /// The database does not answer, or not as it should.
    #[error("la base de datos del catálogo no responde: compruebe que esté en marcha y accesible")]
    Unavailable {
        /// As reported.
        #[source]
        source: Cause,
    },
}

impl CatalogError {
    /// A stable name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::InvalidTransition { .. } => "invalid_transition",
            Self::Conflict { .. } => "conflict",
            Self::Invalid { .. } => "invalid",
            Self::NoSpace { .. } => "no_space",
            Self::NotWritable { .. } => "not_writable",
            Self::Busy { .. } => "catalog_busy",
            Self::Damaged { .. } => "catalog_damaged",
            Self::NewerSchema { .. } => "catalog_newer",
            Self::Missing => "catalog_missing",
            Self::InvalidUrl { .. } => "catalog_url",
            Self::OldSqlite { .. } => "sqlite_too_old",
            Self::Unavailable { .. } => "catalog_unavailable",
        }
    }

    pub(crate) const fn not_found(what: Thing) -> Self {
        Self::NotFound { what }
    }

    pub(crate) const fn damaged(detail: &'static str) -> Self {
        Self::Damaged {
            detail,
            source: None,
        }
    }

    /// Whether another caller got in between, and the whole step should be tried again.
    pub(crate) fn is_collision(&self) -> bool {
        match self {
            Self::Unavailable { source } | Self::Busy { source } => source
                .downcast_ref::<sqlx::Error>()
                .and_then(sqlx::Error::as_database_error)
                .is_some_and(|fault| {
                    fault.is_unique_violation()
                        // PostgreSQL: serialization failure, deadlock.
                        || matches!(fault.code().as_deref(), Some("40001" | "40P01"))
                }),
            _ => false,
        }
    }
}

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Io(fault) => Self::from_io_kind(fault.kind(), error),
            sqlx::Error::Configuration(_) => Self::InvalidUrl {
                source: Some(Box::new(error)),
            },
            sqlx::Error::PoolTimedOut => Self::Busy {
                source: Box::new(error),
            },
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => Self::Damaged {
                detail: "un campo no tiene la forma esperada",
                source: Some(Box::new(error)),
            },
            sqlx::Error::Database(fault) => {
                let code = fault.code().unwrap_or_default().into_owned();
                Self::from_database_code(&code, error)
            }
            _ => Self::Unavailable {
                source: Box::new(error),
            },
        }
    }
}

impl CatalogError {
    /// By SQLite's extended result code (a number) or PostgreSQL's SQLSTATE (five characters).
    fn from_database_code(code: &str, error: sqlx::Error) -> Self {
        let source = Box::new(error);
        let Some(number) = (code.len() != 5)
            .then(|| code.parse::<i32>().ok())
            .flatten()
        else {
            return match code {
                "53100" => Self::NoSpace { source },
                "25006" | "42501" => Self::NotWritable { source },
                "40001" | "40P01" | "53300" | "55P03" => Self::Busy { source },
                "XX001" | "XX002" => Self::Damaged {
                    detail: "PostgreSQL lo da por corrupto",
                    source: Some(source),
                },
                _ => Self::Unavailable { source },
            };
        };
        // https://www.sqlite.org/rescode.html: the low byte is the primary code.
        match (number & 0xff, number) {
            // SQLITE_FULL; SQLITE_IOERR_SHMSIZE, which is how a full disk meets the WAL index.
            (13, _) | (_, 4874) => Self::NoSpace { source },
            // SQLITE_BUSY, SQLITE_LOCKED.
            (5 | 6, _) => Self::Busy { source },
            // SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_AUTH.
            (3 | 8 | 14 | 23, _) => Self::NotWritable { source },
            // SQLITE_CORRUPT.
            (11, _) => Self::Damaged {
                detail: "SQLite lo da por corrupto",
                source: Some(source),
            },
            // SQLITE_NOTADB.
            (26, _) => Self::Damaged {
                detail: "no es una base de datos",
                source: Some(source),
            },
            // SQLITE_IOERR_SHORT_READ: the file ends before its pages do.
            (_, 522) => Self::Damaged {
                detail: "le falta una parte",
                source: Some(source),
            },
            _ => Self::Unavailable { source },
        }
    }

    fn from_io_kind(kind: io::ErrorKind, source: impl Into<Cause>) -> Self {
        let source = source.into();
        match kind {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { source },
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::NotFound => Self::NotWritable { source },
            _ => Self::Unavailable { source },
        }
    }

    /// A fault of the file system under the catalogue's file.
    pub(crate) fn from_file(error: io::Error) -> Self {
        Self::from_io_kind(error.kind(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_sentence_without_the_library_s_words() {
        let fault = CatalogError::from(sqlx::Error::Configuration("password=secreto".into()));
        assert_eq!(fault.code(), "catalog_url");
        assert!(!fault.to_string().contains("secreto"));
    }

    #[test]
    fn a_full_disk_is_told_apart_from_every_other_fault() {
        let full = sqlx::Error::Io(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(CatalogError::from(full).code(), "no_space");
        let other = sqlx::Error::Io(io::Error::from(io::ErrorKind::ConnectionReset));
        assert_eq!(CatalogError::from(other).code(), "catalog_unavailable");
    }
}
