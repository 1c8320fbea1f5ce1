use candle_core::{DType, Device, Tensor};

use super::error::ComputeError;
use super::plan::{BLOCK_TOKENS, HeadShape};

/// Keys and values of one layer, in blocks. Only this module's kernels know the order inside a block:
/// on CUDA `[blocks, kv_heads, BLOCK_TOKENS, head_dim]` bf16 for both; on CPU f16, with the keys
/// transposed (`[blocks, kv_heads, head_dim, BLOCK_TOKENS]`) so that the scores of a block's tokens
/// fill a register without shuffles.
#[derive(Clone, Debug)]
pub(crate) struct KvLayer {
    pub(crate) keys: Tensor,
    pub(crate) values: Tensor,
}

/// The blocks of all layers; block `b` of every layer belongs to the same tokens.
#[derive(Clone, Debug)]
pub(crate) struct KvCache {
    pub(crate) layers: Vec<KvLayer>,
}

impl KvCache {
    /// Preallocates `blocks` blocks in each of `layers` layers.
    ///
    /// # Errors
    /// An impossible head shape; no room on the device.
    pub(crate) fn new(
        layers: usize,
        blocks: usize,
        shape: HeadShape,
        device: &Device,
    ) -> Result<Self, ComputeError> {
        shape.check()?;
        let as_values = (blocks, shape.kv_heads, BLOCK_TOKENS, shape.head_dim);
        let (dtype, as_keys) = if device.is_cpu() {
            (
                DType::F16,
                (blocks, shape.kv_heads, shape.head_dim, BLOCK_TOKENS),
            )
        } else {
            (DType::BF16, as_values)
        };
        let layers = (0..layers)
            .map(|_| {
                Ok(KvLayer {
                    keys: Tensor::zeros(as_keys, dtype, device)?,
                    values: Tensor::zeros(as_values, dtype, device)?,
                })
            })
            .collect::<candle_core::Result<Vec<_>>>()?;
        Ok(Self { layers })
    }

    /// Bytes of one block over all layers, keys and values (two bytes an element on every device).
    pub(crate) fn bytes_per_block(layers: usize, shape: HeadShape) -> usize {
        layers * 2 * shape.kv_heads * BLOCK_TOKENS * shape.head_dim * 2
    }
}
