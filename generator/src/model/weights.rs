//! The weights of a model, ready to compute with.

use candle_core::{DType, Device, Tensor};

use super::config::ModelConfig;
use super::error::LoadError;
use super::tensors::{Part, Slot};
use crate::compute::{ComputeError, Linear, Matrix, RotaryStyle};

/// The weights of one layer.
#[derive(Debug, Clone)]
pub(crate) struct LayerWeights {
    /// RMSNorm before attention, `[hidden]`.
    pub(crate) attention_norm: Tensor,
    /// `[hidden]` to q, k, v side by side.
    pub(crate) qkv: Linear,
    /// `[heads * head_dim]` to `[hidden]`.
    pub(crate) output: Linear,
    /// RMSNorm before the feed-forward part, `[hidden]`.
    pub(crate) mlp_norm: Tensor,
    /// `[hidden]` to gate and up side by side.
    pub(crate) gate_up: Linear,
    /// `[intermediate]` to `[hidden]`.
    pub(crate) down: Linear,
}

/// The weights of a model.
#[derive(Debug, Clone)]
pub(crate) struct Weights {
    /// `[vocab, hidden]`.
    pub(crate) embedding: Matrix,
    /// In order.
    pub(crate) layers: Vec<LayerWeights>,
    /// RMSNorm before the head, `[hidden]`.
    pub(crate) norm: Tensor,
    /// `[hidden]` to `[vocab]`; shares the embedding's storage where they are tied.
    pub(crate) head: Linear,
    /// How the rows of q and k are laid out.
    pub(crate) rotary: RotaryStyle,
    /// Radians per position, `head_dim / 2` of them.
    pub(crate) inverse_frequencies: Vec<f32>,
}

/// Where tensors come from. Presence, shape and type have been checked before the first is read.
pub(super) trait Source {
    /// A matrix `[outputs, inputs]` on the device.
    fn matrix(&mut self, slot: Slot) -> Result<Matrix, LoadError>;
    /// A vector on the CPU, of any floating type.
    fn vector(&mut self, slot: Slot) -> Result<Tensor, LoadError>;
}

impl Weights {
    /// Reads all tensors of a model.
    pub(super) fn read(
        config: &ModelConfig,
        rotary: RotaryStyle,
        device: &Device,
        source: &mut dyn Source,
    ) -> Result<Self, LoadError> {
        let embedding = source.matrix(Slot::Embedding)?;
        let mut layers = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            let mut reader = LayerReader {
                layer,
                config,
                device,
                source: &mut *source,
            };
            layers.push(reader.read()?);
        }
        let norm = vector(source, Slot::Norm, device)?;
        let head = if config.tied_embeddings {
            embedding.clone()
        } else {
            source.matrix(Slot::Head)?
        };
        Ok(Self {
            embedding,
            layers,
            norm,
            head: linear(vec![(head, None)])?,
            rotary,
            inverse_frequencies: config.rope.inverse_frequencies(config.head_dim),
        })
    }

    /// Bytes of all matrices. A head that is the `tied` embedding counts where it is a copy.
    pub(crate) fn bytes(&self, tied: bool) -> usize {
        let layers: usize = self
            .layers
            .iter()
            .map(|l| l.qkv.bytes() + l.output.bytes() + l.gate_up.bytes() + l.down.bytes())
            .sum();
        let head = if tied && !self.embedding.is_copied() {
            0
        } else {
            self.head.bytes()
        };
        layers + self.embedding.bytes() + head
    }
}

struct LayerReader<'a> {
    layer: usize,
    config: &'a ModelConfig,
    device: &'a Device,
    source: &'a mut dyn Source,
}

impl LayerReader<'_> {
    fn read(&mut self) -> Result<LayerWeights, LoadError> {
        let attention = self.config.attention_bias;
        let output = self.config.output_bias;
        let mlp = self.config.mlp_bias;
        Ok(LayerWeights {
            attention_norm: self.vector(Part::AttentionNorm)?,
            qkv: self.linear(&[
                (Part::Query, attention.then_some(Part::QueryBias)),
                (Part::Key, attention.then_some(Part::KeyBias)),
                (Part::Value, attention.then_some(Part::ValueBias)),
            ])?,
            output: self.linear(&[(Part::Output, output.then_some(Part::OutputBias))])?,
            mlp_norm: self.vector(Part::MlpNorm)?,
            gate_up: self.linear(&[
                (Part::Gate, mlp.then_some(Part::GateBias)),
                (Part::Up, mlp.then_some(Part::UpBias)),
            ])?,
            down: self.linear(&[(Part::Down, mlp.then_some(Part::DownBias))])?,
        })
    }

    fn linear(&mut self, parts: &[(Part, Option<Part>)]) -> Result<Linear, LoadError> {
        let mut read = Vec::with_capacity(parts.len());
        for (matrix, bias) in parts {
            let matrix = self.source.matrix(Slot::Layer(self.layer, *matrix))?;
            let bias = bias.map(|bias| self.vector(bias)).transpose()?;
            read.push((matrix, bias));
        }
        linear(read)
    }

    fn vector(&mut self, part: Part) -> Result<Tensor, LoadError> {
        vector(self.source, Slot::Layer(self.layer, part), self.device)
    }
}

fn linear(parts: Vec<(Matrix, Option<Tensor>)>) -> Result<Linear, LoadError> {
    Linear::new(parts).map_err(|error| match error {
        ComputeError::Device(source) => LoadError::Compute(source),
        other => LoadError::Compute(other.into()),
    })
}

/// Vectors are few: f32 on either device.
fn vector(source: &mut dyn Source, slot: Slot, device: &Device) -> Result<Tensor, LoadError> {
    let read = source.vector(slot)?;
    Ok(read.to_dtype(DType::F32)?.to_device(device)?)
}
