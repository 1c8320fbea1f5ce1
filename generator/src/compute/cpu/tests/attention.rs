//! Rotation, the cache and attention.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use half::f16;

use super::super::lanes::Isa;
use super::super::{attend, reference};
use super::{tensor, values, with_chunk};
use crate::compute::cache::KvLayer;
use crate::compute::ops::Rotation;
use crate::compute::plan::DevicePlan;
use crate::compute::{
    BLOCK_TOKENS, HeadShape, KvCache, RopeTable, RotaryStyle, Span, StepPlan, rotate_and_store,
};

const SMOL: HeadShape = HeadShape {
    heads: 9,
    kv_heads: 3,
    head_dim: 64,
};
const POSITIONS: usize = 400;

fn table(head_dim: usize) -> RopeTable {
    let frequencies: Vec<f32> = (0..head_dim / 2)
        .map(|i| 1e4f32.powf(-2.0 * i as f32 / head_dim as f32))
        .collect();
    RopeTable::new(&frequencies, POSITIONS, &Device::Cpu).unwrap()
}

/// A cache whose every slot holds NaN until it is written.
fn cache(blocks: usize, shape: HeadShape) -> KvLayer {
    let layer = KvCache::new(1, blocks, shape, &Device::Cpu)
        .unwrap()
        .layers
        .remove(0);
    let nan = |t: &Tensor| {
        Tensor::full(f16::NAN, t.shape(), &Device::Cpu)
            .unwrap()
            .to_dtype(DType::F16)
            .unwrap()
    };
    KvLayer {
        keys: nan(&layer.keys),
        values: nan(&layer.values),
    }
}

/// Sequences of q|k|v rows, each with its block table.
struct Sequences {
    shape: HeadShape,
    rows: Vec<Tensor>,
    blocks: Vec<Vec<u32>>,
    layer: KvLayer,
}

impl Sequences {
    /// Blocks are dealt in turn, so that no table is contiguous.
    fn new(shape: HeadShape, lengths: &[usize]) -> Self {
        let count: usize = lengths.iter().map(|l| l.div_ceil(BLOCK_TOKENS)).sum();
        let mut free: Vec<u32> = (0..count as u32).rev().collect();
        free.rotate_left(count / 2);
        let mut blocks = vec![Vec::new(); lengths.len()];
        while !free.is_empty() {
            for (blocks, length) in blocks.iter_mut().zip(lengths) {
                if blocks.len() < length.div_ceil(BLOCK_TOKENS) {
                    blocks.extend(free.pop());
                }
            }
        }
        let rows = (100..)
            .zip(lengths)
            .map(|(seed, length)| (tensor(seed, *length, shape.qkv_width()) * 4.0).unwrap())
            .collect();
        Self {
            shape,
            rows,
            blocks,
            layer: cache(count, shape),
        }
    }

    fn plan(&self, parts: &[(usize, usize, usize)]) -> DevicePlan {
        let mut plan = StepPlan::default();
        for &(sequence, from, to) in parts {
            let blocks = self.blocks[sequence].clone();
            let first_row = plan.positions.len();
            for position in from..to {
                let block = blocks[position / BLOCK_TOKENS] as usize;
                plan.positions.push(position as u32);
                plan.slots
                    .push((block * BLOCK_TOKENS + position % BLOCK_TOKENS) as u32);
            }
            plan.spans.push(Span {
                first_row,
                rows: to - from,
                context: to,
                blocks,
            });
        }
        plan.on(&Device::Cpu).unwrap()
    }

    /// One step: the bits of each row's result, by (sequence, position).
    fn step(
        &self,
        isa: Isa,
        parts: &[(usize, usize, usize)],
    ) -> BTreeMap<(usize, usize), Vec<u32>> {
        let plan = self.plan(parts);
        let rows: Vec<Tensor> = parts
            .iter()
            .map(|&(s, from, to)| self.rows[s].narrow(0, from, to - from).unwrap())
            .collect();
        let qkv = Tensor::cat(&rows, 0).unwrap();
        let table = table(self.shape.head_dim);
        let q = rotate_and_store(
            &qkv,
            &table,
            RotaryStyle::Halves,
            &plan,
            &self.layer,
            self.shape,
        )
        .unwrap();
        let out = self.attend(isa, &plan, &q);
        let width = self.shape.heads * self.shape.head_dim;
        let mut rows = out.chunks_exact(width);
        let mut by_row = BTreeMap::new();
        for &(sequence, from, to) in parts {
            for position in from..to {
                let bits = rows.next().unwrap().iter().map(|v| v.to_bits()).collect();
                by_row.insert((sequence, position), bits);
            }
        }
        by_row
    }

    fn attend(&self, isa: Isa, plan: &DevicePlan, q: &Tensor) -> Vec<f32> {
        let q = q.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let (keys, values) = self.contents();
        attend::on(isa, &plan.plan, self.shape, &q, &keys, &values)
    }

    fn contents(&self) -> (Vec<f16>, Vec<f16>) {
        let all = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f16>().unwrap();
        (all(&self.layer.keys), all(&self.layer.values))
    }
}

#[test]
fn attention_is_the_plain_formula_over_scattered_blocks_and_never_reads_an_unwritten_slot() {
    let shapes = [
        SMOL,
        HeadShape {
            heads: 4,
            kv_heads: 4,
            head_dim: 128,
        },
        HeadShape {
            heads: 10,
            kv_heads: 2,
            head_dim: 80,
        },
        HeadShape {
            heads: 2,
            kv_heads: 1,
            head_dim: 6,
        },
    ];
    for shape in shapes {
        let sequences = Sequences::new(shape, &[1, 33, 150, 290]);
        for parts in [
            vec![(0, 0, 1), (1, 0, 33), (2, 0, 149), (3, 0, 130)],
            vec![(2, 149, 150), (3, 130, 290)],
        ] {
            let plan = sequences.plan(&parts);
            let rows: Vec<Tensor> = parts
                .iter()
                .map(|&(s, from, to)| sequences.rows[s].narrow(0, from, to - from).unwrap())
                .collect();
            let qkv = Tensor::cat(&rows, 0).unwrap();
            let table = table(shape.head_dim);
            let style = RotaryStyle::Pairs;
            let q = rotate_and_store(&qkv, &table, style, &plan, &sequences.layer, shape).unwrap();
            let have = crate::compute::attend(&q, &plan, &sequences.layer, shape).unwrap();
            let have = have.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let (keys, values) = sequences.contents();
            let q = q.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let wanted = reference::attend(&plan.plan, shape, &q, &keys, &values);
            let worst = have
                .iter()
                .zip(&wanted)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(
                worst < 2e-6 && have.iter().all(|v| v.is_finite()),
                "{worst} {shape:?}"
            );
        }
    }
}

#[test]
fn a_row_is_the_same_to_the_bit_whole_in_chunks_in_a_batch_and_on_all_instructions() {
    for shape in [
        SMOL,
        HeadShape {
            heads: 4,
            kv_heads: 2,
            head_dim: 80,
        },
    ] {
        let lengths = [5, 70, 300];
        let whole: BTreeMap<_, _> = (0..3)
            .flat_map(|s| Sequences::new(shape, &lengths).step(Isa::Scalar, &[(s, 0, lengths[s])]))
            .collect();
        let check = |name: &str, isa: Isa, steps: &[Vec<(usize, usize, usize)>]| {
            let sequences = Sequences::new(shape, &lengths);
            for step in steps {
                for (row, bits) in sequences.step(isa, step) {
                    assert!(
                        bits == whole[&row],
                        "{name} on {isa:?}: {row:?} of {shape:?}"
                    );
                }
            }
        };
        for isa in Isa::all() {
            check("batched", isa, &[vec![(0, 0, 5), (1, 0, 70), (2, 0, 300)]]);
            with_chunk(1, || check("alone", isa, &[vec![(2, 0, 300)]]));
            check(
                "chunked",
                isa,
                &[
                    vec![(2, 0, 128), (1, 0, 1)],
                    vec![(1, 1, 69), (2, 128, 131)],
                    vec![(2, 131, 290), (0, 0, 5), (1, 69, 70)],
                    vec![(2, 290, 299)],
                    // One token with a long past: computed in pieces.
                    vec![(2, 299, 300)],
                ],
            );
        }
    }
}

#[test]
fn a_row_is_the_same_to_the_bit_however_little_is_held_at_once() {
    let sequences = Sequences::new(SMOL, &[400]);
    let plan = sequences.plan(&[(0, 0, 400)]);
    let table = table(64);
    let (style, layer) = (RotaryStyle::Halves, &sequences.layer);
    rotate_and_store(&sequences.rows[0], &table, style, &plan, layer, SMOL).unwrap();
    let (keys, values) = sequences.contents();
    let plan = sequences.plan(&[(0, 399, 400)]);
    let q = super::values(7, 9 * 64);
    let bits = |most: usize, isa: Isa| -> Vec<u32> {
        let out = attend::within(most, isa, &plan.plan, SMOL, &q, &keys, &values);
        out.iter().map(|v| v.to_bits()).collect()
    };
    let together = bits(usize::MAX, Isa::Scalar);
    for isa in Isa::all() {
        for most in [0, 10_000, usize::MAX] {
            assert!(bits(most, isa) == together, "{most} on {isa:?}");
        }
    }
}

#[test]
fn both_rotary_styles_are_the_plain_formula() {
    for head_dim in [64, 80, 128, 6] {
        for style in [RotaryStyle::Halves, RotaryStyle::Pairs] {
            let shape = HeadShape {
                heads: 3,
                kv_heads: 1,
                head_dim,
            };
            let sequences = Sequences::new(shape, &[40]);
            let plan = sequences.plan(&[(0, 0, 40)]);
            let table = table(head_dim);
            let qkv = &sequences.rows[0];
            let q = rotate_and_store(qkv, &table, style, &plan, &sequences.layer, shape).unwrap();
            let q = q.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let rotation = Rotation {
                table: &table,
                style,
                plan: &plan,
                shape,
            };
            let plain = qkv.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let wanted = reference::rotate_queries(&rotation, &plain).unwrap();
            let worst = q
                .iter()
                .zip(&wanted)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(worst < 1e-6, "{worst} {style:?} {head_dim}");

            let (keys, stored) = sequences.contents();
            let mut wanted = (vec![f16::NAN; keys.len()], vec![f16::NAN; stored.len()]);
            reference::store_keys(&rotation, &plain, &mut wanted.0).unwrap();
            reference::store_values(&rotation, &plain, &mut wanted.1).unwrap();
            // Another rounding before f16 can move a key by one step there.
            for (have, wanted) in keys.iter().zip(&wanted.0) {
                let (have, wanted) = (have.to_f32(), wanted.to_f32());
                assert!(have.is_nan() == wanted.is_nan());
                assert!(have.is_nan() || (have - wanted).abs() <= 2e-3 * wanted.abs().max(1e-3));
            }
            assert!(
                stored
                    .iter()
                    .zip(&wanted.1)
                    .all(|(a, b)| a.to_bits() == b.to_bits())
            );
        }
    }
}

#[test]
fn a_query_with_nan_gives_nan_and_its_neighbours_do_not() {
    let sequences = Sequences::new(SMOL, &[140]);
    let plan = sequences.plan(&[(0, 0, 140)]);
    let qkv = &sequences.rows[0];
    let table = table(64);
    let q = rotate_and_store(
        qkv,
        &table,
        RotaryStyle::Halves,
        &plan,
        &sequences.layer,
        SMOL,
    )
    .unwrap();
    let mut q = q.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    q[135 * 576 + 70] = f32::NAN;
    let (keys, values) = sequences.contents();
    for isa in Isa::all() {
        let out = attend::on(isa, &plan.plan, SMOL, &q, &keys, &values);
        let head = 135 * 576 + 64..135 * 576 + 128;
        for (i, v) in out.iter().enumerate() {
            assert!(v.is_nan() == head.contains(&i), "{i} {isa:?}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let sequences = Sequences::new(SMOL, &[40]);
    let good = sequences.plan(&[(0, 0, 40)]);
    let table = table(64);
    let run = |plan: &DevicePlan, columns: usize, table: &RopeTable, shape: HeadShape| {
        let qkv = Tensor::from_vec(values(1, 40 * columns), (40, columns), &Device::Cpu).unwrap();
        rotate_and_store(
            &qkv,
            table,
            RotaryStyle::Halves,
            plan,
            &sequences.layer,
            shape,
        )
    };
    assert!(run(&good, 960, &table, SMOL).is_ok());
    assert!(run(&good, 961, &table, SMOL).is_err());
    assert!(run(&good, 960, &super::attention::table(32), SMOL).is_err());
    assert!(
        run(
            &good,
            960,
            &table,
            HeadShape {
                heads: 7,
                kv_heads: 4,
                head_dim: 64
            }
        )
        .is_err()
    );
    let mut outside = (*good.plan).clone();
    outside.slots[3] = 64;
    assert!(run(&outside.on(&Device::Cpu).unwrap(), 960, &table, SMOL).is_err());
    let mut blocks = (*good.plan).clone();
    blocks.spans[0].blocks[1] = 2;
    let q = tensor(1, 40, 576);
    let attend = |plan: StepPlan| {
        crate::compute::attend(&q, &plan.on(&Device::Cpu)?, &sequences.layer, SMOL)
    };
    assert!(attend((*good.plan).clone()).is_ok());
    assert!(attend(blocks).is_err());

    let broken = |change: &dyn Fn(&mut StepPlan)| {
        let mut plan = (*good.plan).clone();
        change(&mut plan);
        assert!(plan.on(&Device::Cpu).is_err());
    };
    broken(&|plan| plan.slots[1] = plan.slots[0]);
    broken(&|plan| plan.slots.truncate(39));
    broken(&|plan| plan.positions[5] = 9);
    broken(&|plan| plan.spans[0].blocks.truncate(1));
    broken(&|plan| plan.spans[0].rows = 41);
    broken(&|plan| plan.spans[0].first_row = 1);
    broken(&|plan| plan.spans.clear());
}
