use candle_core::quantized::GgmlDType;
use candle_core::{DType, Tensor};

use super::cpu;
use super::error::ComputeError;
use super::matrix::{Matrix, ggml_name};
use super::ops;

/// One matrix of a [`Linear`] on CUDA, and where its outputs stand in the row.
#[cfg(feature = "cuda")]
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) matrix: Matrix,
    /// `[outputs]`.
    pub(crate) bias: Option<Tensor>,
    /// Index of its first output in the row.
    pub(crate) first: usize,
}

/// A linear layer of one or several matrices whose outputs stand side by side: q|k|v, gate|up.
/// The parts may differ in format; the activations are prepared once for all of them.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    /// The parts on CUDA.
    #[cfg(feature = "cuda")]
    parts: Vec<Part>,
    /// The parts on CPU, in the order its kernels read them. One of the two is empty.
    cpu: Vec<cpu::Part>,
    inputs: usize,
    outputs: usize,
}

impl Linear {
    /// Checks that the parts fit together and, on CPU, rearranges quantised weights for its kernels.
    /// A matrix that no one else holds is freed then; a table of embeddings that is the head too
    /// (tied) is held twice.
    ///
    /// # Errors
    /// A format without kernels, inputs that are not whole blocks, parts with different inputs,
    /// a bias of another length.
    pub(crate) fn new(parts: Vec<(Matrix, Option<Tensor>)>) -> Result<Self, ComputeError> {
        #[cfg(feature = "cuda")]
        let parts = super::cuda::merge(parts)?;
        let inputs = parts.first().map_or(0, |(matrix, _)| matrix.inputs());
        let mut outputs = 0;
        #[cfg(feature = "cuda")]
        let mut on_cuda = Vec::new();
        let mut on_cpu = Vec::new();
        for (matrix, bias) in parts {
            check(&matrix, inputs)?;
            let count = matrix.outputs();
            if let Some(bias) = &bias
                && bias.dims() != [count]
            {
                return Err(ComputeError::shape(
                    "linear",
                    format!(
                        "el sesgo tiene forma {:?} y hay {count} salidas",
                        bias.dims()
                    ),
                ));
            }
            if matrix.is_on_cpu() {
                on_cpu.push(cpu::Part::new(matrix, bias, outputs)?);
            } else {
                #[cfg(feature = "cuda")]
                on_cuda.push(Part {
                    matrix,
                    bias,
                    first: outputs,
                });
            }
            outputs += count;
        }
        #[cfg(feature = "cuda")]
        let elsewhere = !on_cuda.is_empty();
        #[cfg(not(feature = "cuda"))]
        let elsewhere = false;
        if on_cpu.is_empty() != elsewhere {
            return Err(ComputeError::shape(
                "linear",
                "no hay matrices, o no están todas en el mismo dispositivo",
            ));
        }
        Ok(Self {
            #[cfg(feature = "cuda")]
            parts: on_cuda,
            cpu: on_cpu,
            inputs,
            outputs,
        })
    }

    /// `[rows, inputs]` to `[rows, outputs]`.
    ///
    /// # Errors
    /// Wrong shape or type of `x`; what the device says.
    pub(crate) fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::linear(self, x, false)
    }

    /// As [`Self::forward`], with f32 results on every device: for logits, of which bf16 would make
    /// equals that are none.
    ///
    /// # Errors
    /// Wrong shape or type of `x`; what the device says.
    pub(crate) fn forward_exact(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        ops::linear(self, x, true)
    }

    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Bytes of all its weights.
    pub(crate) fn bytes(&self) -> usize {
        let on_cpu = self.cpu.iter().map(cpu::Part::bytes).sum::<usize>();
        #[cfg(feature = "cuda")]
        let on_cpu = on_cpu + self.parts.iter().map(|p| p.matrix.bytes()).sum::<usize>();
        on_cpu
    }

    pub(super) fn on_cpu(&self) -> &[cpu::Part] {
        &self.cpu
    }

    /// The parts on CUDA.
    #[cfg(feature = "cuda")]
    pub(crate) fn parts(&self) -> &[Part] {
        &self.parts
    }
}

fn check(matrix: &Matrix, inputs: usize) -> Result<(), ComputeError> {
    if matrix.inputs() == 0 || matrix.outputs() == 0 {
        return Err(ComputeError::shape(
            "linear",
            "una matriz está vacía o no tiene dos dimensiones",
        ));
    }
    if matrix.inputs() != inputs {
        return Err(ComputeError::shape(
            "linear",
            format!(
                "una matriz tiene {} entradas y otra {inputs}",
                matrix.inputs()
            ),
        ));
    }
    match matrix {
        Matrix::Dense(tensor) => match tensor.dtype() {
            DType::F32 | DType::F16 | DType::BF16 if tensor.is_contiguous() => Ok(()),
            DType::F32 | DType::F16 | DType::BF16 => {
                Err(ComputeError::shape("linear", "una matriz no es contigua"))
            }
            _ => Err(ComputeError::UnsupportedQuantization(matrix.dtype_name())),
        },
        Matrix::Quantized(tensor) => match tensor.dtype() {
            GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => Ok(()),
            dtype @ (GgmlDType::Q4_0
            | GgmlDType::Q4_1
            | GgmlDType::Q5_0
            | GgmlDType::Q5_1
            | GgmlDType::Q8_0
            | GgmlDType::Q4K
            | GgmlDType::Q5K
            | GgmlDType::Q6K) => {
                if inputs.is_multiple_of(dtype.block_size()) {
                    Ok(())
                } else {
                    Err(ComputeError::shape(
                        "linear",
                        format!(
                            "{inputs} entradas no son múltiplo de {}, el bloque de {}",
                            dtype.block_size(),
                            ggml_name(dtype)
                        ),
                    ))
                }
            }
            _ => Err(ComputeError::UnsupportedQuantization(matrix.dtype_name())),
        },
    }
}
