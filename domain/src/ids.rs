//! Identifiers: opaque to everyone outside, typed inside so that one is never taken for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text given as an identifier has not the form of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("«{0}» is not an identifier")]
pub struct InvalidId(String);

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier that sorts by the time it was made (UUID version 7).
            #[must_use]
            pub fn generate() -> Self {
                Self(Uuid::now_v7())
            }

            /// The identifier that these 128 bits are.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The 128 bits.
            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let shown = || InvalidId(text.chars().take(64).collect());
                Uuid::parse_str(text.trim()).map(Self).map_err(|_| shown())
            }
        }
    };
}

identifier!(
    /// A document: one identity through all its versions.
    DocumentId
);
identifier!(
    /// One version of a document: one file, byte for byte.
    VersionId
);
identifier!(
    /// One passage of one version.
    PassageId
);
identifier!(
    /// One ingestion job.
    JobId
);
identifier!(
    /// One question asked, as named in answers, logs and feedback.
    RequestId
);

/// Namespace of passage identifiers (a random UUID, fixed for ever).
const PASSAGE_NAMESPACE: Uuid = Uuid::from_u128(0x6f0a_41a5_0c2b_4d0e_9f0d_5d1c_7a3e_21b4);

impl PassageId {
    /// The identifier of the passage at `ordinal` of `version` with this `text`.
    /// The same input gives the same identifier, so indexing twice changes nothing.
    #[must_use]
    pub fn of(version: VersionId, ordinal: u32, text: &str) -> Self {
        let mut name = Vec::with_capacity(20 + text.len());
        name.extend_from_slice(version.as_uuid().as_bytes());
        name.extend_from_slice(&ordinal.to_be_bytes());
        name.extend_from_slice(text.as_bytes());
        Self(Uuid::new_v5(&PASSAGE_NAMESPACE, &name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_passage_has_the_same_id_and_another_text_another() {
        let version = VersionId::generate();
        assert_eq!(
            PassageId::of(version, 3, "a"),
            PassageId::of(version, 3, "a")
        );
        assert_ne!(
            PassageId::of(version, 3, "a"),
            PassageId::of(version, 3, "b")
        );
        assert_ne!(
            PassageId::of(version, 3, "a"),
            PassageId::of(version, 4, "a")
        );
    }

    #[test]
    fn an_id_is_read_back_from_its_text_and_anything_else_is_refused() {
        let id = DocumentId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("protocolo.pdf".parse::<DocumentId>().is_err());
    }
}
