//! The operations as candle custom ops, one file each: shapes are checked here, the arithmetic is in
//! `compute::cpu` and, with the feature `cuda`, in `compute::cuda`.

mod attend;
mod choose;
mod embed;
mod linear;
mod norm;
mod rotate;
mod rows;
mod silu;

use candle_core::{DType, Tensor};

pub(crate) use attend::attend;
pub(crate) use choose::choose;
pub(crate) use embed::embed;
pub(super) use linear::linear;
pub(crate) use norm::{add_rms_norm, rms_norm};
pub(crate) use rotate::{Rotation, rotate_and_store};
pub(crate) use rows::take_rows;
pub(crate) use silu::silu_mul;

use super::cache::KvLayer;
use super::error::ComputeError;
use super::plan::{BLOCK_TOKENS, HeadShape};

/// `(rows, columns)` of an activation tensor of the device's type.
fn activation(operation: &'static str, x: &Tensor) -> Result<(usize, usize), ComputeError> {
    let wanted = if x.device().is_cpu() {
        DType::F32
    } else {
        DType::BF16
    };
    match x.dims() {
        &[rows, columns] if x.dtype() == wanted && x.is_contiguous() => Ok((rows, columns)),
        dims => Err(ComputeError::shape(
            operation,
            format!(
                "se esperaba una matriz contigua {wanted:?} y llegó {dims:?} {:?}",
                x.dtype()
            ),
        )),
    }
}

/// How many blocks a layer's cache has.
///
/// # Errors
/// A cache that was not made for these heads.
fn check_layer(layer: &KvLayer, shape: HeadShape) -> Result<usize, ComputeError> {
    let block = shape.kv_heads * BLOCK_TOKENS * shape.head_dim;
    let blocks = layer.values.dims().first().copied().unwrap_or(0);
    let sound = layer.keys.elem_count() == blocks * block
        && layer.values.elem_count() == blocks * block
        && layer.keys.is_contiguous()
        && layer.values.is_contiguous();
    if sound {
        Ok(blocks)
    } else {
        let detail = format!("{:?} no es una caché para {shape:?}", layer.values.dims());
        Err(ComputeError::shape("caché de atención", detail))
    }
}
