//! Several matrices into one: q, k and v, or gate and up, as one product.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Result, Tensor};

use super::super::matrix::Matrix;

type Part = (Matrix, Option<Tensor>);

/// Joins neighbouring matrices of one format on a GPU: each product costs one launch less, and few rows
/// reach the memory's speed sooner. Their outputs stand in the same order as before. What cannot be
/// joined (another format, a bias on one only, the CPU) stays as it is.
pub(in super::super) fn merge(parts: Vec<Part>) -> Result<Vec<Part>> {
    let mut merged: Vec<Vec<Part>> = Vec::new();
    for part in parts {
        match merged.last_mut() {
            Some(run) if run.first().is_some_and(|first| alike(first, &part)) => run.push(part),
            _ => merged.push(vec![part]),
        }
    }
    merged.into_iter().map(join).collect()
}

fn alike((a, a_bias): &Part, (b, b_bias): &Part) -> bool {
    let same_format = match (a, b) {
        (Matrix::Dense(a), Matrix::Dense(b)) => {
            a.device().is_cuda() && a.dtype() == DType::BF16 && b.dtype() == DType::BF16
        }
        (Matrix::Quantized(a), Matrix::Quantized(b)) => {
            a.device().is_cuda()
                && a.dtype() == b.dtype()
                && !matches!(a.dtype(), GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16)
        }
        _ => false,
    };
    same_format && a.inputs() == b.inputs() && a_bias.is_some() == b_bias.is_some()
}

fn join(mut run: Vec<Part>) -> Result<Part> {
    if run.len() == 1 {
        return Ok(run.remove(0));
    }
    let biases: Vec<Tensor> = run.iter().filter_map(|(_, bias)| bias.clone()).collect();
    let bias = if biases.is_empty() {
        None
    } else {
        Some(Tensor::cat(&biases, 0)?)
    };
    let mut dense = Vec::new();
    let mut quantized = Vec::new();
    for (matrix, _) in run {
        match matrix {
            Matrix::Dense(tensor) => dense.push(tensor),
            Matrix::Quantized(tensor) => quantized.push(tensor),
        }
    }
    let matrix = match quantized.first() {
        None => Matrix::Dense(Tensor::cat(&dense, 0)?),
        Some(first) => Matrix::Quantized(Arc::new(join_blocks(first, &quantized)?)),
    };
    Ok((matrix, bias))
}

/// Rows of blocks follow one another, so the joined matrix is the bytes of the first and then those of
/// the next. They pass through the host: once, at loading.
fn join_blocks(first: &QTensor, tensors: &[Arc<QTensor>]) -> Result<QTensor> {
    let (_, inputs) = first.shape().dims2()?;
    let mut outputs = 0;
    let mut bytes = Vec::new();
    for tensor in tensors {
        outputs += tensor.shape().dims2()?.0;
        bytes.extend_from_slice(&tensor.data()?);
    }
    let device: Device = first.device();
    let storage = QStorage::from_data(Cow::Owned(bytes), &device, first.dtype())?;
    QTensor::new(storage, (outputs, inputs))
}
