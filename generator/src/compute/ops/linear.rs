use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::super::cpu;
use super::super::error::ComputeError;
use super::super::linear::Linear;
use super::activation;

/// `[rows, inputs]` to `[rows, outputs]`.
pub(crate) struct LinearOp<'a> {
    pub(crate) linear: &'a Linear,
}

impl CustomOp1 for LinearOp<'_> {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = cpu::f32_slice(x, layout)?;
        let rows = x.len() / self.linear.inputs();
        let out = cpu::linear(self.linear, x, rows)?;
        Ok((CpuStorage::F32(out), (rows, self.linear.outputs()).into()))
    }
}

/// `exact` asks for f32 results on every device; else they are activations.
pub(in super::super) fn linear(linear: &Linear, x: &Tensor, exact: bool) -> Result<Tensor> {
    let (_, inputs) = activation("linear", x)?;
    if inputs != linear.inputs() {
        let detail = format!("{inputs} columnas para {} entradas", linear.inputs());
        return Err(ComputeError::shape("linear", detail).into());
    }
    #[cfg(feature = "cuda")]
    if x.device().is_cuda() {
        return super::super::cuda::linear(linear, x, exact);
    }
    #[cfg(not(feature = "cuda"))]
    let _ = exact;
    x.apply_op1_no_bwd(&LinearOp { linear })
}
