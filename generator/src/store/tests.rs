//! What the folder of models promises.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// A safetensors file with one tensor of `length` bytes.
pub(super) fn safetensors(length: usize, fill: u8) -> Vec<u8> {
    let header =
        format!(r#"{{"a":{{"dtype":"U8","shape":[{length}],"data_offsets":[0,{length}]}}}}"#);
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + length, fill);
    bytes
}

/// A place to try things in: a folder of models, and folders with models to import.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn store(&self) -> ModelStore {
        ModelStore::new(self.folder.path().join("models"), 0)
    }

    /// A folder with these files and a model as published.
    fn published(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join("came").join(name);
        fs::create_dir_all(&folder).unwrap();
        for (file, bytes) in [
            ("config.json", b"{}".to_vec()),
            ("tokenizer.json", b"{\"model\":{}}".to_vec()),
            ("model.safetensors", safetensors(5_000, 7)),
            ("pytorch_model.bin", b"pickled".to_vec()),
            ("README.md", b"read me".to_vec()),
        ] {
            fs::write(folder.join(file), bytes).unwrap();
        }
        folder
    }

    fn import(&self, from: &Path, name: Option<&str>) -> Result<Brought, StoreError> {
        let request = ImportRequest {
            from: from.to_path_buf(),
            name: name.map(str::to_owned),
            file: None,
        };
        self.store().import(&request, &mut |_| {})
    }

    fn models(&self) -> PathBuf {
        self.folder.path().join("models")
    }

    /// Names in the folder of models that people see.
    fn seen(&self) -> Vec<String> {
        let listed = self.store().list().unwrap();
        listed.into_iter().map(|listed| listed.name).collect()
    }

    /// Nothing half done lies about.
    fn must_be_tidy(&self) {
        for entry in fs::read_dir(self.models()).into_iter().flatten() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.starts_with(".coming"), "{name} was left");
        }
    }
}

#[test]
fn an_imported_model_has_only_its_own_files_and_is_verified() {
    let place = Place::new();
    let mut steps = Vec::new();
    let request = ImportRequest {
        from: place.published("salamandra"),
        name: None,
        file: None,
    };
    let brought = place
        .store()
        .import(&request, &mut |step| steps.push((step.done, step.total)))
        .unwrap();
    assert!(!brought.unchanged && brought.model.verified.is_some());
    let files: Vec<&String> = brought.model.manifest.files.keys().collect();
    assert_eq!(
        files,
        ["config.json", "model.safetensors", "tokenizer.json"]
    );
    let total = brought.model.manifest.bytes();
    assert_eq!(steps.last(), Some(&(total, total)));
    let model = place.store().verify("salamandra", &mut |_| {}).unwrap();
    assert_eq!(model.manifest, brought.model.manifest);
    assert_eq!(place.seen(), ["salamandra"]);
    place.must_be_tidy();
}

#[test]
fn the_same_model_again_changes_nothing_and_another_does_not_take_its_name() {
    let place = Place::new();
    let folder = place.published("m");
    place.import(&folder, None).unwrap();
    assert!(place.import(&folder, None).unwrap().unchanged);
    fs::write(folder.join("model.safetensors"), safetensors(5_000, 8)).unwrap();
    let refused = place.import(&folder, None).unwrap_err();
    assert_eq!(refused.code(), "model_exists");
    place.import(&folder, Some("m2")).unwrap();
    assert_eq!(place.seen(), ["m", "m2"]);
}

#[test]
fn a_changed_missing_longer_or_added_file_is_named_with_both_digests() {
    type Change = fn(&Path);
    let cases: [(Change, &str); 6] = [
        (
            |folder| fs::write(folder.join("model.safetensors"), safetensors(5_000, 9)).unwrap(),
            "model.safetensors",
        ),
        (
            |folder| fs::remove_file(folder.join("config.json")).unwrap(),
            "config.json",
        ),
        (
            |folder| fs::write(folder.join("tokenizer.json"), b"{\"model\":{}}\n").unwrap(),
            "tokenizer.json",
        ),
        (
            |folder| fs::write(folder.join("chat_template.jinja"), b"x").unwrap(),
            "chat_template.jinja",
        ),
        (
            |folder| fs::write(folder.join("chat_template.json"), b"{}").unwrap(),
            "chat_template.json",
        ),
        (
            |folder| fs::write(folder.join("adapter_config.json"), b"{}").unwrap(),
            "adapter_config.json",
        ),
    ];
    for (change, file) in cases {
        let place = Place::new();
        place.import(&place.published("m"), None).unwrap();
        change(&place.models().join("m"));
        let error = place.store().verify("m", &mut |_| {}).unwrap_err();
        let StoreError::Manifest { name, source } = &error else {
            panic!("{error}");
        };
        let (named, expected, found) = source.fault().unwrap();
        assert_eq!((name.as_str(), named), ("m", file));
        assert!(error.to_string().contains(file), "{error}");
        for digest in [expected, found].into_iter().flatten() {
            assert!(error.to_string().contains(digest), "{error}");
        }
    }
}

#[test]
fn a_manifest_that_is_none_is_told_and_the_others_are_still_listed() {
    for bad in [
        "",
        "schema = 1",
        "schema = 2\nanything = true",
        "schema = 1\nsource = \"x\"\ncreated = \"2026-01-01T00:00:00Z\"\n[files]\n",
        "schema = 1\nsource = \"x\"\ncreated = \"2026-01-01T00:00:00Z\"\n[files.\"../x\"]\nbytes = 1\nsha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"",
        "schema = 1\nsource = \"x\"\ncreated = \"2026-01-01T00:00:00Z\"\n[files.x]\nbytes = 1\nsha256 = \"short\"",
        "\u{0}",
    ] {
        let place = Place::new();
        place.import(&place.published("good"), None).unwrap();
        let folder = place.models().join("bad");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(Manifest::FILE), bad).unwrap();
        let listed = place.store().list().unwrap();
        assert!(listed[0].model.is_err() && listed[1].model.is_ok(), "{bad}");
        assert!(place.store().verify("bad", &mut |_| {}).is_err(), "{bad}");
    }
}

#[test]
fn what_is_no_model_leaves_nothing_behind() {
    type Spoil = fn(&Path);
    let cases: [(Spoil, &str); 6] = [
        (
            |folder| fs::remove_file(folder.join("tokenizer.json")).unwrap(),
            "not_a_model",
        ),
        (
            |folder| fs::remove_file(folder.join("model.safetensors")).unwrap(),
            "pickle_weights",
        ),
        (
            |folder| {
                let path = folder.join("model.safetensors");
                let whole = fs::read(&path).unwrap();
                fs::write(path, &whole[..whole.len() - 1]).unwrap();
            },
            "file_damaged",
        ),
        (
            |folder| {
                let index = r#"{"weight_map":{"a":"../../../x.safetensors"}}"#;
                fs::write(folder.join("model.safetensors.index.json"), index).unwrap();
            },
            "file_name_invalid",
        ),
        (
            |folder| {
                fs::remove_file(folder.join("config.json")).unwrap();
                std::os::unix::fs::symlink("/etc/hostname", folder.join("config.json")).unwrap();
            },
            "link_outside",
        ),
        (
            |folder| {
                fs::remove_file(folder.join("config.json")).unwrap();
                let made = std::process::Command::new("mkfifo")
                    .arg(folder.join("config.json"))
                    .status();
                assert!(made.unwrap().success());
            },
            "not_a_model",
        ),
    ];
    for (spoil, code) in cases {
        let place = Place::new();
        let folder = place.published("m");
        spoil(&folder);
        let refused = place.import(&folder, None).unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert!(place.seen().is_empty());
        place.must_be_tidy();
    }
}

#[test]
fn a_snapshot_of_the_hubs_cache_is_imported_through_its_links() {
    let place = Place::new();
    let published = place.published("m");
    let cache = place.folder.path().join("models--a--m");
    let snapshot = cache.join("snapshots").join("0123");
    fs::create_dir_all(&snapshot).unwrap();
    fs::create_dir_all(cache.join("blobs")).unwrap();
    for (number, file) in ["config.json", "tokenizer.json", "model.safetensors"]
        .iter()
        .enumerate()
    {
        fs::copy(
            published.join(file),
            cache.join("blobs").join(number.to_string()),
        )
        .unwrap();
        std::os::unix::fs::symlink(format!("../../blobs/{number}"), snapshot.join(file)).unwrap();
    }
    let brought = place.import(&snapshot, Some("m")).unwrap();
    assert_eq!(brought.model.manifest.files.len(), 3);
    let copied = fs::symlink_metadata(place.models().join("m/config.json")).unwrap();
    assert!(copied.is_file(), "a link was copied as a link");
}

#[test]
fn a_gguf_comes_with_the_tokenizer_beside_it_and_not_with_its_neighbours() {
    let place = Place::new();
    let folder = place.folder.path().join("came");
    fs::create_dir_all(&folder).unwrap();
    for (file, bytes) in [
        ("smol.Q8_0.gguf", &b"GGUF\x03\0\0\0rest"[..]),
        ("other.gguf", b"GGUF\x03\0\0\0other"),
        ("tokenizer.json", b"{}"),
        ("config.json", b"{}"),
    ] {
        fs::write(folder.join(file), bytes).unwrap();
    }
    let brought = place.import(&folder.join("smol.Q8_0.gguf"), None).unwrap();
    assert_eq!(brought.model.name, "smol.Q8_0");
    let files: Vec<&String> = brought.model.manifest.files.keys().collect();
    assert_eq!(files, ["smol.Q8_0.gguf", "tokenizer.json"]);
}

#[test]
fn a_model_that_comes_from_another_sistole_must_be_what_its_manifest_says() {
    let (here, there) = (Place::new(), Place::new());
    let first = there.import(&there.published("m"), None).unwrap();
    let carried = there.models().join("m");
    let brought = here.import(&carried, None).unwrap();
    assert_eq!(brought.model.manifest, first.model.manifest);

    let mut weights = fs::read(carried.join("model.safetensors")).unwrap();
    *weights.last_mut().unwrap() ^= 1;
    fs::write(carried.join("model.safetensors"), weights).unwrap();
    let fresh = Place::new();
    let refused = fresh.import(&carried, None).unwrap_err();
    assert_eq!(refused.code(), "model_mismatch");
    let expected = &first.model.manifest.files["model.safetensors"].sha256;
    assert!(refused.to_string().contains(expected), "{refused}");
    assert!(fresh.seen().is_empty());
}

#[test]
fn a_file_asked_for_by_name_is_that_file_or_nothing_where_a_manifest_came_along() {
    let (here, there) = (Place::new(), Place::new());
    let folder = there.folder.path().join("came");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("a.gguf"), b"GGUF\x03\0\0\0rest").unwrap();
    there.import(&folder.join("a.gguf"), None).unwrap();
    let carried = there.models().join("a");
    fs::write(carried.join("b.gguf"), b"GGUF\x03\0\0\0other").unwrap();
    let refused = here.import(&carried.join("b.gguf"), None).unwrap_err();
    assert_eq!(refused.code(), "model_mismatch");
    assert!(refused.to_string().contains("b.gguf"), "{refused}");
    assert!(here.seen().is_empty());
    let brought = here.import(&carried.join("a.gguf"), None).unwrap();
    assert!(brought.model.manifest.files.contains_key("a.gguf"));
}

#[test]
fn nothing_is_copied_where_the_free_space_to_keep_would_not_stay() {
    let place = Place::new();
    let request = ImportRequest {
        from: place.published("m"),
        name: None,
        file: None,
    };
    let store = ModelStore::new(place.models(), u64::MAX / 2);
    let refused = store.import(&request, &mut |_| {}).unwrap_err();
    assert_eq!(refused.code(), "no_space");
    assert!(place.seen().is_empty());
}

#[test]
fn one_import_at_a_time_and_what_a_crash_left_is_swept() {
    let place = Place::new();
    fs::create_dir_all(place.models().join(".coming-77/x")).unwrap();
    let held = disk::Hold::take(&place.models()).unwrap();
    let refused = place.import(&place.published("m"), None).unwrap_err();
    assert_eq!(refused.code(), "models_busy");
    drop(held);
    place.import(&place.published("m"), None).unwrap();
    place.must_be_tidy();
}

#[test]
fn a_verification_counts_only_for_the_manifest_it_was_of() {
    let place = Place::new();
    place.import(&place.published("m"), None).unwrap();
    let folder = place.models().join("m");
    assert!(place.store().model("m").unwrap().verified.is_some());
    let mut manifest = Manifest::read(&folder).unwrap();
    manifest.files.remove("config.json");
    manifest.write(&folder).unwrap();
    assert!(place.store().model("m").unwrap().verified.is_none());
}
