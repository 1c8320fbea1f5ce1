//! The fast kernels against plain loops, and against themselves with other rows, threads and
//! instructions.

mod attention;
mod rows;
mod speed;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};
use std::sync::Arc;

use super::super::linear::Linear;
use super::super::matrix::Matrix;
use super::lanes::Isa;
use super::pool::CHUNK;

const QUANTIZED: [GgmlDType; 8] = [
    GgmlDType::Q4_0,
    GgmlDType::Q4_1,
    GgmlDType::Q5_0,
    GgmlDType::Q5_1,
    GgmlDType::Q8_0,
    GgmlDType::Q4K,
    GgmlDType::Q5K,
    GgmlDType::Q6K,
];

/// Repeatable values around zero.
pub(super) fn values(seed: u64, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
        })
        .collect()
}

pub(super) fn tensor(seed: u64, rows: usize, columns: usize) -> Tensor {
    Tensor::from_vec(values(seed, rows * columns), (rows, columns), &Device::Cpu).unwrap()
}

fn quantized(seed: u64, outputs: usize, inputs: usize, dtype: GgmlDType) -> Matrix {
    let weights = tensor(seed, outputs, inputs);
    Matrix::Quantized(Arc::new(QTensor::quantize(&weights, dtype).unwrap()))
}

/// Weights as f32 `[outputs][inputs]`.
fn plain(matrix: &Matrix) -> Vec<Vec<f32>> {
    let tensor = match matrix {
        Matrix::Dense(tensor) => tensor.to_dtype(DType::F32).unwrap(),
        Matrix::Quantized(tensor) => tensor.dequantize(&Device::Cpu).unwrap(),
    };
    tensor.to_vec2().unwrap()
}

pub(super) fn with_chunk<T>(size: usize, run: impl FnOnce() -> T) -> T {
    CHUNK.set(Some(size));
    let out = run();
    CHUNK.set(None);
    out
}

/// Greatest difference to the product in f64, relative to the size of the terms.
fn error(parts: &[(Matrix, Option<Tensor>)], x: &[f32], out: &[f32]) -> f64 {
    let inputs = parts[0].0.inputs();
    let rows = x.len() / inputs;
    let width = out.len() / rows;
    let (mut worst, mut first) = (0.0f64, 0);
    for (matrix, bias) in parts {
        let weights = plain(matrix);
        let bias = bias.as_ref().map(|b| b.to_vec1::<f32>().unwrap());
        for row in 0..rows {
            let x = &x[row * inputs..][..inputs];
            for (column, w) in weights.iter().enumerate() {
                let terms = || x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w));
                let bias = bias.as_ref().map_or(0.0, |b| f64::from(b[column]));
                let size = terms().map(|t| t * t).sum::<f64>().sqrt() + bias.abs();
                let have = f64::from(out[row * width + first + column]);
                worst = worst.max((have - terms().sum::<f64>() - bias).abs() / size.max(1e-9));
            }
        }
        first += weights.len();
    }
    worst
}

fn check(parts: Vec<(Matrix, Option<Tensor>)>, tolerance: f64) {
    const ROWS: usize = 19;
    let linear = &Linear::new(parts.clone()).unwrap();
    let x = values(7, ROWS * linear.inputs());
    let all = super::linear::on(Isa::Scalar, linear, &x, ROWS).unwrap();
    assert!(all.iter().all(|v| v.is_finite()));
    let worst = error(&parts, &x, &all);
    assert!(
        worst < tolerance,
        "{worst} in {:?}",
        parts[0].0.dtype_name()
    );
    let bits = |v: &[f32]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    for isa in Isa::all() {
        for rows in [1, 2, 3, 4, 5, 8, 9, 16, ROWS] {
            for first in [0, ROWS - rows] {
                let part = &x[first * linear.inputs()..][..rows * linear.inputs()];
                let wanted = bits(&all[first * linear.outputs()..][..rows * linear.outputs()]);
                let threads = super::linear::on(isa, linear, part, rows).unwrap();
                assert!(
                    bits(&threads) == wanted,
                    "{isa:?}, {rows} rows from {first}"
                );
                let chunks = with_chunk(1, || super::linear::on(isa, linear, part, rows).unwrap());
                assert!(
                    bits(&chunks) == wanted,
                    "{isa:?}, {rows} rows, one panel at a time"
                );
            }
        }
    }
}

#[test]
fn every_quantisation_multiplies_as_its_dequantised_weights_and_to_the_bit_everywhere() {
    for dtype in QUANTIZED {
        for (outputs, inputs) in [(16, 256), (37, 512), (1, 768)] {
            let matrix = quantized(3, outputs, inputs, dtype);
            // The error of activations in eight bits.
            check(vec![(matrix, None)], 0.02);
        }
    }
}

#[test]
fn blocks_of_32_take_inputs_that_are_no_multiple_of_256() {
    for dtype in &QUANTIZED[..5] {
        for inputs in [32, 96, 576] {
            let matrix = quantized(4, 20, inputs, *dtype);
            check(vec![(matrix, None)], 0.02);
        }
    }
}

#[test]
fn dense_weights_are_read_as_stored_and_to_the_bit_everywhere() {
    for dtype in [DType::F32, DType::F16, DType::BF16] {
        for (outputs, inputs) in [(16, 64), (21, 100), (3, 7), (1, 1)] {
            let weights = tensor(5, outputs, inputs).to_dtype(dtype).unwrap();
            check(vec![(Matrix::Dense(weights), None)], 1e-6);
        }
    }
}

#[test]
fn parts_of_different_formats_stand_side_by_side_with_their_biases() {
    let bias = |count: usize| Tensor::from_vec(values(9, count), count, &Device::Cpu).unwrap();
    let parts = vec![
        (quantized(1, 33, 256, GgmlDType::Q4K), Some(bias(33))),
        (quantized(2, 5, 256, GgmlDType::Q6K), None),
        (quantized(3, 16, 256, GgmlDType::Q8_0), Some(bias(16))),
        (
            Matrix::Dense(tensor(4, 7, 256).to_dtype(DType::F16).unwrap()),
            Some(bias(7)),
        ),
        (quantized(5, 48, 256, GgmlDType::Q4_1), None),
    ];
    check(parts, 0.02);
}

#[test]
fn a_row_with_nan_or_infinity_gives_nan_and_its_neighbours_do_not() {
    for dtype in [
        GgmlDType::Q4_0,
        GgmlDType::Q4K,
        GgmlDType::Q6K,
        GgmlDType::F16,
    ] {
        let linear = Linear::new(vec![(quantized(3, 16, 256, dtype), None)]).unwrap();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for isa in Isa::all() {
                let mut x = values(1, 3 * 256);
                x[256 + 77] = bad;
                let out = super::linear::on(isa, &linear, &x, 3).unwrap();
                assert!(out[..16].iter().chain(&out[32..]).all(|v| v.is_finite()));
                assert!(
                    out[16..32].iter().all(|v| !v.is_finite()),
                    "{dtype:?} {bad} {isa:?}"
                );
            }
        }
    }
}

#[test]
fn formats_without_kernels_and_shapes_that_do_not_fit_are_refused() {
    let refused = |parts| Linear::new(parts).is_err();
    assert!(refused(vec![]));
    assert!(refused(vec![(quantized(1, 4, 256, GgmlDType::Q2K), None)]));
    assert!(refused(vec![(quantized(1, 4, 256, GgmlDType::Q3K), None)]));
    assert!(refused(vec![
        (quantized(1, 4, 256, GgmlDType::Q4K), None),
        (quantized(1, 4, 512, GgmlDType::Q4K), None),
    ]));
    let bias = Tensor::zeros(5, DType::F32, &Device::Cpu).unwrap();
    assert!(refused(vec![(Matrix::Dense(tensor(1, 4, 8)), Some(bias))]));
    let integers = Tensor::zeros((4, 8), DType::U32, &Device::Cpu).unwrap();
    assert!(refused(vec![(Matrix::Dense(integers), None)]));
    let flat = Tensor::zeros(8, DType::F32, &Device::Cpu).unwrap();
    assert!(refused(vec![(Matrix::Dense(flat), None)]));

    let linear = Linear::new(vec![(Matrix::Dense(tensor(1, 4, 8)), None)]).unwrap();
    assert!(linear.forward(&tensor(1, 2, 8)).is_ok());
    assert!(linear.forward(&tensor(1, 2, 9)).is_err());
    assert!(
        linear
            .forward(&tensor(1, 2, 8).to_dtype(DType::F16).unwrap())
            .is_err()
    );
    assert!(linear.forward(&tensor(1, 8, 2).t().unwrap()).is_err());
}
