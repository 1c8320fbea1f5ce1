#![allow(unsafe_code, reason = "vector kernels")]
//! Norms and the gate of the feed-forward layer, row by row.

use super::lanes::{Isa, LANES, Lanes, Work, exp};
use super::pool::{Shared, filled, parallel};

/// Elements below which a parallel region costs more than it saves.
const WORTH_SHARING: usize = 16 * 1024;

/// `x / sqrt(mean(x²) + eps) * weight` of each row.
pub(in super::super) fn rms_norm(x: &[f32], weight: &[f32], eps: f32) -> Vec<f32> {
    norm_on(Isa::best(), x, None, weight, eps)
}

/// First all rows of `x + delta`, then their norms.
pub(in super::super) fn add_rms_norm(
    x: &[f32],
    delta: &[f32],
    weight: &[f32],
    eps: f32,
) -> Vec<f32> {
    norm_on(Isa::best(), x, Some(delta), weight, eps)
}

pub(super) fn norm_on(
    isa: Isa,
    x: &[f32],
    delta: Option<&[f32]>,
    weight: &[f32],
    eps: f32,
) -> Vec<f32> {
    let columns = weight.len();
    let rows = x.len() / columns;
    let x = &x[..rows * columns];
    let normed = if delta.is_some() { x.len() } else { 0 };
    // SAFETY: every row writes its sum, if there is one, and its norm.
    unsafe {
        filled(normed + x.len(), |out: *mut f32| {
            let out = Shared::new(out);
            parallel(rows, x.len() >= WORTH_SHARING, |range| {
                for row in range {
                    let at = row * columns;
                    let x = &x[at..at + columns];
                    let delta = delta.map(|delta| &delta[at..at + columns]);
                    // Rows do not overlap and lie in the buffer.
                    let (sum, norm) = (out.get().add(at), out.get().add(normed + at));
                    isa.run(NormRow {
                        x,
                        delta,
                        weight,
                        eps,
                        sum,
                        norm,
                    });
                }
            });
        })
    }
}

struct NormRow<'a> {
    x: &'a [f32],
    delta: Option<&'a [f32]>,
    weight: &'a [f32],
    eps: f32,
    /// Where `x + delta` goes, if there is a delta.
    sum: *mut f32,
    norm: *mut f32,
}

impl Work for NormRow<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let columns = self.weight.len();
        let whole = columns / LANES * LANES;
        // SAFETY: all slices and both targets have `columns` elements.
        unsafe {
            let source = match self.delta {
                Some(delta) => {
                    for i in (0..whole).step_by(LANES) {
                        let both = L::add(
                            L::load(self.x.as_ptr().add(i)),
                            L::load(delta.as_ptr().add(i)),
                        );
                        L::store(self.sum.add(i), both);
                    }
                    for (i, (x, delta)) in self.x.iter().zip(delta).enumerate().skip(whole) {
                        self.sum.add(i).write(x + delta);
                    }
                    self.sum.cast_const()
                }
                None => self.x.as_ptr(),
            };
            let mut squares = L::zero();
            for i in (0..whole).step_by(LANES) {
                let v = L::load(source.add(i));
                squares = L::fma(v, v, squares);
            }
            let mut total = L::sum(squares);
            for i in whole..columns {
                let v = *source.add(i);
                total = v.mul_add(v, total);
            }
            let scale = 1.0 / (total / columns as f32 + self.eps).sqrt();
            for i in (0..whole).step_by(LANES) {
                let v = L::mul(L::load(source.add(i)), L::splat(scale));
                L::store(
                    self.norm.add(i),
                    L::mul(v, L::load(self.weight.as_ptr().add(i))),
                );
            }
            for i in whole..columns {
                self.norm
                    .add(i)
                    .write(*source.add(i) * scale * self.weight[i]);
            }
        }
    }
}

/// `silu(gate) * up` of rows `gate|up` of `half` elements each.
pub(in super::super) fn silu_mul(gate_up: &[f32], half: usize) -> Vec<f32> {
    silu_on(Isa::best(), gate_up, half)
}

pub(super) fn silu_on(isa: Isa, gate_up: &[f32], half: usize) -> Vec<f32> {
    let rows = gate_up.len() / (2 * half);
    // SAFETY: every row writes its `half` elements.
    unsafe {
        filled(rows * half, |out: *mut f32| {
            let out = Shared::new(out);
            parallel(rows, gate_up.len() >= WORTH_SHARING, |range| {
                for row in range {
                    let (gate, up) = gate_up[row * 2 * half..(row + 1) * 2 * half].split_at(half);
                    // Rows do not overlap and lie in the buffer.
                    let out = out.get().add(row * half);
                    isa.run(SiluRow { gate, up, out });
                }
            });
        })
    }
}

struct SiluRow<'a> {
    gate: &'a [f32],
    up: &'a [f32],
    out: *mut f32,
}

impl Work for SiluRow<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let count = self.gate.len();
        let whole = count / LANES * LANES;
        // SAFETY: both slices and the target have `count` elements; the rest goes through copies.
        unsafe {
            for i in (0..whole).step_by(LANES) {
                let gate = L::load(self.gate.as_ptr().add(i));
                let up = L::load(self.up.as_ptr().add(i));
                L::store(self.out.add(i), silu::<L>(gate, up));
            }
            if whole < count {
                let (mut gate, mut up, mut out) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
                gate[..count - whole].copy_from_slice(&self.gate[whole..]);
                up[..count - whole].copy_from_slice(&self.up[whole..]);
                let value = silu::<L>(L::load(gate.as_ptr()), L::load(up.as_ptr()));
                L::store(out.as_mut_ptr(), value);
                self.out
                    .add(whole)
                    .copy_from_nonoverlapping(out.as_ptr(), count - whole);
            }
        }
    }
}

#[inline(always)]
unsafe fn silu<L: Lanes>(gate: L::F, up: L::F) -> L::F {
    // SAFETY: registers only.
    unsafe {
        let below = L::add(L::splat(1.0), exp::<L>(L::sub(L::zero(), gate)));
        L::mul(L::div(gate, below), up)
    }
}
