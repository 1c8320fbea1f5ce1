//! From a name to the files that are fetched, and from those to a model in the folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::super::choose::{INDEX, choose};
use super::super::disk::{Hold, room_for};
use super::super::error::StoreError;
use super::super::manifest::{Manifest, ManifestFile};
use super::super::names::{Repository, model_name};
use super::super::preset::{Preset, preset, presets};
use super::super::{Brought, ModelStore, StoreProgress};
use super::hub::{Hub, Listing, RemoteFile};
use super::transfer::{Target, fetch};
use super::{PullPlan, PullRequest};

/// Where downloads lie until they are whole: `.pull/NAME/COMMIT/`.
const UNDER_WAY: &str = ".pull";

/// By how many hundredths the weights of a preset may differ from what is expected, for headers.
const TOLERANCE: u64 = 2;

impl ModelStore {
    /// Finds out what a download would bring.
    ///
    /// # Errors
    /// [`StoreError`] for a name that is none, a hub that is away or refuses, and a repository
    /// that holds no model that can be used.
    pub fn plan_pull(&self, request: &PullRequest) -> Result<PullPlan, StoreError> {
        let (repository, preset) = source(&request.source)?;
        let name = match (&request.name, preset) {
            (Some(name), _) => name.as_str(),
            (None, Some(preset)) => preset.name.as_str(),
            (None, None) => repository.name(),
        };
        let name = model_name(name)?.to_owned();
        let hub = Hub::new(request)?;
        let listing = hub.list(&repository)?;
        let remote = wanted(&hub, &repository, &listing, preset, request.file.as_deref())?;
        let present = match self.model(&name) {
            Ok(there)
                if there.manifest.source == repository.id
                    && there.manifest.revision == listing.revision
                    && same_names(&there.manifest, &remote) =>
            {
                Some(there)
            }
            Err(StoreError::NotFound { .. }) => None,
            _ => return Err(StoreError::Exists { name }),
        };
        let license = match preset {
            Some(preset) if listing.license.is_empty() => preset.license.clone(),
            _ => listing.license.clone(),
        };
        Ok(PullPlan {
            name,
            repository: repository.id,
            revision: listing.revision,
            license,
            files: remote.iter().map(|file| file.name.clone()).collect(),
            bytes: bytes_of(remote.iter()),
            present,
            notes: preset.map_or_else(Vec::new, |preset| notes(preset, &listing.license, &remote)),
            hub,
            remote,
        })
    }

    /// Downloads what was planned. What an interrupted run brought is used; a file counts only
    /// when its SHA-256 is the one that the hub states, where it states one. The model has its name
    /// only when all of it is on the disk.
    ///
    /// # Errors
    /// [`StoreError`]; what came so far stays for the next run, except a file that came wrong.
    pub fn pull(
        &self,
        plan: PullPlan,
        progress: &mut dyn FnMut(StoreProgress<'_>),
    ) -> Result<Brought, StoreError> {
        if let Some(model) = plan.present {
            return Ok(Brought {
                model,
                unchanged: true,
                notes: plan.notes,
            });
        }
        let _held = Hold::take(self.root())?;
        let folder = prepare(self.root(), &plan)?;
        let there = length_of(&folder).unwrap_or(0);
        let missing = plan.bytes.saturating_sub(there);
        room_for(self.root(), missing, self.reserve_bytes(), true)?;
        let mut done = 0;
        let mut files = BTreeMap::new();
        for file in &plan.remote {
            let address = plan
                .hub
                .address(&plan.repository, &plan.revision, &file.name);
            let place = Target {
                folder: &folder,
                reserve_bytes: self.reserve_bytes(),
            };
            let came = fetch(&plan.hub, file, &address, place, &mut |bytes| {
                progress(StoreProgress {
                    file: &file.name,
                    done: done + bytes,
                    total: plan.bytes,
                });
            })?;
            done += came.bytes;
            files.insert(
                file.name.clone(),
                ManifestFile {
                    sha256: came.sha256,
                    bytes: came.bytes,
                },
            );
        }
        let mut manifest = Manifest::new(&plan.repository, files);
        manifest.revision = plan.revision;
        manifest.license = plan.license;
        let mut brought = self.settle(&folder, &plan.name, manifest)?;
        brought.notes = plan.notes;
        // Empty by now, unless the model was there; what cannot go stays hidden.
        let _ = fs::remove_dir_all(self.root().join(UNDER_WAY).join(&plan.name));
        let _ = fs::remove_dir(self.root().join(UNDER_WAY));
        Ok(brought)
    }
}

/// The repository that a text names, and the preset where it is one.
fn source(text: &str) -> Result<(Repository, Option<&'static Preset>), StoreError> {
    let unknown = || StoreError::SourceInvalid {
        text: text.chars().take(200).collect(),
        known: presets().iter().map(|preset| preset.name.clone()).collect(),
    };
    let Some(preset) = preset(text) else {
        return Ok((Repository::parse(text).ok_or_else(unknown)?, None));
    };
    let mut repository = Repository::parse(&preset.repository).ok_or_else(unknown)?;
    repository.revision = Some(preset.revision.clone()).filter(|revision| !revision.is_empty());
    Ok((repository, Some(preset)))
}

/// Which of a repository's files are fetched, the small ones first.
fn wanted(
    hub: &Hub,
    repository: &Repository,
    listing: &Listing,
    preset: Option<&Preset>,
    file: Option<&str>,
) -> Result<Vec<RemoteFile>, StoreError> {
    let offered: BTreeMap<&str, &RemoteFile> = listing
        .files
        .iter()
        .filter(|file| preset.is_none_or(|preset| preset.takes(&file.name)))
        .map(|file| (file.name.as_str(), file))
        .collect();
    let names: BTreeSet<String> = offered.keys().map(|name| (*name).to_owned()).collect();
    let index = if names.contains(INDEX) && file.is_none() {
        let address = hub.address(&repository.id, &listing.revision, INDEX);
        Some(hub.text(&address, INDEX)?)
    } else {
        None
    };
    let chosen = choose(&names, index.as_deref(), file)?;
    let mut files: Vec<RemoteFile> = chosen
        .iter()
        .filter_map(|name| offered.get(name.as_str()).map(|file| (*file).clone()))
        .collect();
    // What is missing or refused shows before the large files are fetched.
    files.sort_by_key(|file| (file.bytes.unwrap_or(u64::MAX), file.name.clone()));
    Ok(files)
}

fn same_names(manifest: &Manifest, remote: &[RemoteFile]) -> bool {
    manifest.files.len() == remote.len()
        && remote
            .iter()
            .all(|file| manifest.files.contains_key(&file.name))
}

/// As far as the hub tells, and it may tell anything.
fn bytes_of<'a>(files: impl Iterator<Item = &'a RemoteFile>) -> u64 {
    files
        .filter_map(|file| file.bytes)
        .fold(0, u64::saturating_add)
}

/// What differs from what the preset expects.
fn notes(preset: &Preset, license: &str, remote: &[RemoteFile]) -> Vec<String> {
    let mut notes = Vec::new();
    let weights = bytes_of(
        remote
            .iter()
            .filter(|file| file.name.ends_with(".safetensors")),
    );
    let expected = preset.expected.weight_bytes;
    if weights.abs_diff(expected) > expected / 100 * TOLERANCE {
        notes.push(format!(
            "los pesos ocupan {weights} bytes y se esperaban unos {expected}: compruebe que es el modelo que quiere"
        ));
    }
    if !license.is_empty() && !license.eq_ignore_ascii_case(&preset.license) {
        notes.push(format!(
            "el repositorio declara la licencia {license} y se esperaba {}: léala antes de usar el modelo",
            preset.license
        ));
    }
    notes
}

/// The folder of a download, with what an interrupted run left of the same commit; what is there
/// of other commits is removed.
fn prepare(root: &Path, plan: &PullPlan) -> Result<PathBuf, StoreError> {
    let failed = |error| StoreError::io("la carpeta de modelos", error);
    let all = root.join(UNDER_WAY).join(&plan.name);
    let folder = all.join(&plan.revision);
    fs::create_dir_all(&folder).map_err(failed)?;
    for entry in fs::read_dir(&all).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.file_name().to_str() != Some(plan.revision.as_str()) {
            fs::remove_dir_all(entry.path()).map_err(failed)?;
        }
    }
    let mine: BTreeSet<&str> = plan.files.iter().map(String::as_str).collect();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        if !mine.contains(name.strip_suffix(".part").unwrap_or(name)) {
            fs::remove_file(entry.path()).map_err(failed)?;
        }
    }
    Ok(folder)
}

fn length_of(folder: &Path) -> Option<u64> {
    fs::read_dir(folder)
        .ok()?
        .map(|entry| Some(entry.ok()?.metadata().ok()?.len()))
        .sum()
}
