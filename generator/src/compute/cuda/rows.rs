#![allow(unsafe_code, reason = "kernel launches")]
//! Operations on whole rows: gathering, sums, norms, rotary positions, SwiGLU.

use candle_core::{DType, Result, Tensor};
use half::bf16;

use super::super::cache::KvLayer;
use super::super::error::ComputeError;
use super::super::plan::HeadShape;
use super::super::rope::{RopeTable, RotaryStyle};
use super::kernels;
use super::launch::{Arg, address, address_of, aligned, device_of, launch, room, tensor, word};
use super::plan::PlanOnDevice;
use super::shape::norm_threads;

const THREADS: usize = 256;

/// The rows of `table` `[any, columns]` named by `ids`, which the caller has checked to exist.
pub(in super::super) fn gather(table: &Tensor, ids: &[u32]) -> Result<Tensor> {
    let (_, columns) = table.dims2()?;
    let wide = eighths("gather", columns)?;
    let device = device_of(table)?;
    let kernels = kernels::of(&device)?;
    let from = address(table, DType::BF16)?;
    let on_device = device.clone_htod(ids)?;
    let out = room::<bf16>(&device, ids.len() * columns)?;
    let args = [
        from,
        Arg::At(address_of(&on_device)),
        Arg::At(address_of(&out)),
        word(wide)?,
    ];
    // SAFETY: one id and one row of `out` for each block along x; ids are below the table's rows.
    unsafe {
        launch(
            &kernels.stream,
            &kernels.gather_rows,
            [ids.len(), wide.div_ceil(THREADS), 1],
            THREADS,
            0,
            &args,
        )?;
    }
    Ok(tensor(out, &device, (ids.len(), columns)))
}

/// `silu(gate) * up` of rows that hold both.
pub(in super::super) fn silu_mul(gate_up: &Tensor) -> Result<Tensor> {
    let (rows, columns) = gate_up.dims2()?;
    let half = columns / 2;
    let wide = eighths("silu_mul", half)?;
    let device = device_of(gate_up)?;
    let kernels = kernels::of(&device)?;
    let out = room::<bf16>(&device, rows * half)?;
    let count = rows * wide;
    let args = [
        address(gate_up, DType::BF16)?,
        Arg::At(address_of(&out)),
        word(wide)?,
        Arg::Long(count as u64),
    ];
    // SAFETY: `rows` rows of 2 * 8 * wide values go in, of 8 * wide come out.
    unsafe {
        launch(
            &kernels.stream,
            &kernels.silu_mul,
            [count.div_ceil(THREADS), 1, 1],
            THREADS,
            0,
            &args,
        )?;
    }
    Ok(tensor(out, &device, (rows, half)))
}

/// Root-mean-square norm of each row.
pub(in super::super) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f32) -> Result<Tensor> {
    let (rows, columns) = x.dims2()?;
    let threads = threads_of("rms_norm", columns)?;
    let device = device_of(x)?;
    let kernels = kernels::of(&device)?;
    let weight = weight.to_dtype(DType::F32)?;
    let out = room::<bf16>(&device, rows * columns)?;
    let args = [
        address(x, DType::BF16)?,
        address(&weight, DType::F32)?,
        Arg::At(address_of(&out)),
        word(columns / 8)?,
        Arg::Float(eps),
    ];
    // SAFETY: a block a row of `columns` values, and as many weights.
    unsafe {
        launch(
            &kernels.stream,
            &kernels.rms_norm,
            [rows, 1, 1],
            threads,
            0,
            &args,
        )?
    };
    Ok(tensor(out, &device, (rows, columns)))
}

/// `(x + delta, rms_norm(x + delta))`.
pub(in super::super) fn add_rms_norm(
    x: &Tensor,
    delta: &Tensor,
    weight: &Tensor,
    eps: f32,
) -> Result<(Tensor, Tensor)> {
    let (rows, columns) = x.dims2()?;
    let threads = threads_of("add_rms_norm", columns)?;
    same_size("add_rms_norm", x, delta)?;
    let device = device_of(x)?;
    let kernels = kernels::of(&device)?;
    let weight = weight.to_dtype(DType::F32)?;
    let sum = room::<bf16>(&device, rows * columns)?;
    let out = room::<bf16>(&device, rows * columns)?;
    let args = [
        address(x, DType::BF16)?,
        address(delta, DType::BF16)?,
        address(&weight, DType::F32)?,
        Arg::At(address_of(&sum)),
        Arg::At(address_of(&out)),
        word(columns / 8)?,
        Arg::Float(eps),
    ];
    // SAFETY: a block a row of `columns` values in x, delta, sum and out, and as many weights.
    unsafe {
        launch(
            &kernels.stream,
            &kernels.add_rms_norm,
            [rows, 1, 1],
            threads,
            0,
            &args,
        )?
    };
    let shape = (rows, columns);
    Ok((tensor(sum, &device, shape), tensor(out, &device, shape)))
}

/// Rotates q and k, writes k and v into the cache, returns q. The caller has checked slots and positions
/// against the cache and the table.
pub(in super::super) fn rotate_and_store(
    qkv: &Tensor,
    table: &RopeTable,
    style: RotaryStyle,
    plan: &PlanOnDevice,
    layer: &KvLayer,
    shape: HeadShape,
) -> Result<Tensor> {
    let (rows, columns) = qkv.dims2()?;
    if !shape.head_dim.is_multiple_of(4) || columns != shape.qkv_width() {
        return Err(ComputeError::shape("rotate_and_store", format!("{shape:?} en CUDA")).into());
    }
    let device = device_of(qkv)?;
    let kernels = kernels::of(&device)?;
    let width = shape.heads * shape.head_dim;
    let out = room::<bf16>(&device, rows * width)?;
    let args = [
        address(qkv, DType::BF16)?,
        address(&table.cos, DType::F32)?,
        address(&table.sin, DType::F32)?,
        plan.at(0),
        plan.at(plan.packed().slots),
        Arg::At(address_of(&out)),
        address(&layer.keys, DType::BF16)?,
        address(&layer.values, DType::BF16)?,
        word(shape.heads)?,
        word(shape.kv_heads)?,
        word(shape.head_dim)?,
        Arg::Word(u32::from(style == RotaryStyle::Pairs)),
    ];
    let blocks = (columns / 4).div_ceil(THREADS);
    // SAFETY: a thread for every four values of a row; slots lie in the cache and positions in the
    // table. The cache is written though its tensors are shared: on the device nothing but kernels of
    // this stream, one after another, touches it.
    unsafe {
        launch(
            &kernels.stream,
            &kernels.rotate_and_store,
            [rows, blocks, 1],
            THREADS,
            0,
            &args,
        )?;
    }
    Ok(tensor(out, &device, (rows, width)))
}

/// The kernels move eight values at a time.
fn eighths(operation: &'static str, columns: usize) -> Result<usize> {
    if columns.is_multiple_of(8) {
        Ok(columns / 8)
    } else {
        let detail = format!("{columns} columnas no son múltiplo de 8, como pide CUDA");
        Err(ComputeError::shape(operation, detail).into())
    }
}

fn threads_of(operation: &'static str, columns: usize) -> Result<usize> {
    norm_threads(columns).ok_or_else(|| {
        ComputeError::shape(operation, format!("CUDA no admite filas de {columns}")).into()
    })
}

fn same_size(operation: &'static str, a: &Tensor, b: &Tensor) -> Result<()> {
    let whole = [a, b]
        .iter()
        .all(|x| address(x, DType::BF16).is_ok_and(aligned));
    if a.elem_count() == b.elem_count() && whole {
        return Ok(());
    }
    let detail = format!("{:?} y {:?}", a.dims(), b.dims());
    Err(ComputeError::shape(operation, detail).into())
}
