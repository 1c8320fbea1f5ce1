#![allow(unsafe_code, reason = "hands an unwritten buffer to kernels that fill it")]
//! A [`Linear`] on CPU: activations quantised once, then all panels of all parts in one parallel region.

use std::borrow::Cow;
use std::cell::RefCell;
use std::marker::PhantomData;

use candle_core::quantized::GgmlDType;
use candle_core::{CpuStorage, Result, Storage};
use half::{bf16, f16};

use super::super::error::ComputeError;
use super::super::linear::Linear;
use super::super::matrix::Matrix;
use super::activations::{Activations, Kind};
use super::dense::{DensePanel, Stored};
use super::formats::{Format, Q4_0, Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0};
use super::lanes::{Isa, LANES};
use super::panel::{Panel, Product};
use super::pool::{Scratch, Shared, filled, parallel};

/// Multiply-adds below which a parallel region costs more than it saves.
const WORTH_SHARING: usize = 64 * 1024;

thread_local! {
    /// Where activations are quantised, kept between calls.
    static MEMORY: RefCell<Vec<Scratch>> = const { RefCell::new(Vec::new()) };
}

/// `[rows, inputs]` to `[rows, outputs]`.
pub(in super::super) fn linear(linear: &Linear, x: &[f32], rows: usize) -> Result<Vec<f32>> {
    on(Isa::best(), linear, x, rows)
}

/// The same with given instructions.
pub(super) fn on(isa: Isa, linear: &Linear, x: &[f32], rows: usize) -> Result<Vec<f32>> {
    let (inputs, width) = (linear.inputs(), linear.outputs());
    // Both guards and borrowed bytes live as long as the products below.
    let guards: Vec<_> = linear
        .parts()
        .iter()
        .map(|part| {
            let weights = match &part.matrix {
                Matrix::Dense(tensor) => Some(tensor.storage_and_layout()),
                Matrix::Quantized(_) => None,
            };
            (weights, part.bias.as_ref().map(|bias| bias.storage_and_layout()))
        })
        .collect();
    let mut read = Vec::with_capacity(guards.len());
    for (part, (weights, bias)) in linear.parts().iter().zip(&guards) {
        let (bytes, format) = match (&part.matrix, weights) {
            (Matrix::Quantized(tensor), _) => (tensor.data()?, tensor.dtype()),
            (Matrix::Dense(_), Some((storage, layout))) => dense_bytes(storage, layout)?,
            (Matrix::Dense(_), None) => unreachable!("a dense part has its guard"),
        };
        let bias = match bias {
            Some((storage, layout)) => match &**storage {
                Storage::Cpu(storage) => Some(super::f32_slice(storage, layout)?),
                _ => return Err(candle_core::Error::Msg("sesgo fuera de la CPU".to_owned())),
            },
            None => None,
        };
        read.push((bytes, format, bias));
    }
    let needs = |kind| read.iter().any(|(_, format, _)| kind_of(*format) == Some(kind));
    let prepare = |kind| {
        needs(kind).then(|| {
            let memory = MEMORY.with(|m| m.borrow_mut().pop()).unwrap_or(Scratch::new());
            Activations::quantize(isa, kind, x, inputs, memory)
        })
    };
    let (small, large) = (prepare(Kind::Small), prepare(Kind::Large));

    // SAFETY: the panels of all parts cover every element of `rows` rows.
    let out = unsafe {
        filled(rows * width, |out| {
            let products: Vec<(Product<'_>, GgmlDType, usize)> = linear
                .parts()
                .iter()
                .zip(&read)
                .scan(0, |panels, (part, (bytes, format, bias))| {
                    let before = *panels;
                    *panels += part.matrix.outputs().div_ceil(LANES);
                    let product = Product {
                        weights: bytes,
                        outputs: part.matrix.outputs(),
                        inputs,
                        bias: *bias,
                        out: Shared::new(out),
                        width,
                        first: part.first,
                    };
                    Some((product, *format, before))
                })
                .collect();
            let panels = linear.parts().iter().map(|p| p.matrix.outputs().div_ceil(LANES)).sum();
            parallel(panels, rows * inputs * width >= WORTH_SHARING, |range| {
                let mut part = products.partition_point(|(_, _, first)| *first <= range.start) - 1;
                for index in range {
                    if products.get(part + 1).is_some_and(|(_, _, first)| *first <= index) {
                        part += 1;
                    }
                    let (product, format, first) = &products[part];
                    panel(isa, product, *format, index - first, x, small.as_ref(), large.as_ref());
                }
            });
        })
    };
    MEMORY.with(|memory| {
        let used = [small, large].into_iter().flatten().map(Activations::into_memory);
        memory.borrow_mut().extend(used);
    });
    Ok(out)
}

/// Which activations a format is multiplied with; none for numbers stored as they are.
fn kind_of(format: GgmlDType) -> Option<Kind> {
    match format {
        GgmlDType::F32 | GgmlDType::F16 | GgmlDType::BF16 => None,
        GgmlDType::Q4K | GgmlDType::Q5K | GgmlDType::Q6K => Some(Kind::Large),
        _ => Some(Kind::Small),
    }
}

fn dense_bytes<'a>(
    storage: &'a Storage,
    layout: &candle_core::Layout,
) -> Result<(Cow<'a, [u8]>, GgmlDType)> {
    fn bytes<'b, T>(all: &'b [T], layout: &candle_core::Layout) -> Result<&'b [u8]> {
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
    Ok((Cow::Borrowed(bytes), format))
}

/// Sixteen outputs of one part.
fn panel(
    isa: Isa,
    product: &Product<'_>,
    format: GgmlDType,
    index: usize,
    x: &[f32],
    small: Option<&Activations>,
    large: Option<&Activations>,
) {
    match format {
        GgmlDType::F32 => dense::<f32>(isa, product, index, x),
        GgmlDType::F16 => dense::<f16>(isa, product, index, x),
        GgmlDType::BF16 => dense::<bf16>(isa, product, index, x),
        GgmlDType::Q4_0 => quantized::<Q4_0>(isa, product, index, small),
        GgmlDType::Q4_1 => quantized::<Q4_1>(isa, product, index, small),
        GgmlDType::Q5_0 => quantized::<Q5_0>(isa, product, index, small),
        GgmlDType::Q5_1 => quantized::<Q5_1>(isa, product, index, small),
        GgmlDType::Q8_0 => quantized::<Q8_0>(isa, product, index, small),
        GgmlDType::Q4K => quantized::<Q4K>(isa, product, index, large),
        GgmlDType::Q5K => quantized::<Q5K>(isa, product, index, large),
        GgmlDType::Q6K => quantized::<Q6K>(isa, product, index, large),
        other => unreachable!("Linear::new refuses {other:?}"),
    }
}

fn dense<T: Stored>(isa: Isa, product: &Product<'_>, index: usize, x: &[f32]) {
    isa.run(DensePanel::<T> { product, weights: product.weights.as_ptr().cast(), x, index });
}

fn quantized<T: Format>(
    isa: Isa,
    product: &Product<'_>,
    index: usize,
    activations: Option<&Activations>,
) {
    if let Some(activations) = activations {
        isa.run(Panel::<T> { product, activations, index, format: PhantomData });
    }
}
