//! Which files a person means: files and folders, and what a folder says of its files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::Language;
use jiff::civil::Date;
use serde::Deserialize;

use crate::error::{Failure, FailureClass};

/// A folder's own description of its files; read, never ingested.
pub(crate) const MANIFEST: &str = "sistole.toml";

/// One file to ingest, with what its folder says of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SourceFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What its folder's manifest says; empty where it says nothing.
    pub(crate) described: Described,
}

/// What a manifest says of one file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Described {
    /// The file's name in the folder.
    file: String,
    /// The title it is shown with.
    pub(crate) title: Option<String>,
    /// Its language.
    language: Option<String>,
    /// The collection it belongs to.
    pub(crate) collection: Option<String>,
    /// The groups that may see it.
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    /// First day in force.
    effective_from: Option<String>,
    /// Last day in force.
    effective_to: Option<String>,
    /// A file of the same folder, named before, that this one is the next version of.
    pub(crate) replaces: Option<String>,
}

impl Described {
    /// Its language.
    #[must_use]
    pub(crate) fn language(&self) -> Option<Language> {
        self.language.as_deref().and_then(|code| code.parse().ok())
    }

    /// First day in force.
    #[must_use]
    pub(crate) fn effective_from(&self) -> Option<Date> {
        self.effective_from
            .as_deref()
            .and_then(|date| date.parse().ok())
    }

    /// Last day in force.
    #[must_use]
    pub(crate) fn effective_to(&self) -> Option<Date> {
        self.effective_to
            .as_deref()
            .and_then(|date| date.parse().ok())
    }

    fn problem(&self) -> Option<String> {
        let date = |date: &Option<String>| {
            date.as_deref()
                .is_none_or(|date| date.parse::<Date>().is_ok())
        };
        if !date(&self.effective_from) || !date(&self.effective_to) {
            return Some(format!("una fecha de {} no es AAAA-MM-DD", self.file));
        }
        match &self.language {
            Some(code) if code.parse::<Language>().is_err() => Some(format!(
                "el idioma de {} no es es, ca, eu, gl o en",
                self.file
            )),
            _ => None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    #[serde(default)]
    document: Vec<Described>,
}

/// The files that `paths` name: each file itself, each folder's files with those of its
/// subfolders, in an order that does not change. Hidden files and links inside folders are left
/// out. The files that a manifest describes come first, in its order.
///
/// # Errors
/// A path does not exist, a folder cannot be listed, or a manifest cannot be read.
pub(crate) fn find(paths: &[PathBuf]) -> Result<Vec<SourceFile>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        let metadata = std::fs::metadata(path).map_err(|error| {
            let message = format!("no existe o no se puede abrir {}", path.display());
            Failure::new(FailureClass::Usage, "path_not_found", message).caused_by(error)
        })?;
        if metadata.is_dir() {
            walk(path, &mut files)?;
        } else {
            let described = match path.parent() {
                Some(folder) => described_in(folder)?
                    .remove(&name_of(path))
                    .unwrap_or_default(),
                None => Described::default(),
            };
            files.push(SourceFile {
                path: path.clone(),
                described,
            });
        }
    }
    let mut seen = std::collections::HashSet::new();
    files.retain(|file| seen.insert(file.path.clone()));
    Ok(files)
}

fn walk(folder: &Path, files: &mut Vec<SourceFile>) -> Result<(), Failure> {
    let mut folders: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    let visible = |entry: &walkdir::DirEntry| {
        entry.depth() == 0 || !entry.file_name().to_string_lossy().starts_with('.')
    };
    for entry in walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(visible)
    {
        let entry = entry.map_err(|error| {
            let message = format!("no se puede recorrer la carpeta {}", folder.display());
            Failure::new(FailureClass::Failed, "folder_unreadable", message).caused_by(error)
        })?;
        if entry.file_type().is_file() {
            let is_manifest = entry.file_name() == MANIFEST;
            let path = entry.into_path();
            let parent = path.parent().unwrap_or(folder).to_owned();
            let listed = folders.entry(parent).or_default();
            if !is_manifest {
                listed.push(path);
            }
        }
    }
    for (folder, mut paths) in folders {
        let order = manifest_order(&folder)?;
        let mut described = described_in(&folder)?;
        paths.sort_by_key(|path| {
            (
                order
                    .iter()
                    .position(|name| *name == name_of(path))
                    .unwrap_or(usize::MAX),
                path.clone(),
            )
        });
        for path in paths {
            let described = described.remove(&name_of(&path)).unwrap_or_default();
            files.push(SourceFile { path, described });
        }
        // A mistyped name would leave a file without its dates, or an old version in force.
        if let Some(name) = described.into_keys().next() {
            let message = format!(
                "la descripción de la carpeta {} nombra un fichero que no está en ella: {name}",
                folder.join(MANIFEST).display()
            );
            return Err(Failure::new(
                FailureClass::Configuration,
                "manifest_invalid",
                message,
            ));
        }
    }
    Ok(())
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

fn described_in(folder: &Path) -> Result<BTreeMap<String, Described>, Failure> {
    Ok(read_manifest(folder)?
        .document
        .into_iter()
        .map(|one| (one.file.clone(), one))
        .collect())
}

fn manifest_order(folder: &Path) -> Result<Vec<String>, Failure> {
    Ok(read_manifest(folder)?
        .document
        .into_iter()
        .map(|one| one.file)
        .collect())
}

fn read_manifest(folder: &Path) -> Result<Manifest, Failure> {
    let path = folder.join(MANIFEST);
    let invalid = |detail: String| {
        let message = format!(
            "la descripción de la carpeta {} no es válida: {detail}",
            path.display()
        );
        Failure::new(FailureClass::Configuration, "manifest_invalid", message)
    };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Manifest::default());
        }
        Err(error) => return Err(invalid("no se puede leer".to_owned()).caused_by(error)),
    };
    let manifest: Manifest =
        toml::from_str(&text).map_err(|error| invalid(error.message().to_owned()))?;
    match manifest.document.iter().find_map(Described::problem) {
        Some(problem) => Err(invalid(problem)),
        None => Ok(manifest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[SourceFile]) -> Vec<String> {
        files.iter().map(|file| name_of(&file.path)).collect()
    }

    #[test]
    fn folders_are_walked_in_a_fixed_order_without_hidden_files() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        for name in ["b.txt", "a.txt", ".hidden", "sub/c.txt"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let found = find(&[folder.path().to_owned(), folder.path().join("a.txt")]).unwrap();
        assert_eq!(names(&found), ["a.txt", "b.txt", "c.txt"]);
    }

    #[test]
    fn a_manifest_orders_and_describes_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = "[[document]]\nfile = \"z.txt\"\neffective_from = \"2022-03-01\"\n\
                        [[document]]\nfile = \"a.txt\"\ntitle = \"Nuevo\"\nreplaces = \"z.txt\"\n";
        std::fs::write(folder.path().join(MANIFEST), manifest).unwrap();
        for name in ["a.txt", "b.txt", "z.txt"] {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let found = find(&[folder.path().to_owned()]).unwrap();
        assert_eq!(names(&found), ["z.txt", "a.txt", "b.txt"]);
        assert_eq!(
            found[0].described.effective_from(),
            "2022-03-01".parse().ok()
        );
        assert_eq!(found[1].described.replaces.as_deref(), Some("z.txt"));
        assert_eq!(
            find(&[folder.path().join("a.txt")]).unwrap()[0]
                .described
                .title
                .as_deref(),
            Some("Nuevo")
        );
    }

    #[test]
    fn a_wrong_manifest_is_told_with_its_file_and_key() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join(MANIFEST),
            "[[document]]\nfile = \"a\"\ntitel = \"x\"\n",
        )
        .unwrap();
        let failure = find(&[folder.path().to_owned()]).expect_err("it was taken");
        assert_eq!(failure.class(), FailureClass::Configuration);
        assert!(failure.to_string().contains("titel"), "{failure}");
    }

    #[test]
    fn a_manifest_that_names_a_missing_file_is_told_so() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("protocolo.txt"), "x").unwrap();
        let manifest = "[[document]]\nfile = \"protocollo.txt\"\n";
        std::fs::write(folder.path().join(MANIFEST), manifest).unwrap();
        let failure = find(&[folder.path().to_owned()]).expect_err("it was taken");
        assert!(failure.to_string().contains("protocollo.txt"), "{failure}");
    }

    #[test]
    fn a_path_that_does_not_exist_is_wrong_usage() {
        let failure = find(&[PathBuf::from("no-such-folder")]).expect_err("it was found");
        assert_eq!(failure.class(), FailureClass::Usage);
    }
}
