use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::super::cpu;
use super::super::error::ComputeError;
use super::activation;

/// `silu(gate) * up` of rows that hold gate and up side by side.
pub(crate) struct SiluMul;

impl CustomOp1 for SiluMul {
    fn name(&self) -> &'static str {
        "silu_mul"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, columns) = layout.shape().dims2()?;
        let half = columns / 2;
        let out = cpu::silu_mul(cpu::f32_slice(x, layout)?, half);
        Ok((CpuStorage::F32(out), (rows, half).into()))
    }
}

/// `[rows, 2f]` to `[rows, f]`.
pub(crate) fn silu_mul(gate_up: &Tensor) -> Result<Tensor> {
    let (_, columns) = activation("silu_mul", gate_up)?;
    if columns == 0 || !columns.is_multiple_of(2) {
        return Err(ComputeError::shape("silu_mul", format!("{columns} columnas")).into());
    }
    #[cfg(feature = "cuda")]
    if gate_up.device().is_cuda() {
        return super::super::cuda::silu_mul(gate_up);
    }
    gate_up.apply_op1_no_bwd(&SiluMul)
}
