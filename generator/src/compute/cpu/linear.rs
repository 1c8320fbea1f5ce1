#![allow(
    unsafe_code,
    reason = "hands an unwritten buffer to kernels that fill it"
)]
//! A [`Linear`] on CPU: activations quantised once, then all panels of all parts in one parallel region.

use std::borrow::Cow;
use std::cell::RefCell;
use std::marker::PhantomData;
use std::sync::Arc;

use candle_core::quantized::GgmlDType;
use candle_core::{CpuStorage, Layout, Result, Storage, Tensor};
use half::{bf16, f16};

use super::super::error::ComputeError;
use super::super::linear::Linear;
use super::super::matrix::Matrix;
use super::activations::{Activations, Kind};
use super::dense::{DensePanel, Stored};
use super::formats::{Format, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
use super::lanes::{Isa, LANES};
use super::pack::Packed;
use super::panel::{Panel, Product};
use super::pool::{Scratch, Shared, filled, parallel};

/// Multiply-adds below which a parallel region costs more than it saves.
const WORTH_SHARING: usize = 64 * 1024;

thread_local! {
    /// Where activations are quantised, kept between calls.
    static MEMORY: RefCell<Vec<Scratch>> = const { RefCell::new(Vec::new()) };
}

/// One matrix of a [`Linear`] on CPU.
#[derive(Clone, Debug)]
pub(in super::super) struct Part {
    weights: Weights,
    bias: Option<Tensor>,
    outputs: usize,
    /// Index of its first output in the row.
    first: usize,
}

#[derive(Clone, Debug)]
enum Weights {
    Packed(Arc<Packed>),
    /// f32, f16 or bf16.
    Dense(Matrix),
}

impl Part {
    /// # Errors
    /// As [`Packed::new`].
    pub(in super::super) fn new(
        matrix: Matrix,
        bias: Option<Tensor>,
        first: usize,
    ) -> std::result::Result<Self, ComputeError> {
        let outputs = matrix.outputs();
        let weights = match &matrix {
            Matrix::Quantized(tensor) if kind_of(tensor.dtype()).is_some() => {
                Weights::Packed(Arc::new(Packed::new(tensor)?))
            }
            _ => Weights::Dense(matrix),
        };
        Ok(Self {
            weights,
            bias,
            outputs,
            first,
        })
    }

    pub(in super::super) fn bytes(&self) -> usize {
        match &self.weights {
            Weights::Packed(packed) => packed.bytes(),
            Weights::Dense(matrix) => matrix.bytes(),
        }
    }

    /// Panels of sixteen outputs.
    fn panels(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }
}

/// The weights of a part, as the kernels take them.
enum Read<'a> {
    Packed(&'a Packed),
    Dense(Cow<'a, [u8]>, GgmlDType),
}

/// `[rows, inputs]` to `[rows, outputs]`.
pub(in super::super) fn linear(linear: &Linear, x: &[f32], rows: usize) -> Result<Vec<f32>> {
    on(Isa::best(), linear, x, rows)
}

/// The same with given instructions.
pub(super) fn on(isa: Isa, linear: &Linear, x: &[f32], rows: usize) -> Result<Vec<f32>> {
    let (inputs, width) = (linear.inputs(), linear.outputs());
    let parts = linear.on_cpu();
    if parts.is_empty() {
        return Err(candle_core::Error::Msg("pesos fuera de la CPU".to_owned()));
    }
    // The guards live as long as what is read through them.
    let guards: Vec<_> = parts
        .iter()
        .map(|part| {
            let weights = match &part.weights {
                Weights::Dense(Matrix::Dense(tensor)) => Some(tensor.storage_and_layout()),
                _ => None,
            };
            (weights, part.bias.as_ref().map(Tensor::storage_and_layout))
        })
        .collect();
    let mut reads = Vec::with_capacity(parts.len());
    for (part, (weights, bias)) in parts.iter().zip(&guards) {
        let read = match (&part.weights, weights) {
            (Weights::Packed(packed), _) => Read::Packed(packed),
            (Weights::Dense(Matrix::Quantized(tensor)), _) => {
                Read::Dense(tensor.data()?, tensor.dtype())
            }
            (Weights::Dense(Matrix::Dense(_)), Some((storage, layout))) => {
                dense_bytes(storage, layout)?
            }
            (Weights::Dense(Matrix::Dense(_)), None) => unreachable!("it has its guard"),
        };
        let bias = match bias {
            Some((storage, layout)) => match &**storage {
                Storage::Cpu(storage) => Some(super::f32_slice(storage, layout)?),
                _ => return Err(candle_core::Error::Msg("sesgo fuera de la CPU".to_owned())),
            },
            None => None,
        };
        reads.push((read, bias));
    }
    let needs = |kind| {
        reads.iter().any(|(read, _)| match read {
            Read::Packed(packed) => kind_of(packed.format) == Some(kind),
            Read::Dense(..) => false,
        })
    };
    let prepare = |kind| {
        needs(kind).then(|| {
            let memory = MEMORY
                .with(|m| m.borrow_mut().pop())
                .unwrap_or(Scratch::new());
            Activations::quantize(isa, kind, x, inputs, memory)
        })
    };
    let inputs_of = Inputs {
        x,
        small: prepare(Kind::Small),
        large: prepare(Kind::Large),
    };

    // SAFETY: the panels of all parts cover every element of `rows` rows.
    let out = unsafe {
        filled(rows * width, |out| {
            let mut panels = 0;
            let products: Vec<(Product<'_>, &Read<'_>, usize)> = parts
                .iter()
                .zip(&reads)
                .map(|(part, (read, bias))| {
                    let before = panels;
                    panels += part.panels();
                    let product = Product {
                        outputs: part.outputs,
                        inputs,
                        bias: *bias,
                        out: Shared::new(out),
                        width,
                        first: part.first,
                    };
                    (product, read, before)
                })
                .collect();
            parallel(panels, rows * inputs * width >= WORTH_SHARING, |range| {
                let mut part = products.partition_point(|(_, _, first)| *first <= range.start) - 1;
                for index in range {
                    if products
                        .get(part + 1)
                        .is_some_and(|(_, _, first)| *first <= index)
                    {
                        part += 1;
                    }
                    let (product, read, first) = &products[part];
                    panel(isa, product, read, index - first, &inputs_of);
                }
            });
        })
    };
    MEMORY.with(|memory| {
        let used = [inputs_of.small, inputs_of.large];
        memory
            .borrow_mut()
            .extend(used.into_iter().flatten().map(Activations::into_memory));
    });
    Ok(out)
}

/// The activations in the forms the parts need.
struct Inputs<'a> {
    x: &'a [f32],
    small: Option<Activations>,
    large: Option<Activations>,
}

/// Which activations a format is multiplied with; none for numbers stored as they are.
fn kind_of(format: GgmlDType) -> Option<Kind> {
    match format {
        GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => None,
        GgmlDType::Q4K | GgmlDType::Q5K | GgmlDType::Q6K => Some(Kind::Large),
        _ => Some(Kind::Small),
    }
}

fn dense_bytes<'a>(storage: &'a Storage, layout: &Layout) -> Result<Read<'a>> {
    fn bytes<'b, T>(all: &'b [T], layout: &Layout) -> Result<&'b [u8]> {
        let (start, end) = super::contiguous(layout)?;
        let part = &all[start..end];
        // SAFETY: plain numbers without padding, as bytes.
        Ok(unsafe { std::slice::from_raw_parts(part.as_ptr().cast(), size_of_val(part)) })
    }
    let (bytes, format) = match storage {
        Storage::Cpu(CpuStorage::F32(all)) => (bytes(all, layout)?, GgmlDType::F32),
        Storage::Cpu(CpuStorage::F16(all)) => (bytes(all, layout)?, GgmlDType::F16),
        Storage::Cpu(CpuStorage::BF16(all)) => (bytes(all, layout)?, GgmlDType::BF16),
        _ => return Err(ComputeError::UnsupportedQuantization("(dispositivo)".to_owned()).into()),
    };
    Ok(Read::Dense(Cow::Borrowed(bytes), format))
}

/// Sixteen outputs of one part.
fn panel(isa: Isa, product: &Product<'_>, read: &Read<'_>, index: usize, inputs: &Inputs<'_>) {
    match read {
        Read::Dense(bytes, format) => match format {
            GgmlDType::F32 => dense::<f32>(isa, product, bytes, index, inputs.x),
            GgmlDType::F16 => dense::<f16>(isa, product, bytes, index, inputs.x),
            GgmlDType::BF16 => dense::<bf16>(isa, product, bytes, index, inputs.x),
            other => unreachable!("{other:?} is packed"),
        },
        Read::Packed(weights) => match weights.format {
            GgmlDType::Q4_0 => packed::<Q4_0>(isa, product, weights, index, inputs),
            GgmlDType::Q4_1 => packed::<Q4_1>(isa, product, weights, index, inputs),
            GgmlDType::Q5_0 => packed::<Q5_0>(isa, product, weights, index, inputs),
            GgmlDType::Q5_1 => packed::<Q5_1>(isa, product, weights, index, inputs),
            GgmlDType::Q8_0 => packed::<Q8_0>(isa, product, weights, index, inputs),
            GgmlDType::Q4K => packed::<Q4K>(isa, product, weights, index, inputs),
            GgmlDType::Q5K => packed::<Q5K>(isa, product, weights, index, inputs),
            GgmlDType::Q6K => packed::<Q6K>(isa, product, weights, index, inputs),
            other => unreachable!("Packed::new refuses {other:?}"),
        },
    }
}

fn dense<T: Stored>(isa: Isa, product: &Product<'_>, bytes: &[u8], index: usize, x: &[f32]) {
    debug_assert!(bytes.len() == product.outputs * product.inputs * size_of::<T>());
    isa.run(DensePanel::<T> {
        product,
        weights: bytes.as_ptr().cast(),
        x,
        index,
    });
}

fn packed<T: Format>(
    isa: Isa,
    product: &Product<'_>,
    weights: &Packed,
    index: usize,
    inputs: &Inputs<'_>,
) {
    let activations = match T::KIND {
        Kind::Small => &inputs.small,
        Kind::Large => &inputs.large,
    };
    if let Some(activations) = activations {
        isa.run(Panel::<T> {
            product,
            weights,
            activations,
            index,
            format: PhantomData,
        });
    }
}
