use std::sync::Arc;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Tensor};

/// A weight matrix `[outputs, inputs]`, row-major, in the format it was published in.
#[derive(Clone, Debug)]
pub(crate) enum Matrix {
    /// f32, f16 or bf16 on CPU, bf16 on CUDA.
    Dense(Tensor),
    /// GGUF blocks.
    Quantized(Arc<QTensor>),
}

impl Matrix {
    /// Rows: how many values one product gives.
    pub(crate) fn outputs(&self) -> usize {
        self.dims().0
    }

    /// Columns: how many values one product takes.
    pub(crate) fn inputs(&self) -> usize {
        self.dims().1
    }

    /// `(outputs, inputs)`; zeros if the tensor is not a matrix (refused by `Linear::new`).
    fn dims(&self) -> (usize, usize) {
        let dims = match self {
            Self::Dense(tensor) => tensor.dims(),
            Self::Quantized(tensor) => tensor.shape().dims(),
        };
        match dims {
            [outputs, inputs] => (*outputs, *inputs),
            _ => (0, 0),
        }
    }

    pub(super) fn is_on_cpu(&self) -> bool {
        match self {
            Self::Dense(tensor) => tensor.device().is_cpu(),
            Self::Quantized(tensor) => tensor.device().is_cpu(),
        }
    }

    /// Whether a [`Linear`](super::Linear) makes a copy in an order of its own.
    pub(crate) fn is_copied(&self) -> bool {
        match self {
            Self::Dense(_) => false,
            Self::Quantized(tensor) => self.is_on_cpu() && tensor.dtype().block_size() > 1,
        }
    }

    /// Bytes the weights take.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Dense(tensor) => tensor.elem_count() * tensor.dtype().size_in_bytes(),
            Self::Quantized(tensor) => tensor.storage_size_in_bytes(),
        }
    }

    /// The format's usual name, such as `Q4_K` or `bf16`.
    pub(crate) fn dtype_name(&self) -> String {
        match self {
            Self::Dense(tensor) => match tensor.dtype() {
                DType::F32 => "f32".to_owned(),
                DType::F16 => "f16".to_owned(),
                DType::BF16 => "bf16".to_owned(),
                other => format!("{other:?}").to_lowercase(),
            },
            Self::Quantized(tensor) => ggml_name(tensor.dtype()).to_owned(),
        }
    }
}

/// The name llama.cpp gives to a block format.
pub(crate) fn ggml_name(dtype: GgmlDType) -> &'static str {
    match dtype {
        GgmlDType::F32 => "f32",
        GgmlDType::F16 => "f16",
        GgmlDType::BF16 => "bf16",
        GgmlDType::Q4_0 => "Q4_0",
        GgmlDType::Q4_1 => "Q4_1",
        GgmlDType::Q5_0 => "Q5_0",
        GgmlDType::Q5_1 => "Q5_1",
        GgmlDType::Q8_0 => "Q8_0",
        GgmlDType::Q8_1 => "Q8_1",
        GgmlDType::Q2K => "Q2_K",
        GgmlDType::Q3K => "Q3_K",
        GgmlDType::Q4K => "Q4_K",
        GgmlDType::Q5K => "Q5_K",
        GgmlDType::Q6K => "Q6_K",
        GgmlDType::Q8K => "Q8_K",
    }
}
