//! Models of true shapes with random weights: for tests, and to measure speed without a download.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Tensor};

use super::Model;
use super::config::ModelConfig;
use super::error::LoadError;
use super::plan::{Load, MemoryPlan};
use super::template::ChatTemplate;
use super::tensors::Slot;
use super::tokenizer::ModelTokenizer;
use super::weights::{Source, Weights};
use crate::compute::{Matrix, RotaryStyle};

/// The format of random matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RandomFormat {
    /// f32, f16 or bf16.
    Dense(DType),
    /// GGUF blocks.
    Quantized(GgmlDType),
}

impl Model {
    /// A model with random weights that are the same for the same `seed`, a byte-level tokenizer
    /// and a ChatML template. Standard deviations are those of a fresh Llama, so that activations
    /// stay finite through any depth.
    pub(crate) fn random(
        config: ModelConfig,
        format: RandomFormat,
        device: &Device,
        seed: u64,
    ) -> Result<Self, LoadError> {
        let mut source = Random {
            config: &config,
            format,
            device,
            state: seed ^ 0x9e37_79b9_7f4a_7c15,
        };
        let weights = Weights::read(&config, RotaryStyle::Halves, device, &mut source)?;
        let tokenizer = ModelTokenizer::from_bytes(byte_tokenizer().as_bytes(), config.vocab)?;
        let bytes = weights.bytes(config.tied_embeddings) as u64;
        let load = Load {
            cache_tokens: config.max_positions,
            context_tokens: config.max_positions,
            step_tokens: 0,
        };
        let plan = MemoryPlan::new(&config, bytes, load, u64::MAX);
        Ok(Self {
            context_tokens: config.max_positions,
            cache_tokens: config.max_positions,
            config,
            weights,
            tokenizer: Arc::new(tokenizer),
            template: ChatTemplate::chat_ml()?,
            name: "random".to_owned(),
            digest: format!("{seed:064x}"),
            plan,
            device: device.clone(),
        })
    }
}

struct Random<'a> {
    config: &'a ModelConfig,
    format: RandomFormat,
    device: &'a Device,
    state: u64,
}

impl Random<'_> {
    /// SplitMix64: every number of a small model is drawn on the CPU, the same on any machine.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform with the given standard deviation.
    fn draw(&mut self, count: usize, deviation: f32) -> Vec<f32> {
        let spread = deviation * 12f32.sqrt();
        (0..count)
            .map(|_| ((self.next() >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * spread)
            .collect()
    }
}

/// Numbers drawn for one matrix. Larger ones repeat them: their content does not matter to whoever
/// measures speed, and drawing 40 thousand million takes minutes. Odd, so that rows differ.
const STRETCH: usize = (1 << 20) + 7;

impl Source for Random<'_> {
    fn matrix(&mut self, slot: Slot) -> Result<Matrix, LoadError> {
        let shape = slot.shape(self.config);
        let inputs = shape.last().copied().unwrap_or(1).max(1);
        let deviation = match slot {
            Slot::Embedding => 1.0,
            _ => 1.0 / (inputs as f32).sqrt(),
        };
        let count: usize = shape.iter().product();
        match self.format {
            RandomFormat::Dense(dtype) => {
                let stretch = self.draw(count.min(STRETCH), deviation);
                let length = stretch.len();
                let stretch = Tensor::from_vec(stretch, (1, length), &Device::Cpu)?
                    .to_dtype(dtype)?
                    .to_device(self.device)?;
                let all = stretch
                    .broadcast_as((count.div_ceil(length), length))?
                    .flatten_all()?
                    .narrow(0, 0, count)?;
                Ok(Matrix::Dense(all.reshape(shape)?.contiguous()?))
            }
            RandomFormat::Quantized(dtype) => {
                let rows = (STRETCH / inputs).clamp(1, shape[0]);
                let stretch = self.draw(rows * inputs, deviation);
                let stretch = Tensor::from_vec(stretch, (rows, inputs), &Device::Cpu)?;
                let packed = QTensor::quantize(&stretch, dtype)?;
                let packed = packed.data()?;
                let bytes = packed.len() / rows * shape[0];
                let all: Vec<u8> = packed.iter().copied().cycle().take(bytes).collect();
                let storage = QStorage::from_data(Cow::Owned(all), self.device, dtype)?;
                Ok(Matrix::Quantized(Arc::new(QTensor::new(storage, shape)?)))
            }
        }
    }

    fn vector(&mut self, slot: Slot) -> Result<Tensor, LoadError> {
        let shape = slot.shape(self.config);
        let count = shape.iter().product();
        let around_one = self.draw(count, 0.1).into_iter().map(|value| 1.0 + value);
        Ok(Tensor::from_vec(
            around_one.collect::<Vec<_>>(),
            shape,
            &Device::Cpu,
        )?)
    }
}

/// A `tokenizer.json` with the 256 bytes and the marks of ChatML: ids 0–255 and 256–258.
pub(super) fn byte_tokenizer() -> String {
    let mut vocab = String::new();
    for byte in 0..=255u8 {
        let shown = serde_json::to_string(&byte_char(byte).to_string()).unwrap_or_default();
        let _ = write!(vocab, "{shown}:{byte},");
    }
    vocab.pop();
    let added: Vec<String> = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
        .iter()
        .zip(256..)
        .map(|(text, id)| {
            format!(
                r#"{{"id":{id},"content":"{text}","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}}"#
            )
        })
        .collect();
    let level =
        r#"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}"#;
    format!(
        r#"{{"version":"1.0","truncation":null,"padding":null,"added_tokens":[{}],"normalizer":null,"pre_tokenizer":{level},"post_processor":null,"decoder":{level},"model":{{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,"vocab":{{{vocab}}},"merges":[]}}}}"#,
        added.join(",")
    )
}

/// GPT-2's printable character for a byte.
fn byte_char(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    if printable(byte) {
        return char::from(byte);
    }
    let rank = (0..byte).filter(|other| !printable(*other)).count() as u32;
    char::from_u32(256 + rank).unwrap_or('\u{fffd}')
}
