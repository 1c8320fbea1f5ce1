//! The states of a version and of a job, and which may follow which.

use std::fmt;
use std::str::FromStr;

/// Where a version stands between the file's arrival and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum VersionState {
    /// Its bytes are stored; nothing has been read from them yet.
    Received,
    /// Its passages are in the catalogue.
    Parsed,
    /// Its passages are in the index, flushed.
    Indexed,
    /// It answers questions, on the days that it is in force.
    Active,
    /// It could not be read. The same bytes may be tried again.
    Rejected,
    /// A later version of the document took its place.
    Superseded,
    /// Somebody took it out of use.
    Retired,
    /// It is gone for every reader; its rows await [`Catalog::purge`](crate::Catalog::purge).
    Deleted,
}

impl VersionState {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Received,
        Self::Parsed,
        Self::Indexed,
        Self::Active,
        Self::Rejected,
        Self::Superseded,
        Self::Retired,
        Self::Deleted,
    ];

    /// Its name, as stored and as shown to programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Parsed => "parsed",
            Self::Indexed => "indexed",
            Self::Active => "active",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
            Self::Retired => "retired",
            Self::Deleted => "deleted",
        }
    }

    /// Its name in a sentence for people.
    #[must_use]
    pub const fn spanish(self) -> &'static str {
        match self {
            Self::Received => "recibida",
            Self::Parsed => "leída",
            Self::Indexed => "indexada",
            Self::Active => "activa",
            Self::Rejected => "rechazada",
            Self::Superseded => "sustituida",
            Self::Retired => "retirada",
            Self::Deleted => "eliminada",
        }
    }

    /// Whether a version in this state may go to `next`.
    ///
    /// An indexed version may be superseded without ever answering: when a later one, read
    /// faster, became active first. A version out of use comes back by way of the index.
    #[must_use]
    pub const fn can_become(self, next: Self) -> bool {
        match self {
            Self::Received => matches!(next, Self::Parsed | Self::Rejected | Self::Deleted),
            Self::Parsed => matches!(next, Self::Indexed | Self::Rejected | Self::Deleted),
            Self::Indexed => {
                matches!(
                    next,
                    Self::Active | Self::Superseded | Self::Rejected | Self::Deleted
                )
            }
            Self::Active => matches!(next, Self::Superseded | Self::Retired | Self::Deleted),
            Self::Rejected => matches!(next, Self::Received | Self::Deleted),
            Self::Superseded | Self::Retired => matches!(next, Self::Indexed | Self::Deleted),
            Self::Deleted => false,
        }
    }

    /// Whether work on it was begun and not ended.
    #[must_use]
    pub const fn is_unfinished(self) -> bool {
        matches!(self, Self::Received | Self::Parsed | Self::Indexed)
    }
}

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Waiting for a worker.
    Queued,
    /// A worker has it.
    Running,
    /// Its version is active, or was superseded by a later one.
    Done,
    /// Its version was rejected or deleted.
    Failed,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Done, Self::Failed];

    /// Its name, as stored and as shown to programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// What a reader thought of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It helped.
    Helpful,
    /// It is wrong.
    Wrong,
    /// It leaves out what matters.
    Incomplete,
    /// To act on it could harm.
    Unsafe,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Helpful, Self::Wrong, Self::Incomplete, Self::Unsafe];

    /// Its name, as stored and as shown to programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Helpful => "helpful",
            Self::Wrong => "wrong",
            Self::Incomplete => "incomplete",
            Self::Unsafe => "unsafe",
        }
    }
}

/// The text names no state or verdict.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("valor desconocido «{given}»: use {known}")]
pub struct UnknownName {
    given: String,
    known: String,
}

macro_rules! named {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $name {
            type Err = UnknownName;

            fn from_str(text: &str) -> Result<Self, UnknownName> {
                Self::ALL.into_iter().find(|one| one.name() == text).ok_or_else(|| UnknownName {
                    given: text.chars().take(20).collect(),
                    known: Self::ALL.map(Self::name).join(", "),
                })
            }
        }
    )*};
}

named!(VersionState, JobState, Verdict);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_read_back_from_its_name() {
        for state in VersionState::ALL {
            assert_eq!(state.name().parse(), Ok(state));
        }
        for verdict in Verdict::ALL {
            assert_eq!(verdict.name().parse(), Ok(verdict));
        }
        assert!("activo".parse::<VersionState>().is_err());
    }

    #[test]
    fn only_an_indexed_version_becomes_active_and_nothing_follows_deletion() {
        for state in VersionState::ALL {
            assert_eq!(
                state.can_become(VersionState::Active),
                state == VersionState::Indexed
            );
            assert!(!VersionState::Deleted.can_become(state));
            assert!(!state.can_become(state), "{state} follows itself");
        }
    }
}
