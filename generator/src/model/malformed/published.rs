//! Folders as published: configuration, shards, tokenizer, memory.

use serde_json::json;

use super::{LLAMA, QWEN, change_json, error, with_config};
use crate::model::golden::{assembled, fixture, on_cpu};
use crate::model::options::LoadOptions;
use crate::model::{LoadError, Model, TokenizerError};

#[test]
fn theta_is_never_guessed() {
    let folder = with_config(|config| {
        config.as_object_mut().unwrap().remove("rope_theta");
        config.as_object_mut().unwrap().remove("rope_parameters");
    });
    let found = error(folder.path(), &on_cpu());
    assert!(
        matches!(&found, LoadError::MissingKey { key, .. } if key == "rope_theta"),
        "{found}"
    );
}

#[test]
fn theta_is_found_under_either_key() {
    let old = with_config(|config| {
        config.as_object_mut().unwrap().remove("rope_parameters");
        config["rope_theta"] = json!(12345.0);
    });
    let new = with_config(|config| {
        config.as_object_mut().unwrap().remove("rope_theta");
        config["rope_parameters"] = json!({"rope_type": "default", "rope_theta": 12345.0});
    });
    for folder in [old, new] {
        let model = Model::open(folder.path(), &on_cpu()).unwrap();
        assert_eq!(model.config().rope.theta, 12345.0);
        assert_eq!(model.config().rope.scaling, None);
    }
}

#[test]
fn what_would_be_computed_wrongly_is_refused_by_name() {
    for (name, key, value) in [
        (
            "yarn",
            "rope_scaling",
            json!({"type": "yarn", "factor": 4.0}),
        ),
        (
            "gptq",
            "quantization_config",
            json!({"quant_method": "gptq"}),
        ),
        ("gelu", "hidden_act", json!("gelu")),
        ("sliding", "use_sliding_window", json!(true)),
    ] {
        let folder = with_config(|config| config[key] = value);
        let found = error(folder.path(), &on_cpu());
        assert!(
            matches!(found, LoadError::Unsupported { .. }),
            "{name}: {found}"
        );
    }
    let folder = with_config(|config| config["architectures"] = json!(["MambaForCausalLM"]));
    let found = error(folder.path(), &on_cpu());
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
        let folder = with_config(|config| config[key] = value);
        let found = error(folder.path(), &on_cpu());
        assert!(
            matches!(found, LoadError::InvalidKey { .. }),
            "{key}: {found}"
        );
    }
}

#[test]
fn a_layer_more_or_less_than_the_weights_is_refused() {
    let folder = with_config(|config| config["num_hidden_layers"] = json!(3));
    let found = error(folder.path(), &on_cpu());
    assert!(
        matches!(&found, LoadError::TensorMissing { name } if name.contains("layers.2")),
        "{found}"
    );
    let folder = with_config(|config| config["num_hidden_layers"] = json!(1));
    assert!(matches!(
        error(folder.path(), &on_cpu()),
        LoadError::Unsupported { .. }
    ));
}

#[test]
fn a_tensor_of_another_shape_is_refused_with_both() {
    let folder = with_config(|config| config["intermediate_size"] = json!(96));
    let found = error(folder.path(), &on_cpu());
    let LoadError::TensorShape {
        expected, found, ..
    } = found
    else {
        panic!("{found}");
    };
    assert_eq!((expected, found), (vec![96, 64], vec![80, 64]));
}

#[test]
fn a_missing_or_cut_shard_is_named() {
    let second = "model-00002-of-00002.safetensors";
    let folder = assembled(&QWEN);
    std::fs::remove_file(folder.path().join(second)).unwrap();
    let found = error(folder.path(), &on_cpu());
    assert!(
        matches!(&found, LoadError::ShardMissing { file } if file == second),
        "{found}"
    );

    let folder = assembled(&QWEN);
    let whole = std::fs::read(folder.path().join(second)).unwrap();
    for keep in [0, 7, 8, 100, whole.len() - 1] {
        std::fs::write(folder.path().join(second), &whole[..keep]).unwrap();
        let found = error(folder.path(), &on_cpu());
        assert!(
            matches!(&found, LoadError::ShardTruncated { file, .. } if file == second),
            "{found}"
        );
    }

    let folder = assembled(&QWEN);
    change_json(
        &folder.path().join("model.safetensors.index.json"),
        |index| {
            index["weight_map"]["model.norm.weight"] = json!("../../secret.safetensors");
        },
    );
    assert!(matches!(
        error(folder.path(), &on_cpu()),
        LoadError::InvalidKey { .. }
    ));
}

#[test]
fn nothing_at_all_and_no_model_are_different_errors() {
    assert!(matches!(
        error(&fixture("absent"), &on_cpu()),
        LoadError::NotFound { .. }
    ));
    let folder = assembled(&[("llama", "tokenizer.json")]);
    assert!(matches!(
        error(folder.path(), &on_cpu()),
        LoadError::NotAModel { .. }
    ));
    let folder = assembled(&[]);
    for name in ["a.gguf", "b.gguf"] {
        std::fs::copy(
            fixture("llama-q8_0").join("model.gguf"),
            folder.path().join(name),
        )
        .unwrap();
    }
    assert!(matches!(
        error(folder.path(), &on_cpu()),
        LoadError::Several { .. }
    ));
}

#[test]
fn a_tokenizer_of_another_model_is_refused() {
    let folder = with_config(|_| {});
    change_json(&folder.path().join("tokenizer.json"), |json| {
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
    let found = error(folder.path(), &on_cpu());
    assert!(
        matches!(
            found,
            LoadError::Tokenizer(TokenizerError::Vocabulary { vocab: 264, .. })
        ),
        "{found}"
    );

    let folder = assembled(&[("llama-q8_0", "model.gguf"), ("llama", "tokenizer.json")]);
    Model::open(folder.path(), &on_cpu()).unwrap();
    change_json(&folder.path().join("tokenizer.json"), |json| {
        let vocab = json["model"]["vocab"].as_object_mut().unwrap();
        let turned: Vec<_> = vocab
            .iter()
            .map(|(word, id)| (word.clone(), id.as_u64().unwrap()))
            .collect();
        for (word, id) in turned {
            let id = if id < 256 { (id + 1) % 256 } else { id };
            vocab.insert(word, json!(id));
        }
    });
    assert!(matches!(
        error(folder.path(), &on_cpu()),
        LoadError::TokenizerDiffers
    ));
}

#[test]
fn a_model_that_would_never_stop_is_refused() {
    let folder = with_config(|config| {
        config.as_object_mut().unwrap().remove("eos_token_id");
    });
    std::fs::remove_file(folder.path().join("generation_config.json")).unwrap();
    // The tokenizer's own `<|im_end|>` would do: take it away.
    Model::open(folder.path(), &on_cpu()).unwrap();
    change_json(&folder.path().join("tokenizer.json"), |json| {
        json["added_tokens"][2]["content"] = json!("<|other|>");
    });
    assert!(matches!(error(folder.path(), &on_cpu()), LoadError::NoStop));
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
        let matrices = model.weights.bytes(model.config().tied_embeddings) as u64;
        let plan = model.plan().weights;
        // The rest are norms and biases.
        assert!(
            plan >= matrices && plan - matrices < 8 << 10,
            "{name}: {plan} {matrices}"
        );
    }
}

#[test]
fn a_window_beyond_the_model_is_refused() {
    let options = LoadOptions {
        context_tokens: 257,
        ..on_cpu()
    };
    let found = error(&fixture("llama"), &options);
    assert!(matches!(
        found,
        LoadError::Window {
            wanted: 257,
            most: 256
        }
    ));
}

#[test]
fn a_published_text_that_is_no_json_is_named() {
    for name in ["config.json", "generation_config.json"] {
        let folder = assembled(&LLAMA);
        std::fs::write(folder.path().join(name), "{\"hidden_size\": ").unwrap();
        let found = error(folder.path(), &on_cpu());
        assert!(
            matches!(&found, LoadError::Json { file, .. } if file == name),
            "{found}"
        );
    }
}
