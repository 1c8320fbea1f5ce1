use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};

use super::super::cpu;
use super::super::error::ComputeError;
use super::activation;

/// `x / sqrt(mean(x²) + eps) * weight`, row by row.
pub(crate) struct RmsNorm {
    pub(crate) eps: f32,
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "rms_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = cpu::f32_slice(x, x_layout)?;
        let weight = cpu::f32_slice(weight, weight_layout)?;
        Ok((
            CpuStorage::F32(cpu::rms_norm(x, weight, self.eps)),
            x_layout.shape().clone(),
        ))
    }
}

/// `[2, rows, columns]`: first `x + delta`, then its norm.
pub(crate) struct AddRmsNorm {
    pub(crate) eps: f32,
}

impl CustomOp3 for AddRmsNorm {
    fn name(&self) -> &'static str {
        "add_rms_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        delta: &CpuStorage,
        delta_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, columns) = x_layout.shape().dims2()?;
        let x = cpu::f32_slice(x, x_layout)?;
        let delta = cpu::f32_slice(delta, delta_layout)?;
        let weight = cpu::f32_slice(weight, weight_layout)?;
        let out = cpu::add_rms_norm(x, delta, weight, self.eps);
        Ok((CpuStorage::F32(out), (2, rows, columns).into()))
    }
}

/// Root-mean-square norm of each row, times `weight`.
pub(crate) fn rms_norm(x: &Tensor, weight: &Tensor, eps: f32) -> Result<Tensor> {
    let (_, columns) = activation("rms_norm", x)?;
    check_weight(weight, columns)?;
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() {
        return super::super::cuda::rms_norm(x, weight, eps);
    }
    x.apply_op2_no_bwd(weight, &RmsNorm { eps })
}

/// `(x + delta, rms_norm(x + delta))`.
pub(crate) fn add_rms_norm(
    x: &Tensor,
    delta: &Tensor,
    weight: &Tensor,
    eps: f32,
) -> Result<(Tensor, Tensor)> {
    let (rows, columns) = activation("add_rms_norm", x)?;
    if activation("add_rms_norm", delta)? != (rows, columns) {
        let detail = format!("{:?} y {:?}", x.dims(), delta.dims());
        return Err(ComputeError::shape("add_rms_norm", detail).into());
    }
    check_weight(weight, columns)?;
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() {
        return super::super::cuda::add_rms_norm(x, delta, weight, eps);
    }
    let both = x.apply_op3_no_bwd(delta, weight, &AddRmsNorm { eps })?;
    Ok((both.get(0)?, both.get(1)?))
}

fn check_weight(weight: &Tensor, columns: usize) -> Result<()> {
    if weight.dims() == [columns] && weight.is_contiguous() {
        return Ok(());
    }
    let detail = format!("peso {:?} para {columns} columnas", weight.dims());
    Err(ComputeError::shape("rms_norm", detail).into())
}
