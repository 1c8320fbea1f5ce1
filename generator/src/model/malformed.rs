//! Damaged, foreign and oversized models: each refused with the error that names it, none a panic.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::gguf::{GgufError, Header};
use super::golden::{assembled, fixture, on_cpu};
use super::options::LoadOptions;
use super::{LoadError, Model, TokenizerError};
use crate::store::{Manifest, ManifestError, ManifestFile, digest_file};

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
    assert!(!said.contains(std::path::MAIN_SEPARATOR), "a path leaks: {said}");
    assert!(!said.contains('\n') && !said.ends_with('.'), "no plain sentence: {said}");
    error
}

/// A copy of the Llama fixture with its configuration changed.
fn with_config(name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
    let folder = assembled(name, &LLAMA);
    change_json(&folder.join("config.json"), change);
    folder
}

fn change_json(file: &Path, change: impl FnOnce(&mut Value)) {
    let mut json: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    change(&mut json);
    std::fs::write(file, json.to_string()).unwrap();
}

#[test]
fn theta_is_never_guessed() {
    let folder = with_config("theta", |config| {
        config.as_object_mut().unwrap().remove("rope_theta");
        config.as_object_mut().unwrap().remove("rope_parameters");
    });
    let found = error(&folder, &on_cpu());
    assert!(matches!(&found, LoadError::MissingKey { key, .. } if key == "rope_theta"), "{found}");
}

#[test]
fn theta_is_found_under_either_key() {
    let old = with_config("theta-old", |config| {
        config.as_object_mut().unwrap().remove("rope_parameters");
        config["rope_theta"] = json!(12345.0);
    });
    let new = with_config("theta-new", |config| {
        config.as_object_mut().unwrap().remove("rope_theta");
        config["rope_parameters"] = json!({"rope_type": "default", "rope_theta": 12345.0});
    });
    for folder in [old, new] {
        let model = Model::open(&folder, &on_cpu()).unwrap();
        assert_eq!(model.config().rope.theta, 12345.0);
        assert_eq!(model.config().rope.scaling, None);
    }
}

#[test]
fn what_would_be_computed_wrongly_is_refused_by_name() {
    for (name, key, value) in [
        ("yarn", "rope_scaling", json!({"type": "yarn", "factor": 4.0})),
        ("gptq", "quantization_config", json!({"quant_method": "gptq"})),
        ("gelu", "hidden_act", json!("gelu")),
        ("sliding", "use_sliding_window", json!(true)),
    ] {
        let folder = with_config(name, |config| config[key] = value);
        let found = error(&folder, &on_cpu());
        assert!(matches!(found, LoadError::Unsupported { .. }), "{name}: {found}");
    }
    let folder = with_config("mamba", |config| config["architectures"] = json!(["MambaForCausalLM"]));
    let found = error(&folder, &on_cpu());
    assert!(matches!(&found, LoadError::Architecture { found } if found == "MambaForCausalLM"));
}

#[test]
fn numbers_that_cannot_be_are_refused() {
    for (key, value) in [
        ("num_attention_heads", json!(0)),
        ("num_key_value_heads", json!(3)),
        ("head_dim", json!(25)),
        ("hidden_size", json!(-64)),
        ("vocab_size", json!(1u64 << 60)),
        ("rms_norm_eps", json!("small")),
        ("eos_token_id", json!(264)),
        ("num_hidden_layers", json!(1.5)),
    ] {
        let folder = with_config("numbers", |config| config[key] = value);
        let found = error(&folder, &on_cpu());
        assert!(matches!(found, LoadError::InvalidKey { .. }), "{key}: {found}");
    }
}

#[test]
fn a_layer_more_or_less_than_the_weights_is_refused() {
    let folder = with_config("more", |config| config["num_hidden_layers"] = json!(3));
    let found = error(&folder, &on_cpu());
    assert!(matches!(&found, LoadError::TensorMissing { name } if name.contains("layers.2")), "{found}");
    let folder = with_config("less", |config| config["num_hidden_layers"] = json!(1));
    assert!(matches!(error(&folder, &on_cpu()), LoadError::Unsupported { .. }));
}

#[test]
fn a_tensor_of_another_shape_is_refused_with_both() {
    let folder = with_config("shape", |config| config["intermediate_size"] = json!(96));
    let found = error(&folder, &on_cpu());
    let LoadError::TensorShape { expected, found, .. } = found else {
        panic!("{found}");
    };
    assert_eq!((expected, found), (vec![96, 64], vec![80, 64]));
}

#[test]
fn a_missing_or_cut_shard_is_named() {
    let second = "model-00002-of-00002.safetensors";
    let folder = assembled("shard-missing", &QWEN);
    std::fs::remove_file(folder.join(second)).unwrap();
    let found = error(&folder, &on_cpu());
    assert!(matches!(&found, LoadError::ShardMissing { file } if file == second), "{found}");

    let folder = assembled("shard-cut", &QWEN);
    let whole = std::fs::read(folder.join(second)).unwrap();
    for keep in [0, 7, 8, 100, whole.len() - 1] {
        std::fs::write(folder.join(second), &whole[..keep]).unwrap();
        let found = error(&folder, &on_cpu());
        assert!(matches!(&found, LoadError::ShardTruncated { file, .. } if file == second), "{found}");
    }

    let folder = assembled("shard-elsewhere", &QWEN);
    change_json(&folder.join("model.safetensors.index.json"), |index| {
        index["weight_map"]["model.norm.weight"] = json!("../../secret.safetensors");
    });
    assert!(matches!(error(&folder, &on_cpu()), LoadError::InvalidKey { .. }));
}

#[test]
fn nothing_at_all_and_no_model_are_different_errors() {
    assert!(matches!(error(&fixture("absent"), &on_cpu()), LoadError::NotFound { .. }));
    let folder = assembled("empty", &[("llama", "tokenizer.json")]);
    assert!(matches!(error(&folder, &on_cpu()), LoadError::NotAModel { .. }));
    let folder = assembled("two", &[]);
    for name in ["a.gguf", "b.gguf"] {
        std::fs::copy(fixture("llama-q8_0").join("model.gguf"), folder.join(name)).unwrap();
    }
    assert!(matches!(error(&folder, &on_cpu()), LoadError::Several { .. }));
}

#[test]
fn a_tokenizer_of_another_model_is_refused() {
    let folder = with_config("words", |_| {});
    change_json(&folder.join("tokenizer.json"), |json| {
        let added = json["added_tokens"].as_array_mut().unwrap();
        let mut beyond = added[2].clone();
        beyond["id"] = json!(264);
        beyond["content"] = json!("<|beyond|>");
        added.push(beyond);
        json["model"]["vocab"]["x1"] = json!(260);
        json["model"]["vocab"]["x2"] = json!(261);
        json["model"]["vocab"]["x3"] = json!(262);
        json["model"]["vocab"]["x4"] = json!(263);
        json["model"]["vocab"]["x5"] = json!(264);
    });
    let found = error(&folder, &on_cpu());
    assert!(
        matches!(found, LoadError::Tokenizer(TokenizerError::Vocabulary { vocab: 264, .. })),
        "{found}"
    );

    let folder = assembled("gguf-words", &[("llama-q8_0", "model.gguf"), ("llama", "tokenizer.json")]);
    Model::open(&folder, &on_cpu()).unwrap();
    change_json(&folder.join("tokenizer.json"), |json| {
        let vocab = json["model"]["vocab"].as_object_mut().unwrap();
        let turned: Vec<_> = vocab.iter().map(|(word, id)| (word.clone(), id.as_u64().unwrap())).collect();
        for (word, id) in turned {
            let id = if id < 256 { (id + 1) % 256 } else { id };
            vocab.insert(word, json!(id));
        }
    });
    assert!(matches!(error(&folder, &on_cpu()), LoadError::TokenizerDiffers));
}

#[test]
fn a_model_that_would_never_stop_is_refused() {
    let folder = with_config("endless", |config| {
        config.as_object_mut().unwrap().remove("eos_token_id");
    });
    std::fs::remove_file(folder.join("generation_config.json")).unwrap();
    // The tokenizer's own `<|im_end|>` would do: take it away.
    Model::open(&folder, &on_cpu()).unwrap();
    change_json(&folder.join("tokenizer.json"), |json| {
        json["added_tokens"][2]["content"] = json!("<|other|>");
    });
    assert!(matches!(error(&folder, &on_cpu()), LoadError::NoStop));
}

#[test]
fn what_does_not_fit_is_refused_with_the_figures() {
    let options = LoadOptions {
        memory_limit: Some(1 << 20),
        ..on_cpu()
    };
    let found = error(&fixture("llama"), &options);
    let said = found.to_string();
    let LoadError::Memory { plan } = found else {
        panic!("{said}");
    };
    assert_eq!(plan.available, 1 << 20);
    assert!(plan.weights > 300_000 && plan.cache > 0 && plan.total() > plan.available);
    assert!(said.contains("1,0 MiB libres"), "{said}");
}

#[test]
fn the_plan_counts_the_weights_exactly() {
    for name in ["llama", "qwen2", "llama-q8_0", "llama-q4_k", "qwen2-q5_0"] {
        let model = Model::open(&fixture(name), &on_cpu()).unwrap();
        let tied = if model.config().tied_embeddings { model.weights.embedding.bytes() } else { 0 };
        let matrices = (model.weights.bytes() - tied) as u64;
        let plan = model.plan().weights;
        // The rest are norms and biases.
        assert!(plan >= matrices && plan - matrices < 8 << 10, "{name}: {plan} {matrices}");
    }
}

#[test]
fn a_window_beyond_the_model_is_refused() {
    let options = LoadOptions {
        context_tokens: 257,
        ..on_cpu()
    };
    let found = error(&fixture("llama"), &options);
    assert!(matches!(found, LoadError::Window { wanted: 257, most: 256 }));
}

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
    let folder = assembled("hash", &LLAMA);
    signed(&folder);
    let model = Model::open(&folder, &on_cpu()).unwrap();
    assert_eq!(model.digest(), Manifest::read(&folder).unwrap().digest());
    let file = folder.join("model.safetensors");
    let mut bytes = std::fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let found = error(&folder, &on_cpu());
    assert!(matches!(found, LoadError::Manifest(ManifestError::Mismatch { .. })), "{found}");
}

#[test]
fn a_file_that_the_manifest_does_not_list_is_not_read() {
    let folder = assembled("unlisted", &LLAMA);
    signed(&folder);
    std::fs::write(folder.join("chat_template.jinja"), "{{ messages[0].content }}").unwrap();
    let found = error(&folder, &on_cpu());
    assert!(matches!(found, LoadError::Manifest(ManifestError::Unlisted { .. })), "{found}");
}

#[test]
fn adapters_that_a_plain_merge_would_get_wrong_are_refused() {
    let adapter = |name: &str, change: &dyn Fn(&mut Value)| {
        let files = [
            ("llama-adapter", "adapter_config.json"),
            ("llama-adapter", "adapter_model.safetensors"),
        ];
        let folder = assembled(name, &files);
        change_json(&folder.join("adapter_config.json"), change);
        let options = LoadOptions {
            adapter: Some(folder),
            ..on_cpu()
        };
        error(&fixture("llama"), &options)
    };
    let cases: [(&str, &dyn Fn(&mut Value)); 6] = [
        ("dora", &|json| json["use_dora"] = json!(true)),
        ("bias", &|json| json["bias"] = json!("all")),
        ("saved", &|json| json["modules_to_save"] = json!(["lm_head"])),
        ("ia3", &|json| json["peft_type"] = json!("IA3")),
        ("rank", &|json| json["r"] = json!(8)),
        ("pattern", &|json| json["rank_pattern"] = json!({})),
    ];
    for (name, change) in cases {
        let found = adapter(name, change);
        assert!(matches!(found, LoadError::Adapter { .. }), "{name}: {found}");
    }
    let options = LoadOptions {
        adapter: Some(fixture("llama-adapter")),
        ..on_cpu()
    };
    for other in ["qwen2", "llama-q8_0"] {
        let found = error(&fixture(other), &options);
        assert!(
            matches!(found, LoadError::Adapter { .. } | LoadError::TensorShape { .. }),
            "{other}: {found}"
        );
    }
}

/// A GGUF file written by hand.
#[derive(Default)]
struct Hand {
    keys: Vec<(String, u32, Vec<u8>)>,
    tensors: Vec<(String, Vec<u64>, u32, u64)>,
    data: usize,
    claims: Option<(u64, u64)>,
}

impl Hand {
    fn key(mut self, name: &str, kind: u32, bytes: &[u8]) -> Self {
        self.keys.push((name.to_owned(), kind, bytes.to_vec()));
        self
    }

    fn tensor(mut self, name: &str, shape: &[u64], kind: u32, offset: u64) -> Self {
        self.tensors.push((name.to_owned(), shape.to_vec(), kind, offset));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = b"GGUF\x03\0\0\0".to_vec();
        let text = |out: &mut Vec<u8>, text: &str| {
            out.extend((text.len() as u64).to_le_bytes());
            out.extend(text.as_bytes());
        };
        let (tensors, keys) = self
            .claims
            .unwrap_or((self.tensors.len() as u64, self.keys.len() as u64));
        out.extend(tensors.to_le_bytes());
        out.extend(keys.to_le_bytes());
        for (name, kind, bytes) in &self.keys {
            text(&mut out, name);
            out.extend(kind.to_le_bytes());
            out.extend(bytes);
        }
        for (name, shape, kind, offset) in &self.tensors {
            text(&mut out, name);
            out.extend((shape.len() as u32).to_le_bytes());
            shape.iter().for_each(|size| out.extend(size.to_le_bytes()));
            out.extend(kind.to_le_bytes());
            out.extend(offset.to_le_bytes());
        }
        out.resize(out.len().next_multiple_of(32) + self.data, 0);
        out
    }

    fn read(&self) -> Result<Header, GgufError> {
        Header::read(Cursor::new(self.bytes()))
    }
}

#[test]
fn a_sound_header_is_read() {
    let header = Hand {
        data: 256,
        ..Hand::default()
    }
    .key("general.alignment", 4, &32u32.to_le_bytes())
    .tensor("a", &[32, 2], 0, 0)
    .read()
    .unwrap();
    assert_eq!(header.tensors["a"].shape, [2, 32]);
    assert_eq!(header.tensors["a"].bytes, 256);
}

#[test]
fn absurd_gguf_headers_are_refused_each_for_its_reason() {
    use GgufError as E;
    let hand = Hand::default;
    let alignment = |value: u32| hand().key("general.alignment", 4, &value.to_le_bytes()).read();
    assert!(matches!(alignment(0), Err(E::Alignment(0))));
    assert!(matches!(alignment(24), Err(E::Alignment(24))));
    assert!(matches!(alignment(1 << 31), Err(E::Alignment(_))));
    let claims = |tensors, keys| {
        Hand {
            claims: Some((tensors, keys)),
            ..hand()
        }
        .read()
    };
    assert!(matches!(claims(u64::MAX, 0), Err(E::Count { .. })));
    assert!(matches!(claims(0, 1 << 60), Err(E::Count { .. })));
    assert!(matches!(claims(1000, 0), Err(E::Truncated { .. })));
    let long = [&8u32.to_le_bytes()[..], &u64::MAX.to_le_bytes()].concat();
    assert!(matches!(hand().key("k", 9, &long).read(), Err(E::Count { .. })));
    assert!(matches!(hand().key("k", 8, &(1u64 << 40).to_le_bytes()).read(), Err(E::Count { .. })));
    assert!(matches!(hand().key("k", 8, &(1u64 << 20).to_le_bytes()).read(), Err(E::Truncated { .. })));
    let nested = [&9u32.to_le_bytes()[..], &1u64.to_le_bytes()].concat();
    assert!(matches!(hand().key("k", 9, &nested).read(), Err(E::ValueType(9))));
    assert!(matches!(hand().key("k", 99, &[]).read(), Err(E::ValueType(99))));
    assert!(matches!(
        hand().key("k", 0, &[1]).key("k", 0, &[1]).read(),
        Err(E::Repeated(_))
    ));
    let with = |data| Hand { data, ..hand() };
    let shape = |shape: &[u64]| with(64).tensor("a", shape, 0, 0).read();
    assert!(matches!(shape(&[0]), Err(E::Tensor { .. })));
    assert!(matches!(shape(&[u64::MAX, u64::MAX]), Err(E::Tensor { .. })));
    assert!(matches!(shape(&[1, 1, 1, 1, 1]), Err(E::Tensor { .. })));
    assert!(matches!(shape(&[]), Err(E::Tensor { .. })));
    assert!(matches!(shape(&[17]), Err(E::Truncated { .. })));
    assert!(matches!(with(64).tensor("a", &[16], 0, 1 << 62).read(), Err(E::Truncated { .. })));
    assert!(matches!(with(64).tensor("a", &[16], 0, u64::MAX - 31).read(), Err(E::Tensor { .. })));
    assert!(matches!(with(64).tensor("a", &[16], 0, 4).read(), Err(E::Tensor { .. })));
    assert!(matches!(with(64).tensor("a", &[16], 8, 0).read(), Err(E::Tensor { .. })));
    assert!(matches!(
        with(64).tensor("a", &[16], 0, 0).tensor("b", &[8], 0, 32).read(),
        Err(E::Tensor { .. })
    ));
    let bytes = hand().bytes();
    assert!(matches!(Header::read(Cursor::new(&bytes[..3])), Err(E::Magic)));
    assert!(matches!(Header::read(Cursor::new(b"GGML\x03\0\0\0")), Err(E::Magic)));
    assert!(matches!(Header::read(Cursor::new(b"GGUF\0\0\0\x03")), Err(E::Version(0x0300_0000))));
}

/// The fixture with its first occurrence of `from` replaced, which must be as long.
fn patched(name: &str, from: &[u8], to: &[u8]) -> PathBuf {
    assert_eq!(from.len(), to.len());
    let folder = assembled(name, &[("llama-q8_0", "model.gguf")]);
    let file = folder.join("model.gguf");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.windows(from.len()).position(|here| here == from).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
    std::fs::write(&file, bytes).unwrap();
    file
}

#[test]
fn gguf_files_of_other_models_are_refused_by_name() {
    let found = error(&patched("arch", b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0mamba"), &on_cpu());
    assert!(matches!(&found, LoadError::Architecture { found } if found == "mamba"), "{found}");
    let found = error(&patched("base", b"llama.rope.freq_base", b"llama.rope.freq_besa"), &on_cpu());
    assert!(matches!(&found, LoadError::MissingKey { key, .. } if key == "llama.rope.freq_base"), "{found}");
    let found = error(&patched("lost", b"blk.1.ffn_up.weight", b"blk.1.ffn_xx.weight"), &on_cpu());
    assert!(matches!(found, LoadError::TensorMissing { .. } | LoadError::Unsupported { .. }), "{found}");
    // Q8_0 (8) becomes IQ4_XS (23): 34 bytes for 32 numbers are not asked for any more.
    let name = b"blk.0.attn_q.weight\x02\0\0\0\x80\0\0\0\0\0\0\0\x80\0\0\0\0\0\0\0";
    let of = |kind: u8| [&name[..], &[kind, 0, 0, 0]].concat();
    let found = error(&patched("iq", &of(8), &of(23)), &on_cpu());
    let said = found.to_string();
    assert!(said.contains("IQ4_XS") && said.contains("Q4_K"), "{said}");
}

#[test]
fn a_gguf_cut_anywhere_is_refused() {
    let whole = std::fs::read(fixture("llama-q8_0").join("model.gguf")).unwrap();
    let folder = assembled("cut", &[]);
    let file = folder.join("model.gguf");
    for keep in [0, 4, 8, 23, 24, 500, 3000, whole.len() / 2, whole.len() - 33] {
        std::fs::write(&file, &whole[..keep]).unwrap();
        assert!(matches!(error(&file, &on_cpu()), LoadError::Gguf { .. }), "{keep}");
    }
}

#[test]
fn a_published_text_that_is_no_json_is_named() {
    for name in ["config.json", "generation_config.json"] {
        let folder = assembled("json", &LLAMA);
        std::fs::write(folder.join(name), "{\"hidden_size\": ").unwrap();
        let found = error(&folder, &on_cpu());
        assert!(matches!(&found, LoadError::Json { file, .. } if file == name), "{found}");
    }
}

/// Bytes of a fixture with some of the first `within` changed, and perhaps the end cut off.
fn damaged(
    file: PathBuf,
    within: usize,
) -> impl Strategy<Value = Vec<u8>> {
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_gguf_header_makes_the_loader_panic(
        bytes in damaged(fixture("llama-q8_0").join("model.gguf"), 12_000),
    ) {
        let folder = assembled("fuzz-gguf", &[]);
        let file = folder.join("model.gguf");
        std::fs::write(&file, bytes).unwrap();
        let _ = Model::open(&file, &on_cpu());
    }

    #[test]
    fn no_safetensors_header_makes_the_loader_panic(
        bytes in damaged(fixture("llama").join("model.safetensors"), 2_600),
    ) {
        let folder = assembled("fuzz-safetensors", &LLAMA);
        std::fs::write(folder.join("model.safetensors"), bytes).unwrap();
        let _ = Model::open(&folder, &on_cpu());
    }

    #[test]
    fn no_configuration_makes_the_loader_panic(
        bytes in damaged(fixture("llama").join("config.json"), 2_000),
    ) {
        let folder = assembled("fuzz-config", &LLAMA);
        std::fs::write(folder.join("config.json"), bytes).unwrap();
        let _ = Model::open(&folder, &on_cpu());
    }
}
