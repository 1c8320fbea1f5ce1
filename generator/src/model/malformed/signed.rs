//! Files that are not what the manifest says, and adapters that are not for the model.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::{LLAMA, change_json, error};
use crate::model::golden::{assembled, fixture, on_cpu};
use crate::model::options::LoadOptions;
use crate::model::{LoadError, Model};
use crate::store::{Manifest, ManifestError, ManifestFile, digest_file};

/// A manifest for all files of a folder.
fn signed(folder: &Path) {
    let files: BTreeMap<String, ManifestFile> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let read = digest_file(&path, &mut |_| {}).unwrap();
            let file = ManifestFile {
                sha256: read.sha256,
                bytes: read.bytes,
            };
            (path.file_name().unwrap().to_str().unwrap().to_owned(), file)
        })
        .collect();
    Manifest::new("prueba", files).write(folder).unwrap();
}

#[test]
fn a_changed_byte_is_noticed_before_the_weights_are_used() {
    let folder = assembled(&LLAMA);
    signed(folder.path());
    let model = Model::open(folder.path(), &on_cpu()).unwrap();
    assert_eq!(
        model.digest(),
        Manifest::read(folder.path()).unwrap().digest()
    );
    let file = folder.path().join("model.safetensors");
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let found = error(folder.path(), &on_cpu());
    assert!(
        matches!(found, LoadError::Manifest(ManifestError::Mismatch { .. })),
        "{found}"
    );
}

#[test]
fn a_file_that_the_manifest_does_not_list_is_not_read() {
    let folder = assembled(&LLAMA);
    signed(folder.path());
    std::fs::write(
        folder.path().join("chat_template.jinja"),
        "{{ messages[0].content }}",
    )
    .unwrap();
    let found = error(folder.path(), &on_cpu());
    assert!(
        matches!(found, LoadError::Manifest(ManifestError::Unlisted { .. })),
        "{found}"
    );
}

/// A name and what is changed in the adapter's configuration.
type Case<'a> = (&'a str, &'a dyn Fn(&mut Value));

#[test]
fn adapters_that_a_plain_merge_would_get_wrong_are_refused() {
    let adapter = |change: &dyn Fn(&mut Value)| {
        let files = [
            ("llama-adapter", "adapter_config.json"),
            ("llama-adapter", "adapter_model.safetensors"),
        ];
        let folder = assembled(&files);
        change_json(&folder.path().join("adapter_config.json"), change);
        let options = LoadOptions {
            adapter: Some(folder.path().to_owned()),
            ..on_cpu()
        };
        error(&fixture("llama"), &options)
    };
    let cases: [Case<'_>; 6] = [
        ("dora", &|json| json["use_dora"] = json!(true)),
        ("bias", &|json| json["bias"] = json!("all")),
        ("saved", &|json| {
            json["modules_to_save"] = json!(["lm_head"])
        }),
        ("ia3", &|json| json["peft_type"] = json!("IA3")),
        ("rank", &|json| json["r"] = json!(8)),
        ("pattern", &|json| json["rank_pattern"] = json!({})),
    ];
    for (name, change) in cases {
        let found = adapter(change);
        assert!(
            matches!(found, LoadError::Adapter { .. }),
            "{name}: {found}"
        );
    }
    let options = LoadOptions {
        adapter: Some(fixture("llama-adapter")),
        ..on_cpu()
    };
    for other in ["qwen2", "llama-q8_0"] {
        let found = error(&fixture(other), &options);
        assert!(
            matches!(
                found,
                LoadError::Adapter { .. } | LoadError::TensorShape { .. }
            ),
            "{other}: {found}"
        );
    }
}
