//! How fast the kernels are: `cargo test --release -p generator --lib compute::cpu::tests::speed --
//! --ignored --nocapture --test-threads 1`. The best of many runs, so that a busy machine disturbs it
//! little.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use candle_core::quantized::{GgmlDType, QStorage, QTensor};
use candle_core::{DType, Device, Tensor};

use super::super::lanes::Isa;
use super::super::{attend as kernel, choose as pick, elementwise};
use super::{QUANTIZED, quantized, tensor, values, with_chunk};
use crate::compute::{
    HeadShape, KvCache, Linear, Matrix, RopeTable, RotaryStyle, RowChoice, Span, StepPlan,
    add_rms_norm, attend, choose, rms_norm, rotate_and_store, silu_mul,
};

/// Seconds of wall time of the best run.
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

/// The same on one thread.
fn alone(run: impl FnMut()) -> f64 {
    with_chunk(4, || best(run))
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
        let one = alone(run);
        let all = best(run);
        let work = 2e-9 * (rows * inputs * outputs) as f64;
        if rows == 1 {
            line += &format!(
                " {:.1} GB/s ({:.1} all);",
                bytes / one / 1e9,
                bytes / all / 1e9
            );
        }
        line += &format!(
            " {rows} rows {:.0} GFLOP/s ({:.0} all)",
            work / one,
            work / all
        );
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
    products(
        Isa::best(),
        "Q4_1",
        quantized(1, 49152, 576, GgmlDType::Q4_1),
    );
    products(
        Isa::best(),
        "Q8_0",
        quantized(1, 49152, 576, GgmlDType::Q8_0),
    );
    for (outputs, inputs) in [(960, 576), (576, 576), (3072, 576), (576, 1536)] {
        products(
            Isa::best(),
            "Q4_1",
            quantized(1, outputs, inputs, GgmlDType::Q4_1),
        );
    }
}

/// The time of a step of SmolLM2-135M: 30 layers of random Q4_1, a Q8_0 head, `rows` tokens after
/// `past` others.
struct Whole {
    layers: Vec<[Linear; 4]>,
    head: Linear,
    norm: Tensor,
    rope: RopeTable,
    cache: KvCache,
    shape: HeadShape,
}

impl Whole {
    fn new() -> Self {
        let copy = |outputs, inputs, dtype| {
            let Matrix::Quantized(one) = quantized(1, outputs, inputs, dtype) else {
                unreachable!()
            };
            move || {
                // A copy of its own, so that no layer finds another's weights in a cache.
                let data = Cow::Owned(one.data().unwrap().into_owned());
                let data = QStorage::from_data(data, &Device::Cpu, dtype).unwrap();
                let matrix = QTensor::new(data, (outputs, inputs)).unwrap();
                Linear::new(vec![(Matrix::Quantized(Arc::new(matrix)), None)]).unwrap()
            }
        };
        let dtype = GgmlDType::Q4_1;
        let [qkv, output, gate_up, down] =
            [(960, 576), (576, 576), (3072, 576), (576, 1536)].map(|(o, i)| copy(o, i, dtype));
        let shape = HeadShape {
            heads: 9,
            kv_heads: 3,
            head_dim: 64,
        };
        Self {
            layers: (0..30)
                .map(|_| [qkv(), output(), gate_up(), down()])
                .collect(),
            head: copy(49152, 576, GgmlDType::Q8_0)(),
            norm: Tensor::ones(576, DType::F32, &Device::Cpu).unwrap(),
            rope: RopeTable::new(&[0.1; 32], 2048, &Device::Cpu).unwrap(),
            cache: KvCache::new(30, 64, shape, &Device::Cpu).unwrap(),
            shape,
        }
    }

    fn step(&self, past: usize, rows: usize) {
        let positions: Vec<u32> = (past..past + rows).map(|p| p as u32).collect();
        let spans = vec![Span {
            first_row: 0,
            rows,
            context: past + rows,
            blocks: (0..64).collect(),
        }];
        let plan = StepPlan {
            slots: positions.clone(),
            positions,
            spans,
        };
        let plan = plan.on(&Device::Cpu).unwrap();
        let mut x = tensor(1, rows, 576);
        let mut normed = rms_norm(&x, &self.norm, 1e-5).unwrap();
        for ([qkv, output, gate_up, down], cache) in self.layers.iter().zip(&self.cache.layers) {
            let qkv = qkv.forward(&normed).unwrap();
            let style = RotaryStyle::Pairs;
            let q = rotate_and_store(&qkv, &self.rope, style, &plan, cache, self.shape).unwrap();
            let delta = output
                .forward(&attend(&q, &plan, cache, self.shape).unwrap())
                .unwrap();
            (x, normed) = add_rms_norm(&x, &delta, &self.norm, 1e-5).unwrap();
            let gated = silu_mul(&gate_up.forward(&normed).unwrap()).unwrap();
            let delta = down.forward(&gated).unwrap();
            (x, normed) = add_rms_norm(&x, &delta, &self.norm, 1e-5).unwrap();
        }
        let last = normed.narrow(0, rows - 1, 1).unwrap();
        let logits = self.head.forward(&last).unwrap();
        let chosen = choose(&logits, &[RowChoice::default()]).unwrap();
        assert!(chosen[0].finite);
    }
}

#[test]
#[ignore = "a measurement"]
fn speed_of_a_whole_model() {
    let model = Whole::new();
    for (past, rows) in [(512, 1), (0, 512), (1500, 1), (512, 4), (512, 8)] {
        let run = || model.step(past, rows);
        let (one, all) = (alone(run), best(run));
        eprintln!(
            "{rows} tokens after {past}: {:.3} ms, {:.0} tokens/s; all threads {:.3} ms, {:.0} tokens/s",
            one * 1e3,
            rows as f64 / one,
            all * 1e3,
            rows as f64 / all
        );
    }
}

#[test]
#[ignore = "a measurement"]
fn speed_of_the_rest() {
    let isa = Isa::best();
    let shape = HeadShape {
        heads: 9,
        kv_heads: 3,
        head_dim: 64,
    };
    for (rows, context) in [
        (1usize, 200usize),
        (1, 2000),
        (8, 2000),
        (256, 256),
        (256, 2048),
    ] {
        let blocks: Vec<u32> = (0..context.div_ceil(32) as u32).collect();
        let half = |seed| {
            let all = values(seed, blocks.len() * 3 * 32 * 64);
            all.into_iter().map(half::f16::from_f32).collect::<Vec<_>>()
        };
        let (keys, held) = (half(1), half(2));
        let plan = StepPlan {
            positions: (context - rows..context).map(|p| p as u32).collect(),
            slots: (context - rows..context).map(|p| p as u32).collect(),
            spans: vec![Span {
                first_row: 0,
                rows,
                context,
                blocks,
            }],
        };
        let q = values(3, rows * 576);
        let run = || drop(kernel::on(isa, &plan, shape, &q, &keys, &held));
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
        eprintln!(
            "{rows} rows: add+norm {:.1} us, silu {:.1} us",
            norm * 1e6,
            gate * 1e6
        );
    }
    let logits = values(4, 49152);
    let time = best(|| drop(pick::on(isa, &logits, 49152, &[RowChoice::default()])));
    eprintln!("choose of 49152: {:.1} us", time * 1e6);
}
