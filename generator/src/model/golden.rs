//! Logits of tiny models against those that transformers and llama.cpp computed once, and greedy
//! continuations of real weights against llama.cpp's. `scripts/make-fixtures` made the figures.

use std::io::Write as _;
use std::path::PathBuf;

use candle_core::Device;

use super::options::{DeviceChoice, LoadOptions, Packing};
use super::shards::Shards;
use super::{LoadError, Model};
use crate::compute::{BLOCK_TOKENS, Span, StepPlan};
use crate::engine::forward::Forward;

pub(super) fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

pub(super) fn on_cpu() -> LoadOptions {
    LoadOptions {
        device: DeviceChoice::Cpu,
        ..LoadOptions::default()
    }
}

/// One sequence alone, computed in whatever pieces the test wants.
struct Alone {
    forward: Forward,
    blocks: Vec<u32>,
    done: usize,
}

impl Alone {
    fn new(model: Model, most: usize) -> Self {
        let blocks = most.div_ceil(BLOCK_TOKENS);
        Self {
            forward: Forward::new(model, blocks).unwrap(),
            // Back to front: a table that is no identity.
            blocks: (0..blocks as u32).rev().collect(),
            done: 0,
        }
    }

    /// Logits of the asked rows among `ids`, the next tokens of the sequence.
    fn logits(&mut self, ids: &[u32], rows: &[u32]) -> Vec<Vec<f32>> {
        let context = self.done + ids.len();
        let positions: Vec<u32> = (self.done as u32..context as u32).collect();
        let slot = |position: &u32| {
            let (block, offset) = (
                *position as usize / BLOCK_TOKENS,
                *position as usize % BLOCK_TOKENS,
            );
            self.blocks[block] * BLOCK_TOKENS as u32 + offset as u32
        };
        let plan = StepPlan {
            slots: positions.iter().map(slot).collect(),
            positions,
            spans: vec![Span {
                first_row: 0,
                rows: ids.len(),
                context,
                blocks: self.blocks[..context.div_ceil(BLOCK_TOKENS)].to_vec(),
            }],
        };
        self.done = context;
        self.forward
            .run(ids, plan, rows)
            .unwrap()
            .map_or_else(Vec::new, |logits| logits.to_vec2().unwrap())
    }
}

/// Tokens and the peer's logits after each.
fn expected(name: &str) -> (Vec<u32>, Vec<Vec<f32>>) {
    let mut shards = Shards::open(&fixture(name), "expected").unwrap();
    let tokens: Vec<f32> = shards
        .tensor("tokens", &Device::Cpu)
        .and_then(|tokens| Ok(tokens.to_vec1()?))
        .unwrap();
    let logits = shards.tensor("logits", &Device::Cpu).unwrap();
    let tokens = tokens.iter().map(|token| *token as u32).collect();
    (tokens, logits.to_vec2().unwrap())
}

/// How far logits lie from the peer's.
struct Distance {
    largest: f32,
    mean_square_root: f32,
}

fn compare(name: &str, model: Model) -> Distance {
    let (tokens, expected) = expected(name);
    let rows: Vec<u32> = (0..tokens.len() as u32).collect();
    let found = Alone::new(model, tokens.len()).logits(&tokens, &rows);
    assert_eq!(found.len(), expected.len());
    let differences: Vec<f32> = found
        .iter()
        .zip(&expected)
        .flat_map(|(found, expected)| {
            assert_eq!(found.len(), expected.len());
            found.iter().zip(expected).map(|(found, expected)| (found - expected).abs())
        })
        .collect();
    assert!(differences.iter().all(|difference| difference.is_finite()));
    let squares: f32 = differences.iter().map(|difference| difference * difference).sum();
    let distance = Distance {
        largest: differences.iter().copied().fold(0.0, f32::max),
        mean_square_root: (squares / differences.len() as f32).sqrt(),
    };
    let _ = writeln!(
        std::io::stderr(),
        "{name}: largest difference {:.2e}, root of mean square {:.2e}",
        distance.largest,
        distance.mean_square_root
    );
    distance
}

fn check(name: &str, model: Result<Model, LoadError>, most: Distance) {
    let found = compare(name, model.unwrap());
    assert!(found.largest <= most.largest, "{name}: {}", found.largest);
    assert!(
        found.mean_square_root <= most.mean_square_root,
        "{name}: {}",
        found.mean_square_root
    );
}

/// Files from fixtures, put together in a folder of its own.
pub(super) fn assembled(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sistole-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for (from, file) in files {
        std::fs::copy(fixture(from).join(file), folder.join(file)).unwrap();
    }
    folder
}

/// Keys and values are kept as f16 here and as f32 by transformers: that is nearly all of the
/// difference (2^-11 of a value), on logits of spread 1. A wrong head, theta or norm moves them by
/// whole units.
const PUBLISHED: Distance = Distance {
    largest: 5e-3,
    mean_square_root: 5e-4,
};

#[test]
fn published_llama_gives_the_logits_of_transformers() {
    check("llama", Model::open(&fixture("llama"), &on_cpu()), PUBLISHED);
}

#[test]
fn stretched_positions_give_the_logits_of_transformers() {
    let folder = assembled(
        "stretched",
        &[
            ("llama-stretched", "config.json"),
            ("llama", "model.safetensors"),
            ("llama", "tokenizer.json"),
        ],
    );
    let name = "llama-stretched";
    let plain = compare(name, Model::open(&fixture("llama"), &on_cpu()).unwrap());
    assert!(plain.largest > 10.0 * PUBLISHED.largest, "the fixture tells nothing");
    check(name, Model::open(&folder, &on_cpu()), PUBLISHED);
}

#[test]
fn a_merged_adapter_gives_the_logits_of_peft() {
    let options = LoadOptions {
        adapter: Some(fixture("llama-adapter")),
        ..on_cpu()
    };
    let name = "llama-adapter";
    let plain = compare(name, Model::open(&fixture("llama"), &on_cpu()).unwrap());
    assert!(plain.largest > 10.0 * PUBLISHED.largest, "the fixture tells nothing");
    let merged = Model::open(&fixture("llama"), &options);
    let plain = Model::open(&fixture("llama"), &on_cpu()).unwrap();
    assert_ne!(merged.as_ref().unwrap().digest(), plain.digest());
    check(name, merged, PUBLISHED);
}

#[test]
fn qwen2_in_bf16_shards_gives_the_logits_of_transformers() {
    let model = Model::open(&fixture("qwen2"), &on_cpu()).unwrap();
    assert_eq!(model.weights.embedding.dtype_name(), "bf16");
    assert_eq!(model.config.stop_ids, [256, 258].into());
    check("qwen2", Ok(model), PUBLISHED);
}

/// Activations are packed to 8 bits as llama.cpp packs them; where two sums differ in their last
/// bits the packed value may be its neighbour (1/127 of the largest of its block), and that goes on
/// through the layers. llama.cpp's kernels for AVX2, AVX-512 and AMX, with and without fused
/// attention and with f16 and f32 caches, differ from one another on these very files by up to
/// 0.095, and by 0.020 in root of mean square; packing the weights moved logits by 0.5 to 0.75.
const PACKED: Distance = Distance {
    largest: 0.1,
    mean_square_root: 0.02,
};

#[test]
fn gguf_llama_q8_0_with_frequency_divisors_gives_the_logits_of_llama_cpp() {
    check("llama-q8_0", Model::open(&fixture("llama-q8_0"), &on_cpu()), PACKED);
}

#[test]
fn gguf_llama_q4_k_gives_the_logits_of_llama_cpp() {
    let model = Model::open(&fixture("llama-q4_k").join("model.gguf"), &on_cpu()).unwrap();
    assert_eq!(model.weights.embedding.dtype_name(), "Q6_K");
    check("llama-q4_k", Ok(model), PACKED);
}

#[test]
fn gguf_llama_q4_1_gives_the_logits_of_llama_cpp() {
    check("llama-q4_1", Model::open(&fixture("llama-q4_1"), &on_cpu()), PACKED);
}

#[test]
fn gguf_qwen2_q5_0_gives_the_logits_of_llama_cpp() {
    check("qwen2-q5_0", Model::open(&fixture("qwen2-q5_0"), &on_cpu()), PACKED);
}

#[test]
fn a_prompt_in_pieces_gives_the_same_logits_bit_for_bit() {
    for name in ["llama", "qwen2", "llama-q8_0", "llama-q4_k", "llama-q4_1", "qwen2-q5_0"] {
        let (tokens, _) = expected(name);
        let last = tokens.len() as u32 - 1;
        let open = || Model::open(&fixture(name), &on_cpu()).unwrap();
        let whole = Alone::new(open(), tokens.len()).logits(&tokens, &[last]);
        let mut alone = Alone::new(open(), tokens.len());
        alone.logits(&tokens[..7], &[]);
        alone.logits(&tokens[7..8], &[0]);
        let pieces = alone.logits(&tokens[8..], &[last - 8]);
        assert_eq!(whole, pieces, "{name}");
    }
}

#[test]
fn packing_while_loading_keeps_the_logits_near_and_the_plan_small() {
    let plain = Model::open(&fixture("llama"), &on_cpu()).unwrap();
    let options = LoadOptions {
        quantize: Some(Packing::Q8_0),
        ..on_cpu()
    };
    let packed = Model::open(&fixture("llama"), &options).unwrap();
    assert!(packed.plan().weights * 2 < plain.plan().weights);
    let near = Distance {
        largest: 0.2,
        mean_square_root: 0.04,
    };
    check("llama", Ok(packed), near);
}

/// What llama.cpp answered, greedily, to one prompt.
#[derive(serde::Deserialize)]
struct Continuation {
    text: String,
    prompt: Vec<u32>,
    continuation: Vec<u32>,
}

#[derive(serde::Deserialize)]
struct Continuations {
    sha256: String,
    agreed: Vec<Continuation>,
}

/// The real weights, if `scripts/fetch-test-models.sh` has fetched them.
fn real_weights(file: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SISTOLE_TEST_MODELS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/test-models"),
        PathBuf::from,
    );
    let path = folder.join(file);
    if path.exists() {
        return Some(path);
    }
    let _ = writeln!(
        std::io::stderr(),
        "NOT RUN: {file} is not there; scripts/fetch-test-models.sh fetches it"
    );
    None
}

fn greedy(logits: &[f32]) -> u32 {
    let mut best = 0;
    for (id, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = id;
        }
    }
    best as u32
}

#[test]
fn smollm2_answers_as_llama_cpp_does_token_for_token() {
    let Some(path) = real_weights("SmolLM2-135M-Instruct.Q4_1.gguf") else {
        return;
    };
    let figures = std::fs::read(fixture("smollm2.json")).unwrap();
    let figures: Continuations = serde_json::from_slice(&figures).unwrap();
    assert_eq!(figures.agreed.len(), 10);
    let model = Model::open(&path, &on_cpu()).unwrap();
    assert_eq!(model.digest(), figures.sha256);
    let tokenizer = model.tokenizer.clone();
    let mut alone = Alone::new(model, 1024);
    let mut wrong = Vec::new();
    for (place, expected) in figures.agreed.iter().enumerate() {
        assert_eq!(tokenizer.encode_template(&expected.text).unwrap(), expected.prompt);
        alone.done = 0;
        let mut ids = expected.prompt.clone();
        for (step, right) in expected.continuation.iter().enumerate() {
            let rows = alone.logits(&ids, &[ids.len() as u32 - 1]);
            let token = greedy(&rows[0]);
            if token != *right {
                let row = &rows[0];
                let margin = row[token as usize] - row[*right as usize];
                wrong.push(format!(
                    "prompt {place} step {step}: {token} for {right}, ahead by {margin}"
                ));
                break;
            }
            ids = vec![token];
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
