use candle_core::quantized::GgmlDType;
use candle_core::{DType, Device, Result, Tensor};

use super::super::error::ComputeError;
use super::super::matrix::Matrix;

/// The rows of the table named by `ids`, as activations of the device; the rest of the table is not
/// expanded.
pub(crate) fn embed(table: &Matrix, ids: &[u32], device: &Device) -> Result<Tensor> {
    let vocab = table.outputs();
    if let Some(id) = ids.iter().find(|&&id| id as usize >= vocab) {
        return Err(ComputeError::shape("embed", format!("token {id} de {vocab}")).into());
    }
    let wanted = if device.is_cpu() {
        DType::F32
    } else {
        DType::BF16
    };
    let rows = match table {
        #[cfg(feature = "cuda")]
        Matrix::Dense(tensor) if tensor.device().is_cuda() && tensor.dtype() == wanted => {
            super::super::cuda::gather(tensor, ids)?
        }
        Matrix::Dense(tensor) => {
            let ids = Tensor::from_slice(ids, ids.len(), tensor.device())?;
            tensor.index_select(&ids, 0)?
        }
        Matrix::Quantized(tensor) => {
            if matches!(tensor.dtype(), GgmlDType::Q8_1 | GgmlDType::Q8K) {
                let name = format!("{:?}", tensor.dtype());
                return Err(ComputeError::UnsupportedQuantization(name).into());
            }
            tensor.embedding(&Tensor::from_slice(ids, ids.len(), &tensor.device())?)?
        }
    };
    rows.to_dtype(wanted)?.to_device(device)
}
