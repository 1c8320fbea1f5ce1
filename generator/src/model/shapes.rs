//! The shapes of published models, to measure speed without their weights.

use std::collections::BTreeSet;
use std::str::FromStr;

use candle_core::DType;

use super::Model;
use super::config::{Architecture, ModelConfig};
use super::device::device;
use super::error::LoadError;
use super::options::DeviceChoice;
use super::random::RandomFormat;
use super::rope::Rope;

/// The shape of a published model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// SmolLM2-135M: 135 million weights.
    SmolLm2,
    /// Salamandra-2B.
    Salamandra2b,
    /// Salamandra-7B.
    Salamandra7b,
    /// ALIA-40B.
    Alia40b,
}

/// No such shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no hay una forma «{0}»: use smollm2, salamandra-2b, salamandra-7b o alia-40b")]
pub struct UnknownShape(String);

impl FromStr for Shape {
    type Err = UnknownShape;

    fn from_str(name: &str) -> Result<Self, UnknownShape> {
        [
            Self::SmolLm2,
            Self::Salamandra2b,
            Self::Salamandra7b,
            Self::Alia40b,
        ]
        .into_iter()
        .find(|shape| shape.name() == name)
        .ok_or_else(|| UnknownShape(name.to_owned()))
    }
}

impl Shape {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SmolLm2 => "smollm2",
            Self::Salamandra2b => "salamandra-2b",
            Self::Salamandra7b => "salamandra-7b",
            Self::Alia40b => "alia-40b",
        }
    }

    /// The numbers of the published configuration, with a window of `context_tokens`.
    fn config(self, context_tokens: usize) -> ModelConfig {
        // hidden, layers, heads, heads of keys, intermediate, vocabulary
        let [hidden, layers, heads, kv_heads, intermediate, vocab] = match self {
            Self::SmolLm2 => [576, 30, 9, 3, 1_536, 49_152],
            Self::Salamandra2b => [2_048, 24, 16, 16, 5_440, 256_000],
            Self::Salamandra7b => [4_096, 32, 32, 8, 11_008, 256_000],
            Self::Alia40b => [8_192, 48, 64, 8, 24_576, 256_000],
        };
        ModelConfig {
            architecture: Architecture::Llama,
            hidden,
            layers,
            heads,
            kv_heads,
            head_dim: hidden / heads,
            intermediate,
            vocab,
            max_positions: context_tokens,
            norm_eps: 1e-5,
            rope: Rope {
                theta: 10_000.0,
                scaling: None,
            },
            tied_embeddings: matches!(self, Self::SmolLm2),
            attention_bias: false,
            output_bias: false,
            mlp_bias: false,
            stop_ids: BTreeSet::new(),
            bos_id: None,
        }
    }
}

impl Model {
    /// Random weights in a published model's shape: bf16 on a GPU, f16 on a processor. What it
    /// writes means nothing; how fast it writes does.
    ///
    /// # Errors
    /// The device is not there, or they do not fit.
    pub fn with_random_weights(
        shape: Shape,
        choice: DeviceChoice,
        context_tokens: usize,
    ) -> Result<Self, LoadError> {
        let device = device(choice)?;
        let format = if device.is_cpu() {
            DType::F16
        } else {
            DType::BF16
        };
        let config = shape.config(context_tokens);
        Self::random(config, RandomFormat::Dense(format), &device, 1)
    }
}
