use candle_core::{CpuStorage, CustomOp1, InplaceOp2, Layout, Result, Shape, Tensor};

use super::super::cache::KvLayer;
use super::super::cpu;
use super::super::error::ComputeError;
use super::super::plan::{BLOCK_TOKENS, DevicePlan, HeadShape};
use super::super::rope::{RopeTable, RotaryStyle};
use super::activation;

/// What the three ops below share.
#[derive(Clone, Copy)]
pub(crate) struct Rotation<'a> {
    pub(crate) table: &'a RopeTable,
    pub(crate) style: RotaryStyle,
    pub(crate) plan: &'a DevicePlan,
    pub(crate) shape: HeadShape,
}

/// q|k|v rows to rotated `[rows, heads * head_dim]` queries.
pub(crate) struct RotateQueries<'a>(pub(crate) Rotation<'a>);

/// Rotates the keys of q|k|v rows into their slots.
pub(crate) struct StoreKeys<'a>(pub(crate) Rotation<'a>);

/// Copies the values of q|k|v rows into their slots.
pub(crate) struct StoreValues<'a>(pub(crate) Rotation<'a>);

impl CustomOp1 for RotateQueries<'_> {
    fn name(&self) -> &'static str {
        "rotate_queries"
    }

    fn cpu_fwd(&self, qkv: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let out = cpu::rotate_queries(&self.0, cpu::f32_slice(qkv, layout)?)?;
        let width = self.0.shape.heads * self.0.shape.head_dim;
        Ok((CpuStorage::F32(out), (self.0.plan.rows(), width).into()))
    }
}

impl InplaceOp2 for StoreKeys<'_> {
    fn name(&self) -> &'static str {
        "store_keys"
    }

    fn cpu_fwd(
        &self,
        keys: &mut CpuStorage,
        keys_layout: &Layout,
        qkv: &CpuStorage,
        qkv_layout: &Layout,
    ) -> Result<()> {
        let qkv = cpu::f32_slice(qkv, qkv_layout)?;
        cpu::store_keys(&self.0, qkv, cpu::f16_slice_mut(keys, keys_layout)?)
    }
}

impl InplaceOp2 for StoreValues<'_> {
    fn name(&self) -> &'static str {
        "store_values"
    }

    fn cpu_fwd(
        &self,
        values: &mut CpuStorage,
        values_layout: &Layout,
        qkv: &CpuStorage,
        qkv_layout: &Layout,
    ) -> Result<()> {
        let qkv = cpu::f32_slice(qkv, qkv_layout)?;
        cpu::store_values(&self.0, qkv, cpu::f16_slice_mut(values, values_layout)?)
    }
}

/// Rotates q and k by their positions, writes k and v into the cache and returns q.
pub(crate) fn rotate_and_store(
    qkv: &Tensor,
    table: &RopeTable,
    style: RotaryStyle,
    plan: &DevicePlan,
    layer: &KvLayer,
    shape: HeadShape,
) -> Result<Tensor> {
    let (rows, columns) = activation("rotate_and_store", qkv)?;
    check(rows, columns, table, plan, layer, shape)?;
    #[cfg(feature = "cuda")]
    if let Some(on_device) = &plan.cuda {
        return super::super::cuda::rotate_and_store(qkv, table, style, on_device, layer, shape);
    }
    let rotation = Rotation {
        table,
        style,
        plan,
        shape,
    };
    layer.keys.inplace_op2(qkv, &StoreKeys(rotation))?;
    layer.values.inplace_op2(qkv, &StoreValues(rotation))?;
    qkv.apply_op1_no_bwd(&RotateQueries(rotation))
}

/// Everything the kernels rely on when they compute addresses.
fn check(
    rows: usize,
    columns: usize,
    table: &RopeTable,
    plan: &DevicePlan,
    layer: &KvLayer,
    shape: HeadShape,
) -> Result<()> {
    shape.check()?;
    let refuse = |detail: String| Err(ComputeError::shape("rotate_and_store", detail).into());
    if columns != shape.qkv_width() || rows != plan.rows() {
        return refuse(format!(
            "{rows}x{columns} para {shape:?} y {} filas",
            plan.rows()
        ));
    }
    if table.half() * 2 != shape.head_dim {
        return refuse(format!("{} frecuencias para {shape:?}", table.half()));
    }
    let blocks = super::check_layer(layer, shape)?;
    let step = &plan.plan;
    if let Some(slot) = step
        .slots
        .iter()
        .find(|&&s| s as usize >= blocks * BLOCK_TOKENS)
    {
        return refuse(format!("el hueco {slot} no existe en {blocks} bloques"));
    }
    if let Some(p) = step
        .positions
        .iter()
        .find(|&&p| p as usize >= table.max_positions())
    {
        return refuse(format!("la posición {p} pasa de {}", table.max_positions()));
    }
    Ok(())
}
