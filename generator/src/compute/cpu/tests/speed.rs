//! How fast the kernels are: `cargo test --release -p generator --lib compute::cpu::tests::speed --
//! --ignored --nocapture --test-threads 1`. The best of many runs, so that a busy machine disturbs it
//! little.

use std::time::{Duration, Instant};

use candle_core::DType;
use candle_core::quantized::GgmlDType;

use super::super::lanes::Isa;
use super::super::{attend, choose, elementwise};
use super::{QUANTIZED, quantized, tensor, values, with_chunk};
use crate::compute::linear::Linear;
use crate::compute::{HeadShape, Matrix, RowChoice, Span, StepPlan};

fn best(mut run: impl FnMut()) -> f64 {
    let until = Instant::now() + Duration::from_millis(400);
    let mut best = f64::INFINITY;
    let mut count = 0;
    while Instant::now() < until || count < 3 {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed().as_secs_f64());
        count += 1;
    }
    best
}

/// Runs whole matrices of several formats; `one` thread or all.
fn products(isa: Isa, name: &str, matrix: Matrix) {
    let bytes = matrix.bytes() as f64;
    let linear = Linear::new(vec![(matrix, None)]).unwrap();
    let (inputs, outputs) = (linear.inputs(), linear.outputs());
    let mut line = format!("{isa:?} {name:5} {outputs}x{inputs}:");
    for rows in [1, 4, 8, 256] {
        let x = values(1, rows * inputs);
        let run = || drop(super::super::linear::on(isa, &linear, &x, rows).unwrap());
        let one = with_chunk(4, || best(run));
        let all = best(run);
        let work = 2e-9 * (rows * inputs * outputs) as f64;
        if rows == 1 {
            line += &format!(" {:.1} GB/s ({:.1} all);", bytes / one / 1e9, bytes / all / 1e9);
        }
        line += &format!(" {rows} rows {:.0} GFLOP/s ({:.0} all)", work / one, work / all);
    }
    eprintln!("{line}");
}

#[test]
#[ignore = "a measurement"]
fn speed_of_products() {
    for isa in [Isa::best(), Isa::Avx2] {
        for dtype in QUANTIZED {
            let name = format!("{dtype:?}");
            products(isa, &name, quantized(1, 3072, 768, dtype));
        }
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            let weights = tensor(1, 3072, 768).to_dtype(dtype).unwrap();
            products(isa, &format!("{dtype:?}"), Matrix::Dense(weights));
        }
    }
    // More than the caches hold.
    products(Isa::best(), "Q4_1", quantized(1, 49152, 576, GgmlDType::Q4_1));
    products(Isa::best(), "Q8_0", quantized(1, 49152, 576, GgmlDType::Q8_0));
    for (outputs, inputs) in [(960, 576), (576, 576), (3072, 576), (576, 1536)] {
        products(Isa::best(), "Q4_1", quantized(1, outputs, inputs, GgmlDType::Q4_1));
    }
}

#[test]
#[ignore = "a measurement"]
fn speed_of_the_rest() {
    let isa = Isa::best();
    let shape = HeadShape { heads: 9, kv_heads: 3, head_dim: 64 };
    for (rows, context) in [(1usize, 200usize), (1, 2000), (8, 2000), (256, 256), (256, 2048)] {
        let blocks: Vec<u32> = (0..context.div_ceil(32) as u32).collect();
        let half = |seed| {
            let all = values(seed, blocks.len() * 3 * 32 * 64);
            all.into_iter().map(half::f16::from_f32).collect::<Vec<_>>()
        };
        let (keys, held) = (half(1), half(2));
        let plan = StepPlan {
            positions: (context - rows..context).map(|p| p as u32).collect(),
            slots: (context - rows..context).map(|p| p as u32).collect(),
            spans: vec![Span { first_row: 0, rows, context, blocks }],
        };
        let q = values(3, rows * 576);
        let run = || drop(attend::on(isa, &plan, shape, &q, &keys, &held));
        let (one, all) = (with_chunk(1, || best(run)), best(run));
        let pairs: usize = plan.positions.iter().map(|p| *p as usize + 1).sum();
        let work = 4e-9 * (pairs * 576) as f64;
        eprintln!(
            "attend {rows} x {context}: {:.0} us ({:.0} all), {:.0} GFLOP/s ({:.0} all)",
            one * 1e6,
            all * 1e6,
            work / one,
            work / all
        );
    }
    for rows in [1, 256] {
        let (x, weight) = (values(1, rows * 576), values(2, 576));
        let gates = values(3, rows * 3072);
        let norm = best(|| drop(elementwise::norm_on(isa, &x, Some(&x), &weight, 1e-5)));
        let gate = best(|| drop(elementwise::silu_on(isa, &gates, 1536)));
        eprintln!("{rows} rows: add+norm {:.1} us, silu {:.1} us", norm * 1e6, gate * 1e6);
    }
    let logits = values(4, 49152);
    let pick = best(|| drop(choose::on(isa, &logits, 49152, &[RowChoice::default()])));
    eprintln!("choose of 49152: {:.1} us", pick * 1e6);
}
