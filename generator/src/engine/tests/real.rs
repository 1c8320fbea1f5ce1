//! A published model, where one is at hand: set `SISTOLE_TEST_GGUF` to the path of its file.

use std::path::PathBuf;
use std::time::Instant;

use super::*;
use crate::engine::measure_speed;
use crate::model::LoadOptions;

fn open() -> Option<Model> {
    let path = PathBuf::from(std::env::var_os("SISTOLE_TEST_GGUF")?);
    let options = LoadOptions {
        context_tokens: 2048,
        cache_tokens: 8192,
        ..LoadOptions::default()
    };
    Some(Model::open(&path, &options).expect("a model"))
}

/// To look at, not to pass: where a step's time goes.
#[test]
#[ignore = "measures, and wants a published model in SISTOLE_TEST_GGUF"]
fn speed_of_a_published_model() {
    let Some(model) = open() else {
        return;
    };
    let report = measure_speed(model, 512, 64, 4).expect("measured");
    let shown = serde_json::to_string_pretty(&report).expect("a report is data");
    std::fs::write(std::env::temp_dir().join("sistole-speed.json"), shown).expect("written");
}

/// A copying task, which proposals are for: how much they save where they decide by themselves.
#[test]
#[ignore = "measures, and wants a published model in SISTOLE_TEST_GGUF"]
fn what_proposals_save_on_a_text_that_copies() {
    let Some(model) = open() else {
        return;
    };
    let tokenizer = std::sync::Arc::clone(&model.tokenizer);
    let passage = "La dosis inicial de enoxaparina es de 40 mg al día por vía subcutánea. \
                   Se ajusta a 20 mg si el filtrado es menor de 30 ml/min. ";
    let prompt = format!(
        "<|im_start|>user\nRepite este texto palabra por palabra: {}<|im_end|>\n<|im_start|>assistant\n",
        passage.repeat(3)
    );
    let tokens = tokenizer.encode_template(&prompt).expect("tokens");
    drop(model);
    let mut shown = String::new();
    for lookup in [false, true, false, true] {
        let config = EngineConfig {
            lookup,
            ..EngineConfig::default()
        };
        let engine = Engine::start(open().expect("a model"), config).expect("an engine");
        let request = Request {
            to_length: true,
            ..Request::new(tokens.clone(), 150)
        };
        let began = Instant::now();
        let (text, finished) = write(&engine, &request);
        let took = began.elapsed();
        shown += &format!(
            "{lookup}: {took:?} {finished:?} {:?}\n{}\n",
            at_rest(&engine),
            tokenizer.decode(&text)
        );
    }
    std::fs::write(std::env::temp_dir().join("sistole-lookup.txt"), shown).expect("written");
}
