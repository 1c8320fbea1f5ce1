//! Damaged, foreign and oversized models: each refused with the error that names it, none a panic.

mod gguf;
mod published;
mod signed;

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;

use super::golden::{assembled, fixture, on_cpu};
use super::options::LoadOptions;
use super::{LoadError, Model};

const LLAMA: [(&str, &str); 4] = [
    ("llama", "config.json"),
    ("llama", "generation_config.json"),
    ("llama", "model.safetensors"),
    ("llama", "tokenizer.json"),
];
const QWEN: [(&str, &str); 5] = [
    ("qwen2", "config.json"),
    ("qwen2", "tokenizer.json"),
    ("qwen2", "model.safetensors.index.json"),
    ("qwen2", "model-00001-of-00002.safetensors"),
    ("qwen2", "model-00002-of-00002.safetensors"),
];

fn error(path: &Path, options: &LoadOptions) -> LoadError {
    let error = Model::open(path, options).map(|_| ()).unwrap_err();
    let said = error.to_string();
    assert!(
        !said.contains(std::path::MAIN_SEPARATOR),
        "a path leaks: {said}"
    );
    assert!(
        !said.contains('\n') && !said.ends_with('.'),
        "no plain sentence: {said}"
    );
    error
}

/// A copy of the Llama fixture with its configuration changed.
fn with_config(change: impl FnOnce(&mut Value)) -> TempDir {
    let folder = assembled(&LLAMA);
    change_json(&folder.path().join("config.json"), change);
    folder
}

fn change_json(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut json: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    change(&mut json);
    std::fs::write(file, json.to_string()).unwrap();
}

/// Bytes of a fixture with some of the first `within` changed, and perhaps the end cut off.
fn damaged(file: PathBuf, within: usize) -> impl Strategy<Value = Vec<u8>> {
    let whole = std::fs::read(file).unwrap();
    let length = whole.len();
    let changes = prop::collection::vec((0..within.min(length), any::<u8>()), 1..6);
    (changes, prop::option::weighted(0.2, 0..length)).prop_map(move |(changes, cut)| {
        let mut bytes = whole.clone();
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        bytes.truncate(cut.unwrap_or(length));
        bytes
    })
}

/// A tokenizer in sound JSON with some of its numbers, merges and marks made up.
fn lying_tokenizer(file: PathBuf) -> impl Strategy<Value = Vec<u8>> {
    let sound: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let words: Vec<String> = sound["model"]["vocab"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .chain(["".to_owned(), "ñandú".to_owned(), "<|im_end|>".to_owned()])
        .collect();
    let word = prop::sample::select(words);
    let id = prop_oneof![0..300_u32, any::<u32>(), Just(u32::MAX)];
    let lies = prop::collection::vec((0..8_usize, word.clone(), word, id), 1..4);
    lies.prop_map(move |lies| {
        let mut json = sound.clone();
        for (kind, one, other, id) in lies {
            let marks = [
                "unk_token",
                "continuing_subword_prefix",
                "end_of_word_suffix",
            ];
            match kind {
                0 => json["model"]["vocab"][one] = id.into(),
                1 => json["model"]["merges"] = serde_json::json!([[one, other]]),
                2 => json["added_tokens"][1]["id"] = id.into(),
                3 => json["added_tokens"][1]["content"] = one.into(),
                4 => json["model"]["byte_fallback"] = true.into(),
                mark => json["model"][marks[mark - 5]] = one.into(),
            }
        }
        json.to_string().into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_gguf_header_makes_the_loader_panic(
        bytes in damaged(fixture("llama-q8_0").join("model.gguf"), 12_000),
    ) {
        let folder = assembled(&[]);
        let file = folder.path().join("model.gguf");
        std::fs::write(&file, bytes).unwrap();
        let _ = Model::open(&file, &on_cpu());
    }

    #[test]
    fn no_safetensors_header_makes_the_loader_panic(
        bytes in damaged(fixture("llama").join("model.safetensors"), 2_600),
    ) {
        let folder = assembled(&LLAMA);
        std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
        let _ = Model::open(folder.path(), &on_cpu());
    }

    #[test]
    fn no_tokenizer_makes_the_loader_panic(
        bytes in prop_oneof![
            damaged(fixture("llama").join("tokenizer.json"), 4_000),
            lying_tokenizer(fixture("llama").join("tokenizer.json")),
        ],
    ) {
        for files in [&LLAMA[..], &[("llama-q8_0", "model.gguf")]] {
            let folder = assembled(files);
            std::fs::write(folder.path().join("tokenizer.json"), &bytes).unwrap();
            if let Ok(model) = Model::open(folder.path(), &on_cpu()) {
                let _ = model.tokenizer.encode_template("<|im_start|>Dé 5 mg\n<|im_end|> es");
            }
        }
    }

    #[test]
    fn no_configuration_makes_the_loader_panic(
        bytes in damaged(fixture("llama").join("config.json"), 2_000),
    ) {
        let folder = assembled(&LLAMA);
        std::fs::write(folder.path().join("config.json"), bytes).unwrap();
        let _ = Model::open(folder.path(), &on_cpu());
    }
}
