#![allow(unsafe_code, reason = "vector kernels that write a block-wise cache")]
//! Rotary positions, and keys and values into the cache.

use candle_core::{Result, Storage};
use half::f16;

use super::super::ops::Rotation;
use super::super::plan::{BLOCK_TOKENS, HeadShape};
use super::super::rope::RotaryStyle;
use super::lanes::{Isa, LANES, Lanes, Work};
use super::pool::{Shared, filled, parallel};

/// Elements below which a parallel region costs more than it saves.
const WORTH_SHARING: usize = 16 * 1024;

/// Runs `f` with the cosines and sines of all positions.
fn with_tables<T>(rotation: &Rotation<'_>, f: impl FnOnce(&[f32], &[f32]) -> T) -> Result<T> {
    let (cos, cos_layout) = rotation.table.cos.storage_and_layout();
    let (sin, sin_layout) = rotation.table.sin.storage_and_layout();
    match (&*cos, &*sin) {
        (Storage::Cpu(cos), Storage::Cpu(sin)) => Ok(f(
            super::f32_slice(cos, cos_layout)?,
            super::f32_slice(sin, sin_layout)?,
        )),
        _ => Err(candle_core::Error::Msg(
            "tabla de posiciones fuera de la CPU".to_owned(),
        )),
    }
}

/// Rotated queries `[rows, heads * head_dim]` of rows q|k|v.
pub(in super::super) fn rotate_queries(rotation: &Rotation<'_>, qkv: &[f32]) -> Result<Vec<f32>> {
    let HeadShape {
        heads, head_dim, ..
    } = rotation.shape;
    let (rows, width) = (rotation.plan.rows(), rotation.shape.qkv_width());
    with_tables(rotation, |cos, sin| {
        // SAFETY: every head of every row is written.
        unsafe {
            filled(rows * heads * head_dim, |out: *mut f32| {
                let out = Shared::new(out);
                parallel(rows, rows * width >= WORTH_SHARING, |range| {
                    for row in range {
                        let (cos, sin) = angles(rotation, row, cos, sin);
                        let from = &qkv[row * width..row * width + heads * head_dim];
                        // Rows do not overlap and lie in the buffer.
                        let to = out.get().add(row * heads * head_dim);
                        Isa::best().run(Rotate {
                            from,
                            to,
                            cos,
                            sin,
                            style: rotation.style,
                        });
                    }
                });
            })
        }
    })
}

/// Rotates the keys of rows q|k|v and writes them transposed into their blocks.
pub(in super::super) fn store_keys(
    rotation: &Rotation<'_>,
    qkv: &[f32],
    keys: &mut [f16],
) -> Result<()> {
    let HeadShape {
        heads,
        kv_heads,
        head_dim,
    } = rotation.shape;
    let (rows, width) = (rotation.plan.rows(), rotation.shape.qkv_width());
    let size = keys.len();
    let to = Shared::new(keys.as_mut_ptr());
    with_tables(rotation, |cos, sin| {
        parallel(rows, rows * width >= WORTH_SHARING, |range| {
            let (mut turned, mut bits) = (vec![0f32; kv_heads * head_dim], Vec::new());
            for row in range {
                let (cos, sin) = angles(rotation, row, cos, sin);
                let from = &qkv[row * width + heads * head_dim..][..kv_heads * head_dim];
                let style = rotation.style;
                Isa::best().run(Rotate {
                    from,
                    to: turned.as_mut_ptr(),
                    cos,
                    sin,
                    style,
                });
                narrow(&turned, &mut bits);
                let (block, offset) = place(rotation, row);
                for (head, bits) in bits.chunks_exact(head_dim).enumerate() {
                    let base = (block * kv_heads + head) * head_dim * BLOCK_TOKENS + offset;
                    assert!(
                        base + (head_dim - 1) * BLOCK_TOKENS < size,
                        "slot outside of the cache"
                    );
                    for (d, &bits) in bits.iter().enumerate() {
                        // SAFETY: inside of the cache; the plan gives every row a slot of its own.
                        unsafe {
                            to.get()
                                .add(base + d * BLOCK_TOKENS)
                                .write(f16::from_bits(bits))
                        }
                    }
                }
            }
        });
    })
}

/// Writes the values of rows q|k|v into their blocks.
pub(in super::super) fn store_values(
    rotation: &Rotation<'_>,
    qkv: &[f32],
    values: &mut [f16],
) -> Result<()> {
    let HeadShape {
        heads,
        kv_heads,
        head_dim,
    } = rotation.shape;
    let (rows, width) = (rotation.plan.rows(), rotation.shape.qkv_width());
    let size = values.len();
    let to = Shared::new(values.as_mut_ptr());
    parallel(rows, rows * width >= WORTH_SHARING, |range| {
        let mut bits = Vec::new();
        for row in range {
            let from = row * width + (heads + kv_heads) * head_dim;
            narrow(&qkv[from..from + kv_heads * head_dim], &mut bits);
            let (block, offset) = place(rotation, row);
            for (head, bits) in bits.chunks_exact(head_dim).enumerate() {
                let base = ((block * kv_heads + head) * BLOCK_TOKENS + offset) * head_dim;
                assert!(base + head_dim <= size, "slot outside of the cache");
                for (d, &bits) in bits.iter().enumerate() {
                    // SAFETY: inside of the cache; the plan gives every row a slot of its own.
                    unsafe { to.get().add(base + d).write(f16::from_bits(bits)) }
                }
            }
        }
    });
    Ok(())
}

/// A row's block and its offset there.
fn place(rotation: &Rotation<'_>, row: usize) -> (usize, usize) {
    let slot = rotation.plan.plan.slots[row] as usize;
    (slot / BLOCK_TOKENS, slot % BLOCK_TOKENS)
}

/// A row's cosines and sines.
fn angles<'a>(
    rotation: &Rotation<'_>,
    row: usize,
    cos: &'a [f32],
    sin: &'a [f32],
) -> (&'a [f32], &'a [f32]) {
    let half = rotation.shape.head_dim / 2;
    let at = rotation.plan.plan.positions[row] as usize * half;
    (&cos[at..at + half], &sin[at..at + half])
}

/// To f16, into `bits`.
fn narrow(values: &[f32], bits: &mut Vec<u16>) {
    bits.resize(values.len(), 0);
    Isa::best().run(Narrow { values, bits });
}

struct Narrow<'a> {
    values: &'a [f32],
    bits: &'a mut [u16],
}

impl Work for Narrow<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let count = self.values.len().min(self.bits.len());
        let whole = count / LANES * LANES;
        // SAFETY: whole vectors inside of both slices.
        unsafe {
            for i in (0..whole).step_by(LANES) {
                L::store_f16(
                    self.bits.as_mut_ptr().add(i),
                    L::load(self.values.as_ptr().add(i)),
                );
            }
        }
        for i in whole..count {
            self.bits[i] = f16::from_f32(self.values[i]).to_bits();
        }
    }
}

/// All heads of one row, one after another.
struct Rotate<'a> {
    from: &'a [f32],
    /// As many elements as `from`.
    to: *mut f32,
    cos: &'a [f32],
    sin: &'a [f32],
    style: RotaryStyle,
}

impl Work for Rotate<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let half = self.cos.len();
        // SAFETY: `from` and `to` hold whole heads of `2 * half` elements, the tables `half`.
        unsafe {
            for head in (0..self.from.len()).step_by(2 * half) {
                let (from, to) = (self.from.as_ptr().add(head), self.to.add(head));
                let whole = match self.style {
                    RotaryStyle::Halves => half / LANES * LANES,
                    RotaryStyle::Pairs => 0,
                };
                for i in (0..whole).step_by(LANES) {
                    let (a, b) = (L::load(from.add(i)), L::load(from.add(i + half)));
                    let cos = L::load(self.cos.as_ptr().add(i));
                    let sin = L::load(self.sin.as_ptr().add(i));
                    L::store(to.add(i), L::sub(L::mul(a, cos), L::mul(b, sin)));
                    L::store(to.add(i + half), L::add(L::mul(b, cos), L::mul(a, sin)));
                }
                // Two roundings each, as above: the compiler does not fuse what is not asked for.
                for i in whole..half {
                    let (first, second) = match self.style {
                        RotaryStyle::Halves => (i, i + half),
                        RotaryStyle::Pairs => (2 * i, 2 * i + 1),
                    };
                    let (a, b) = (*from.add(first), *from.add(second));
                    let (cos, sin) = (*self.cos.get_unchecked(i), *self.sin.get_unchecked(i));
                    to.add(first).write(a * cos - b * sin);
                    to.add(second).write(b * cos + a * sin);
                }
            }
        }
    }
}
