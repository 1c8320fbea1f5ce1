//! What the engine promises, on tiny random models.

mod constrained;
mod faults;
mod limits;
mod same;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use candle_core::{DType, Device};

use super::{
    Engine, EngineConfig, EngineStatus, Event, Finished, GenerateError, Generation, Request,
};
use crate::model::{Architecture, Model, ModelConfig, RandomFormat, Rope};

/// What goes wrong in the next step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// A panic.
    Panic,
    /// A device that fails.
    Device,
    /// A device without memory.
    Memory,
}

impl Fault {
    /// Lets happen what was laid in wait, once.
    pub(super) fn strike(laid: &Mutex<Option<Self>>) -> Result<(), GenerateError> {
        let fault = laid.lock().unwrap_or_else(PoisonError::into_inner).take();
        match fault {
            None => Ok(()),
            Some(Self::Panic) => panic!("laid in wait by a test"),
            Some(Self::Device) => Err(candle_core::Error::Msg("broken".to_owned()).into()),
            Some(Self::Memory) => {
                Err(candle_core::Error::Msg("CUDA_ERROR_OUT_OF_MEMORY".to_owned()).into())
            }
        }
    }
}

const VOCAB: usize = 272;
const STOP: u32 = 258;

fn tiny_config(architecture: Architecture) -> ModelConfig {
    ModelConfig {
        architecture,
        hidden: 64,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_dim: 16,
        intermediate: 96,
        vocab: VOCAB,
        max_positions: 512,
        norm_eps: 1e-5,
        rope: Rope {
            theta: 10_000.0,
            scaling: None,
        },
        tied_embeddings: architecture == Architecture::Qwen2,
        attention_bias: architecture == Architecture::Qwen2,
        output_bias: false,
        mlp_bias: false,
        stop_ids: BTreeSet::from([STOP]),
        bos_id: None,
    }
}

fn tiny(architecture: Architecture) -> Model {
    let format = RandomFormat::Dense(DType::F32);
    Model::random(tiny_config(architecture), format, &Device::Cpu, 7).expect("a random model")
}

fn start(config: EngineConfig) -> Engine {
    Engine::start(tiny(Architecture::Llama), config).expect("an engine")
}

/// One at a time, whole prompts, no proposals: what every other way must equal.
fn plain() -> EngineConfig {
    EngineConfig {
        max_sequences: 1,
        queue: 64,
        prefill_tokens_per_step: 4096,
        cache_tokens: 512,
        lookup: false,
        ..EngineConfig::default()
    }
}

/// Reads a text to its end.
fn read(mut generation: Generation) -> Result<(Vec<u32>, Finished), GenerateError> {
    let mut text = Vec::new();
    let ended = loop {
        match generation.blocking_next().expect("an end is announced") {
            Event::Tokens { ids } => {
                assert!(!ids.is_empty());
                text.extend(ids);
            }
            Event::Finished(finished) => {
                assert_eq!(finished.generated_tokens, text.len());
                break Ok((text, finished));
            }
            Event::Failed(error) => break Err(error),
        }
    };
    assert_eq!(generation.blocking_next(), None, "nothing follows the end");
    ended
}

fn write(engine: &Engine, request: &Request) -> (Vec<u32>, Finished) {
    let generation = engine.generate(request.clone()).expect("taken");
    let (text, finished) = read(generation).expect("finished");
    assert!(
        request.to_length || !text.contains(&STOP),
        "a stop token is no text"
    );
    (text, finished)
}

/// The texts of requests that are all asked for before the first is read.
fn write_together(engine: &Engine, requests: &[Request]) -> Vec<Vec<u32>> {
    let generations: Vec<_> = requests
        .iter()
        .map(|request| engine.generate(request.clone()).expect("taken"))
        .collect();
    generations
        .into_iter()
        .map(|generation| read(generation).expect("finished").0)
        .collect()
}

/// The texts of requests served one after another, each by an engine that knows nothing.
fn write_alone(requests: &[Request]) -> Vec<Vec<u32>> {
    requests
        .iter()
        .map(|request| write(&start(plain()), request).0)
        .collect()
}

/// Waits until the engine has nothing to do.
fn at_rest(engine: &Engine) -> EngineStatus {
    let began = Instant::now();
    loop {
        let status = engine.status();
        if status.running == 0 && status.waiting == 0 {
            return status;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{status:?}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
