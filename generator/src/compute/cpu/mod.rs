//! The CPU kernels.

mod activations;
mod attend;
mod choose;
mod dense;
mod elementwise;
mod formats;
mod lanes;
mod linear;
mod pack;
mod panel;
mod pool;
#[cfg(test)]
mod reference;
mod rotate;
#[cfg(test)]
mod tests;
mod workers;

use candle_core::{CpuStorage, Layout, Result};
use half::f16;

pub(super) use attend::attend;
pub(crate) use attend::partial_bytes;
pub(super) use choose::choose;
pub(super) use elementwise::{add_rms_norm, rms_norm, silu_mul};
pub(super) use linear::{Part, linear};
pub(super) use rotate::{rotate_queries, store_keys, store_values};

/// The contiguous f32 elements of a storage.
pub(super) fn f32_slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (start, end) = contiguous(layout)?;
    Ok(&storage.as_slice::<f32>()?[start..end])
}

/// The contiguous f16 elements of a storage.
pub(super) fn f16_slice<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f16]> {
    let (start, end) = contiguous(layout)?;
    Ok(&storage.as_slice::<f16>()?[start..end])
}

/// The contiguous f16 elements of a storage, to write.
pub(super) fn f16_slice_mut<'a>(
    storage: &'a mut CpuStorage,
    layout: &Layout,
) -> Result<&'a mut [f16]> {
    let (start, end) = contiguous(layout)?;
    match storage {
        CpuStorage::F16(all) => Ok(&mut all[start..end]),
        _ => Err(candle_core::Error::Msg(
            "se esperaba una caché f16".to_owned(),
        )),
    }
}

fn contiguous(layout: &Layout) -> Result<(usize, usize)> {
    layout
        .contiguous_offsets()
        .ok_or_else(|| candle_core::Error::Msg("se esperaba un tensor contiguo".to_owned()))
}
