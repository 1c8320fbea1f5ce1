//! Names of models, of their files, and of the repositories they come from.

use super::error::StoreError;

/// The longest name of a model.
const MAX_NAME: usize = 96;

/// The longest name of a file.
const MAX_FILE_NAME: usize = 160;

/// Whether a text is made only of what may stand in a name: it is one part of a path on every
/// system, no option of a command, and not hidden.
fn is_plain(text: &str, longest: usize) -> bool {
    text.len() <= longest
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !text.ends_with('.')
}

/// A name for a model.
///
/// # Errors
/// [`StoreError::NameInvalid`].
pub(super) fn model_name(text: &str) -> Result<&str, StoreError> {
    if is_plain(text, MAX_NAME) {
        Ok(text)
    } else {
        Err(StoreError::NameInvalid {
            name: text.chars().take(MAX_NAME).collect(),
        })
    }
}

/// The name of a model's file, from a list that came from outside.
///
/// # Errors
/// [`StoreError::FileName`].
pub(super) fn file_name(text: &str) -> Result<&str, StoreError> {
    if is_plain(text, MAX_FILE_NAME) {
        Ok(text)
    } else {
        Err(StoreError::FileName {
            file: text.chars().take(MAX_FILE_NAME).collect(),
        })
    }
}

/// A repository of models at a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repository {
    /// `owner/name`.
    pub(super) id: String,
    /// Branch, tag or commit; `None` for the main branch.
    pub(super) revision: Option<String>,
}

impl Repository {
    /// Reads `owner/name` or `owner/name@revision`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, revision) = match text.split_once('@') {
            Some((id, revision)) => (id, Some(revision)),
            None => (text, None),
        };
        let (owner, name) = id.split_once('/')?;
        let revision_is_plain = revision.is_none_or(|revision| is_plain(revision, MAX_NAME));
        (is_plain(owner, MAX_NAME) && is_plain(name, MAX_NAME) && revision_is_plain).then(|| Self {
            id: id.to_owned(),
            revision: revision.map(str::to_owned),
        })
    }

    /// The part after the owner.
    pub(super) fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_plain_part_of_a_path() {
        for good in [
            "salamandra-7b-instruct-2606",
            "ALIA-40b",
            "x",
            "Qwen2.5-0.5B.Q8_0",
        ] {
            assert!(model_name(good).is_ok(), "{good}");
        }
        let long = "a".repeat(97);
        for bad in [
            "", ".", "..", ".oculto", "-v", "a/b", "a\\b", "a b", "á", "a\0", "a.", &long,
        ] {
            assert!(model_name(bad).is_err(), "{bad:?}");
            assert!(file_name(bad).is_err() || bad.len() == 97, "{bad:?}");
        }
    }

    #[test]
    fn a_repository_is_an_owner_and_a_name_and_perhaps_a_revision() {
        let read = Repository::parse("BSC-LT/salamandra-2b-instruct@v1.1").unwrap();
        assert_eq!(read.id, "BSC-LT/salamandra-2b-instruct");
        assert_eq!(read.revision.as_deref(), Some("v1.1"));
        assert_eq!(read.name(), "salamandra-2b-instruct");
        for bad in [
            "",
            "a",
            "a/",
            "/a",
            "a/b/c",
            "a/b@",
            "a/../b",
            "a/b@x/y",
            "https://a/b",
        ] {
            assert_eq!(Repository::parse(bad), None, "{bad}");
        }
    }
}
