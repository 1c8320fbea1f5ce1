#![allow(unsafe_code, reason = "kernel launches")]
//! Attention over the block-wise cache: rows that stand alone by parts of their past, long spans by
//! tiles.

use candle_core::{DType, Result, Tensor};
use half::bf16;

use super::super::cache::KvLayer;
use super::super::error::ComputeError;
use super::super::plan::HeadShape;
use super::kernels;
use super::launch::{Arg, address, address_of, device_of, launch, room, tensor, word};
use super::plan::PlanOnDevice;
use super::shape::{PART_TOKENS, attention_fits, head_blocks, prefill_shared_bytes, tiles, waves};

/// Threads of a block of the prefill kernel.
const THREADS: usize = 128;

/// The caller has checked the plan's blocks against the cache.
pub(in super::super) fn attend(
    q: &Tensor,
    plan: &PlanOnDevice,
    layer: &KvLayer,
    shape: HeadShape,
) -> Result<Tensor> {
    if !attention_fits(shape) {
        let detail = format!("{shape:?}: en CUDA las cabezas son de 64 o 128");
        return Err(ComputeError::shape("attend", detail).into());
    }
    let device = device_of(q)?;
    let kernels = kernels::of(&device)?;
    let out = room::<bf16>(&device, q.elem_count())?;
    let (decode, join, prefill) = if shape.head_dim == 64 {
        (&kernels.decode_64, &kernels.join_64, &kernels.prefill_64)
    } else {
        (&kernels.decode_128, &kernels.join_128, &kernels.prefill_128)
    };
    let queries = address(q, DType::BF16)?;
    let keys = address(&layer.keys, DType::BF16)?;
    let values = address(&layer.values, DType::BF16)?;
    let result = Arg::At(address_of(&out));
    let (heads, kv_heads) = (word(shape.heads)?, word(shape.kv_heads)?);
    #[allow(clippy::cast_precision_loss, reason = "64 or 128")]
    let scale = Arg::Float(1.0 / (shape.head_dim as f32).sqrt());
    let packed = plan.packed();
    let (positions, tables) = (plan.at(0), plan.at(packed.tables));

    for wave in waves(&packed.single_positions, shape) {
        let of_wave = plan.at(packed.singles + 2 * wave.first);
        // With one part the kernel writes the result itself.
        let partial = if wave.parts > 1 {
            wave.rows * shape.heads * wave.parts
        } else {
            0
        };
        let sums = room::<f32>(&device, (2 * partial).max(2))?;
        let outs = room::<f32>(&device, (partial * shape.head_dim).max(1))?;
        let (sums, outs) = (Arg::At(address_of(&sums)), Arg::At(address_of(&outs)));
        let args = [
            queries, keys, values, of_wave, positions, tables, sums, outs, result, heads, kv_heads,
            scale,
        ];
        let grid = [wave.parts, head_blocks(shape), wave.rows];
        // SAFETY: rows, positions and tables are the plan's own, checked against the cache; sums and
        // outs hold a place for every row, head and part of the wave.
        unsafe { launch(&kernels.stream, decode, grid, PART_TOKENS, 0, &args)? };
        if wave.parts > 1 {
            let args = [
                sums,
                outs,
                of_wave,
                positions,
                result,
                heads,
                word(wave.parts)?,
                scale,
            ];
            // SAFETY: as above; the kernel reads the parts that each row's position fills.
            unsafe {
                launch(
                    &kernels.stream,
                    join,
                    [shape.heads, wave.rows, 1],
                    shape.head_dim,
                    0,
                    &args,
                )?;
            }
        }
    }
    if packed.span_count > 0 {
        let spans = plan.at(packed.spans);
        let args = [
            queries, keys, values, spans, tables, result, heads, kv_heads, scale,
        ];
        let grid = [
            tiles(packed.longest, shape),
            shape.kv_heads,
            packed.span_count,
        ];
        let shared = prefill_shared_bytes(shape.head_dim);
        // SAFETY: the spans' rows lie in q and out and their blocks in the cache; the shared memory is
        // what the kernel was set to at loading.
        unsafe { launch(&kernels.stream, prefill, grid, THREADS, shared, &args)? };
    }
    Ok(tensor(out, &device, q.shape()))
}
