//! The models that Sístole knows by name.

use std::sync::LazyLock;

use serde::Deserialize;

/// The files of the presets, compiled in.
const FILES: [&str; 3] = [
    include_str!("../../../configs/models/salamandra-2b-instruct.toml"),
    include_str!("../../../configs/models/salamandra-7b-instruct-2606.toml"),
    include_str!("../../../configs/models/ALIA-40b-instruct-2606.toml"),
];

/// A model that is known by name: where it comes from and what it needs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Its name, here and in the folder of models.
    pub name: String,
    /// `owner/name` of its repository.
    pub repository: String,
    /// The commit that is downloaded; empty for the newest, which is then recorded.
    pub revision: String,
    /// Names of the files that are taken; a `*` at the end stands for anything.
    pub files: Vec<String>,
    /// Its licence.
    pub license: String,
    /// What its repository should hold.
    pub expected: Expected,
    /// What it should run on.
    pub recommended: Recommended,
}

/// What a preset's repository should hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Bytes of the weights, headers apart.
    pub weight_bytes: u64,
}

/// What a preset should run on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recommended {
    /// `cpu` or `cuda`.
    pub device: String,
    /// Memory of the device, in GiB.
    pub memory_gib: u32,
    /// Window, in tokens.
    pub context_tokens: u32,
}

impl Preset {
    /// Whether the preset takes a file of its repository.
    pub(super) fn takes(&self, file: &str) -> bool {
        self.files
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => file.starts_with(beginning),
                None => file == pattern,
            })
    }
}

/// The presets there are.
#[must_use]
pub fn presets() -> &'static [Preset] {
    static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
        // A test reads each of them.
        FILES
            .iter()
            .filter_map(|file| toml::from_str(file).ok())
            .collect()
    });
    &PRESETS
}

/// The preset of this name.
pub(super) fn preset(name: &str) -> Option<&'static Preset> {
    presets().iter().find(|preset| preset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::names::{Repository, model_name};

    #[test]
    fn every_preset_is_read_and_names_a_repository_and_what_it_needs() {
        for file in FILES {
            let preset: Preset = toml::from_str(file).unwrap();
            assert!(model_name(&preset.name).is_ok());
            let repository = Repository::parse(&preset.repository).unwrap();
            assert_eq!(repository.name(), preset.name);
            assert!(preset.takes("model-00001-of-00004.safetensors"));
            assert!(preset.takes("model.safetensors.index.json"));
            assert!(!preset.takes("pytorch_model.bin"));
            let memory = u64::from(preset.recommended.memory_gib) << 30;
            assert!(memory > preset.expected.weight_bytes);
        }
        assert_eq!(presets().len(), FILES.len());
    }
}
