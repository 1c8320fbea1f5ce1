#![allow(unsafe_code, reason = "kernel launches and cuBLAS")]
//! Linear layers: our own kernel for few rows, cuBLAS for many, candle's kernels for GGUF blocks.

use std::ffi::c_void;

use candle_core::cuda_backend::WrapErr;
use candle_core::cuda_backend::cudarc::cublas::{result::gemm_ex, sys};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{CudaDevice, DType, Result, Tensor};
use half::bf16;

use super::super::error::ComputeError;
use super::super::linear::{Linear, Part};
use super::super::matrix::Matrix;
use super::kernels::{self, Kernels};
use super::launch::{Arg, address, address_of, aligned, device_of, launch, room, tensor, word};
use super::shape::GEMV_ROWS;

const THREADS: usize = 256;

/// Where the results of one part go.
#[derive(Clone, Copy)]
struct Place {
    begin: u64,
    /// First column of the part, and columns of a whole row.
    first: usize,
    stride: usize,
    /// f32 results rather than bf16.
    exact: bool,
}

/// `[rows, inputs]` to `[rows, outputs]`; `exact` keeps the results as f32 (logits: bf16 would make
/// equals of tokens that are not).
pub(in super::super) fn linear(linear: &Linear, x: &Tensor, exact: bool) -> Result<Tensor> {
    let (rows, _) = x.dims2()?;
    let device = device_of(x)?;
    let kernels = kernels::of(&device)?;
    if let [
        Part {
            matrix: Matrix::Quantized(matrix),
            bias: None,
            ..
        },
    ] = linear.parts()
        && quantized(matrix)
    {
        // candle's kernels answer in the type they are asked in.
        return if exact {
            x.to_dtype(DType::F32)?.apply_op1_no_bwd(matrix.as_ref())
        } else {
            x.apply_op1_no_bwd(matrix.as_ref())?.to_dtype(DType::BF16)
        };
    }
    let shape = (rows, linear.outputs());
    let count = rows * linear.outputs();
    if exact {
        let out = room::<f32>(&device, count)?;
        fill(linear, x, &device, &kernels, address_of(&out), true)?;
        Ok(tensor(out, &device, shape))
    } else {
        let out = room::<bf16>(&device, count)?;
        fill(linear, x, &device, &kernels, address_of(&out), false)?;
        Ok(tensor(out, &device, shape))
    }
}

fn fill(
    linear: &Linear,
    x: &Tensor,
    device: &CudaDevice,
    kernels: &Kernels,
    begin: u64,
    exact: bool,
) -> Result<()> {
    let (rows, _) = x.dims2()?;
    for part in linear.parts() {
        let place = Place {
            begin,
            first: part.first,
            stride: linear.outputs(),
            exact,
        };
        match &part.matrix {
            Matrix::Dense(weight) => dense(weight, part.bias.as_ref(), x, device, kernels, place)?,
            Matrix::Quantized(matrix) if quantized(matrix) => {
                let result = x.apply_op1_no_bwd(matrix.as_ref())?.to_dtype(DType::BF16)?;
                put(&result, part.matrix.outputs(), kernels, place)?;
                if let Some(bias) = &part.bias {
                    add_bias(bias, rows, kernels, place)?;
                }
            }
            // f16 or f32 tensors of a GGUF file. Loading makes dense bf16 of them; what was not is
            // expanded at each use.
            Matrix::Quantized(matrix) => {
                let weight = matrix.dequantize(x.device())?.to_dtype(DType::BF16)?;
                dense(&weight, part.bias.as_ref(), x, device, kernels, place)?;
            }
        }
    }
    Ok(())
}

fn dense(
    weight: &Tensor,
    bias: Option<&Tensor>,
    x: &Tensor,
    device: &CudaDevice,
    kernels: &Kernels,
    place: Place,
) -> Result<()> {
    let (outputs, inputs) = weight.dims2()?;
    let (rows, _) = x.dims2()?;
    let weight = address(weight, DType::BF16)?;
    let activations = address(x, DType::BF16)?;
    let whole = inputs.is_multiple_of(8) && aligned(weight) && aligned(activations);
    if rows > GEMV_ROWS || !whole {
        product(weight, activations, [rows, outputs, inputs], device, place)?;
        return bias.map_or(Ok(()), |bias| add_bias(bias, rows, kernels, place));
    }
    let kernel = match (rows <= 8, place.exact) {
        (true, false) => &kernels.gemv_8,
        (true, true) => &kernels.gemv_8_f32,
        (false, false) => &kernels.gemv_16,
        (false, true) => &kernels.gemv_16_f32,
    };
    let bias = bias.map(|bias| bias.to_dtype(DType::F32)).transpose()?;
    let args = [
        weight,
        activations,
        bias.as_ref()
            .map_or(Ok(Arg::At(0)), |bias| address(bias, DType::F32))?,
        Arg::At(place.begin),
        word(outputs)?,
        word(inputs)?,
        word(rows)?,
        word(place.first)?,
        word(place.stride)?,
    ];
    // SAFETY: the matrix is outputs x inputs, x is rows x inputs, the bias has `outputs` values, and
    // columns first .. first + outputs of `rows` rows of `stride` are inside the result.
    unsafe {
        launch(
            &kernels.stream,
            kernel,
            [outputs.div_ceil(16), 1, 1],
            THREADS,
            0,
            &args,
        )
    }
}

/// cuBLAS counts by columns: our row-major result is its `outputs x rows` one, of the transposed matrix
/// and x as it stands.
fn product(
    weight: Arg,
    x: Arg,
    [rows, outputs, inputs]: [usize; 3],
    device: &CudaDevice,
    place: Place,
) -> Result<()> {
    let (Arg::At(weight), Arg::At(x)) = (weight, x) else {
        return Err(ComputeError::shape("linear", "sin dirección").into());
    };
    let int = |size: usize| {
        i32::try_from(size).map_err(|_| {
            ComputeError::shape("linear", format!("{size} pasa de lo que admite cuBLAS"))
        })
    };
    let size = if place.exact {
        size_of::<f32>()
    } else {
        size_of::<bf16>()
    };
    let to = place.begin + (place.first * size) as u64;
    let kind = sys::cudaDataType_t::CUDA_R_16BF;
    let result = if place.exact {
        sys::cudaDataType_t::CUDA_R_32F
    } else {
        kind
    };
    let (one, zero) = (1.0f32, 0.0f32);
    let blas = device.cublas_handle();
    // SAFETY: sizes and strides describe the matrices at the three addresses; the factors are f32, as
    // the type of the computation asks, and are read during the call.
    unsafe {
        gemm_ex(
            *blas.handle(),
            sys::cublasOperation_t::CUBLAS_OP_T,
            sys::cublasOperation_t::CUBLAS_OP_N,
            int(outputs)?,
            int(rows)?,
            int(inputs)?,
            (&raw const one).cast::<c_void>(),
            weight as *const c_void,
            kind,
            int(inputs)?,
            x as *const c_void,
            kind,
            int(inputs)?,
            (&raw const zero).cast::<c_void>(),
            to as *mut c_void,
            result,
            int(place.stride)?,
            sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
            sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT_TENSOR_OP,
        )
    }
    .w()
}

/// Whether candle's block kernels read it.
fn quantized(matrix: &QTensor) -> bool {
    !matches!(
        matrix.dtype(),
        GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16
    )
}

/// Copies a part's result into its columns.
fn put(from: &Tensor, outputs: usize, kernels: &Kernels, place: Place) -> Result<()> {
    let (rows, _) = from.dims2()?;
    // Two bf16 are as wide as one f32, so one kernel serves both.
    let (from, per_word) = if place.exact {
        (from.to_dtype(DType::F32)?, 1)
    } else {
        (from.clone(), 2)
    };
    if ![outputs, place.first, place.stride]
        .iter()
        .all(|size| size.is_multiple_of(per_word))
    {
        return Err(ComputeError::shape("linear", format!("{outputs} salidas en CUDA")).into());
    }
    let width = outputs / per_word;
    let args = [
        address(&from, if place.exact { DType::F32 } else { DType::BF16 })?,
        Arg::At(place.begin),
        word(width)?,
        word(place.first / per_word)?,
        word(place.stride / per_word)?,
    ];
    // SAFETY: `rows` rows of `width` words go to columns of `rows` rows of `stride`.
    unsafe {
        launch(
            &kernels.stream,
            &kernels.place_columns,
            [rows, width.div_ceil(THREADS), 1],
            THREADS,
            0,
            &args,
        )
    }
}

fn add_bias(bias: &Tensor, rows: usize, kernels: &Kernels, place: Place) -> Result<()> {
    let width = bias.elem_count();
    if place.exact
        || ![width, place.first, place.stride]
            .iter()
            .all(|size| size.is_multiple_of(2))
    {
        return Err(ComputeError::shape("linear", format!("un sesgo de {width} en CUDA")).into());
    }
    let bias = bias.to_dtype(DType::F32)?;
    let args = [
        Arg::At(place.begin),
        address(&bias, DType::F32)?,
        word(place.first)?,
        word(width)?,
        word(place.stride)?,
    ];
    // SAFETY: columns first .. first + width of `rows` rows of `stride` bf16 values.
    unsafe {
        launch(
            &kernels.stream,
            &kernels.add_bias,
            [rows, (width / 2).div_ceil(THREADS), 1],
            THREADS,
            0,
            &args,
        )
    }
}
