//! Tokens in, logits out: the decoder that Llama and Qwen2 share.
//!
//! Pre-norm blocks of grouped-query attention with rotary positions and a gated MLP (Touvron et
//! al., 2023). What tells the two apart (bias on q, k and v; how heads are rotated) is in the
//! weights.

use candle_core::{Device, Tensor};

use crate::compute::{
    ComputeError, HeadShape, KvCache, RopeTable, StepPlan, add_rms_norm, attend, embed, rms_norm,
    rotate_and_store, silu_mul, take_rows,
};
use crate::model::{LayerWeights, Model};

/// A model with its cache of keys and values.
pub(crate) struct Forward {
    model: Model,
    rope: RopeTable,
    cache: KvCache,
    shape: HeadShape,
    device: Device,
}

impl Forward {
    /// Preallocates `blocks` blocks and the rotary table of the model's window.
    ///
    /// # Errors
    /// [`ComputeError`] where the device has no room.
    pub(crate) fn new(model: Model, blocks: usize) -> Result<Self, ComputeError> {
        let config = &model.config;
        let shape = config.head_shape();
        let device = model.device.clone();
        let frequencies = &model.weights.inverse_frequencies;
        Ok(Self {
            rope: RopeTable::new(frequencies, model.context_tokens(), &device)?,
            cache: KvCache::new(config.layers, blocks, shape, &device)?,
            shape,
            device,
            model,
        })
    }

    /// The device that computes.
    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    /// Computes the rows of a step, writes their keys and values, and returns f32 logits
    /// `[logit_rows.len(), vocab]`; none where no row is asked for.
    ///
    /// # Errors
    /// [`ComputeError`] for a plan that contradicts itself, and what the device says.
    pub(crate) fn run(
        &self,
        ids: &[u32],
        plan: StepPlan,
        logit_rows: &[u32],
    ) -> Result<Option<Tensor>, ComputeError> {
        let plan = plan.on(&self.device)?;
        let weights = &self.model.weights;
        let eps = self.model.config.norm_eps;
        let last = weights.layers.len().saturating_sub(1);
        let mut x = embed(&weights.embedding, ids, &self.device)?;
        let mut delta: Option<Tensor> = None;
        for (index, (layer, cache)) in weights.layers.iter().zip(&self.cache.layers).enumerate() {
            let normed = match delta.take() {
                None => rms_norm(&x, &layer.attention_norm, eps)?,
                Some(delta) => {
                    let (sum, normed) = add_rms_norm(&x, &delta, &layer.attention_norm, eps)?;
                    x = sum;
                    normed
                }
            };
            let qkv = layer.qkv.forward(&normed)?;
            let q = rotate_and_store(&qkv, &self.rope, weights.rotary, &plan, cache, self.shape)?;
            if index == last && logit_rows.is_empty() {
                // Keys and values were all that was wanted.
                return Ok(None);
            }
            let mut attended = attend(&q, &plan, cache, self.shape)?;
            if index == last && logit_rows.len() < ids.len() {
                attended = take_rows(&attended, logit_rows)?;
                x = take_rows(&x, logit_rows)?;
            }
            delta = Some(mlp(layer, &mut x, &attended, eps)?);
        }
        let normed = match delta {
            None => rms_norm(&x, &weights.norm, eps)?,
            Some(delta) => add_rms_norm(&x, &delta, &weights.norm, eps)?.1,
        };
        Ok(Some(weights.head.forward_exact(&normed)?))
    }
}

/// The half of a layer after attention: adds the attention to `x` and returns what the MLP adds.
fn mlp(
    layer: &LayerWeights,
    x: &mut Tensor,
    attended: &Tensor,
    eps: f32,
) -> Result<Tensor, ComputeError> {
    let delta = layer.output.forward(attended)?;
    let (sum, normed) = add_rms_norm(x, &delta, &layer.mlp_norm, eps)?;
    *x = sum;
    let gated = silu_mul(&layer.gate_up.forward(&normed)?)?;
    Ok(layer.down.forward(&gated)?)
}
