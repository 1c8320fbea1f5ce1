use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use super::super::cache::KvLayer;
use super::super::cpu;
use super::super::error::ComputeError;
use super::super::plan::{DevicePlan, HeadShape};
use super::activation;

/// Causal attention of `[rows, heads * head_dim]` queries over the blocks of their sequences.
pub(crate) struct Attend<'a> {
    pub(crate) plan: &'a DevicePlan,
    pub(crate) shape: HeadShape,
}

impl CustomOp3 for Attend<'_> {
    fn name(&self) -> &'static str {
        "attend"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        keys: &CpuStorage,
        keys_layout: &Layout,
        values: &CpuStorage,
        values_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let q = cpu::f32_slice(q, q_layout)?;
        let keys = cpu::f16_slice(keys, keys_layout)?;
        let values = cpu::f16_slice(values, values_layout)?;
        let out = cpu::attend(&self.plan.plan, self.shape, q, keys, values);
        Ok((CpuStorage::F32(out), q_layout.shape().clone()))
    }
}

/// Softmax of `q·k / sqrt(head_dim)` over each row's own past, times v; heads share keys and values
/// by groups.
pub(crate) fn attend(
    q: &Tensor,
    plan: &DevicePlan,
    layer: &KvLayer,
    shape: HeadShape,
) -> Result<Tensor> {
    let (rows, columns) = activation("attend", q)?;
    shape.check()?;
    if columns != shape.heads * shape.head_dim || rows != plan.rows() {
        let detail = format!("{rows}x{columns} para {shape:?} y {} filas", plan.rows());
        return Err(ComputeError::shape("attend", detail).into());
    }
    let blocks = super::check_layer(layer, shape)?;
    for span in &plan.plan.spans {
        if let Some(block) = span.blocks.iter().find(|&&block| block as usize >= blocks) {
            let detail = format!("el bloque {block} no existe: hay {blocks}");
            return Err(ComputeError::shape("attend", detail).into());
        }
    }
    #[cfg(feature = "cuda")]
    if let Some(on_device) = &plan.cuda {
        return super::super::cuda::attend(q, on_device, layer, shape);
    }
    q.apply_op3_no_bwd(&layer.keys, &layer.values, &Attend { plan, shape })
}
