use candle_core::{Result, Tensor};

use super::super::error::ComputeError;
use super::activation;

/// The named rows, in the order named.
pub(crate) fn take_rows(x: &Tensor, rows: &[u32]) -> Result<Tensor> {
    let (have, _) = activation("take_rows", x)?;
    if let Some(row) = rows.iter().find(|&&row| row as usize >= have) {
        return Err(ComputeError::shape("take_rows", format!("fila {row} de {have}")).into());
    }
    if rows.len() == have && rows.iter().enumerate().all(|(i, &row)| i == row as usize) {
        return Ok(x.clone());
    }
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() {
        return super::super::cuda::gather(x, rows);
    }
    x.index_select(&Tensor::from_slice(rows, rows.len(), x.device())?, 0)
}
