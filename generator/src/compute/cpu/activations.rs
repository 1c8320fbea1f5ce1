#![allow(unsafe_code, reason = "vector kernel")]
//! Rows of activations as 8-bit integers, the way llama.cpp quantises them (Q8_0 and Q8_1 in blocks of
//! 32, Q8_K in blocks of 256), laid out in tiles of [`TILE`] rows for the panel kernel.

use half::f16;

use super::lanes::{Isa, LANES, Lanes, Work};
use super::pool::{Scratch, Shared, parallel};

/// Rows that stand together in memory. Missing rows of the last tile are zeros.
pub(super) const TILE: usize = 8;

/// How many elements share a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// 32: scale rounded to f16, and so is scale times sum.
    Small,
    /// 256: scale in f32.
    Large,
}

/// Where the parts of a tile stand. In each, the 8 rows of an item are side by side.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// Four i8 an item, `inputs / 4` items.
    pub(super) quants: *const i32,
    /// `inputs / 32` items.
    pub(super) scales: *const f32,
    /// Scale times the sum of the quants, `inputs / 32` items.
    pub(super) shifts: *const f32,
    /// Sums of 16 quants times -1, `inputs / 16` items; then of 32, `inputs / 32` items.
    pub(super) sums: [*const i32; 2],
}

/// Quantised rows.
pub(super) struct Activations {
    memory: Scratch,
    start: *const u8,
    kind: Kind,
    inputs: usize,
    rows: usize,
}

// SAFETY: the pointer is into `memory`, which is written only in `quantize`.
unsafe impl Sync for Activations {}

impl Activations {
    /// Quantises `[rows, inputs]`; `inputs` is a multiple of the kind's block.
    pub(super) fn quantize(
        isa: Isa,
        kind: Kind,
        x: &[f32],
        inputs: usize,
        mut memory: Scratch,
    ) -> Self {
        let rows = x.len() / inputs;
        let tiles = rows.div_ceil(TILE);
        let start = memory.bytes(tiles * Self::tile_bytes(inputs));
        let shared = Shared::new(start);
        parallel(tiles, x.len() >= 16 * 1024, |range| {
            for tile in range {
                let first = tile * TILE;
                let count = TILE.min(rows - first);
                let x = &x[first * inputs..(first + count) * inputs];
                // SAFETY: tile areas do not overlap and lie in `memory`.
                let to = unsafe { shared.get().add(tile * Self::tile_bytes(inputs)) };
                isa.run(QuantizeTile {
                    kind,
                    x,
                    inputs,
                    to,
                });
            }
        });
        Self {
            memory,
            start,
            kind,
            inputs,
            rows,
        }
    }

    /// Gives the memory back for the next call.
    pub(super) fn into_memory(self) -> Scratch {
        self.memory
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The parts of tile `index`.
    pub(super) fn tile(&self, index: usize) -> Tile {
        debug_assert!(index * TILE < self.rows);
        // SAFETY: the tile lies in `memory`.
        unsafe {
            parts(
                self.start.add(index * Self::tile_bytes(self.inputs)),
                self.inputs,
            )
        }
    }

    /// One tile: quants, scales, shifts, sums of 16, sums of 32.
    fn tile_bytes(inputs: usize) -> usize {
        let items = inputs / 4 + inputs / 32 + inputs / 32 + inputs / 16 + inputs / 32;
        items * TILE * 4
    }
}

/// # Safety
/// `start` has a whole tile after it.
unsafe fn parts(start: *const u8, inputs: usize) -> Tile {
    // SAFETY: all offsets are within `tile_bytes`.
    unsafe {
        let quants = start;
        let scales = quants.add(inputs / 4 * TILE * 4);
        let shifts = scales.add(inputs / 32 * TILE * 4);
        let sums16 = shifts.add(inputs / 32 * TILE * 4);
        let sums32 = sums16.add(inputs / 16 * TILE * 4);
        Tile {
            quants: quants.cast(),
            scales: scales.cast(),
            shifts: shifts.cast(),
            sums: [sums16.cast(), sums32.cast()],
        }
    }
}

struct QuantizeTile<'a> {
    kind: Kind,
    x: &'a [f32],
    inputs: usize,
    to: *mut u8,
}

impl Work for QuantizeTile<'_> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let count = self.x.len() / self.inputs;
        // SAFETY: `to` has a tile's bytes; `x` has `count` rows of `inputs`.
        unsafe {
            let tile = parts(self.to, self.inputs);
            if count < TILE {
                self.to.write_bytes(0, Activations::tile_bytes(self.inputs));
            }
            for row in 0..count {
                let x = self.x.as_ptr().add(row * self.inputs);
                match self.kind {
                    Kind::Small => small_row::<L>(x, self.inputs, row, &tile),
                    Kind::Large => large_row::<L>(x, self.inputs, row, &tile),
                }
            }
            if self.kind == Kind::Small {
                let items = self.inputs / 32 * TILE;
                round_to_f16::<L>(tile.scales.cast_mut(), items);
                round_to_f16::<L>(tile.shifts.cast_mut(), items);
            }
        }
    }
}

/// Blocks of 32: `d = max|x| / 127`.
#[inline(always)]
unsafe fn small_row<L: Lanes>(x: *const f32, inputs: usize, row: usize, tile: &Tile) {
    // SAFETY: `x` has `inputs` values, the tile its items; see `parts`.
    unsafe {
        for unit in 0..inputs / 32 {
            let low = L::load(x.add(unit * 32));
            let high = L::load(x.add(unit * 32 + LANES));
            let amax = L::greatest(L::max(L::abs(low), L::abs(high)));
            let inverse = if amax == 0.0 { 0.0 } else { 127.0 / amax };
            let sum =
                store_16::<L>(L::mul(low, L::splat(inverse)), unit * 2, row, tile).wrapping_add(
                    store_16::<L>(L::mul(high, L::splat(inverse)), unit * 2 + 1, row, tile),
                );
            let scale = amax / 127.0 + poison::<L>(low, high);
            store_unit(scale, sum, unit, row, tile);
        }
    }
}

/// Blocks of 256: the element of the greatest magnitude becomes -127.
#[inline(always)]
unsafe fn large_row<L: Lanes>(x: *const f32, inputs: usize, row: usize, tile: &Tile) {
    // SAFETY: `x` has `inputs` values, the tile its items; see `parts`.
    unsafe {
        for block in 0..inputs / 256 {
            let x = x.add(block * 256);
            let (mut up, mut down, mut bad) = (L::load(x), L::sub(L::zero(), L::load(x)), 0.0);
            for i in (0..256).step_by(2 * LANES) {
                let (low, high) = (L::load(x.add(i)), L::load(x.add(i + LANES)));
                up = L::max(up, L::max(low, high));
                let (low_down, high_down) = (L::sub(L::zero(), low), L::sub(L::zero(), high));
                down = L::max(down, L::max(low_down, high_down));
                bad += poison::<L>(low, high);
            }
            let (most, least) = (L::greatest(up), -L::greatest(down));
            let up_wins = most > -least || (most == -least && first_is(x, most));
            let extreme = if up_wins { most } else { least };
            let inverse = if extreme == 0.0 {
                0.0
            } else {
                -127.0 / extreme
            };
            let scale = if extreme == 0.0 { 0.0 } else { 1.0 / inverse };
            for unit in block * 8..block * 8 + 8 {
                let x = x.add((unit - block * 8) * 32);
                let factor = L::splat(inverse);
                let (low, high) = (L::load(x), L::load(x.add(LANES)));
                let sum = store_16::<L>(L::mul(low, factor), unit * 2, row, tile)
                    .wrapping_add(store_16::<L>(L::mul(high, factor), unit * 2 + 1, row, tile));
                store_unit(scale + bad, sum, unit, row, tile);
            }
        }
    }
}

/// Whether `value` comes before `-value` in a block of 256.
unsafe fn first_is(x: *const f32, value: f32) -> bool {
    // SAFETY: the block has 256 values.
    unsafe { std::slice::from_raw_parts(x, 256) }
        .iter()
        .find(|v| v.abs() == value)
        .is_none_or(|v| *v == value)
}

/// 0, or NaN where a lane is NaN or infinite: integers cannot carry these, the scale does.
#[inline(always)]
unsafe fn poison<L: Lanes>(low: L::F, high: L::F) -> f32 {
    // SAFETY: registers only.
    unsafe { L::sum(L::fma(low, L::zero(), L::mul(high, L::zero()))) }
}

/// Writes sixteen quants; gives their sum.
#[inline(always)]
unsafe fn store_16<L: Lanes>(x: L::F, sixteenth: usize, row: usize, tile: &Tile) -> i32 {
    // SAFETY: the tile has `inputs / 4` items of quants and `inputs / 16` of sums.
    unsafe {
        let (quads, sum) = L::to_i8(x);
        for (i, quad) in quads.into_iter().enumerate() {
            tile.quants
                .cast_mut()
                .add((sixteenth * 4 + i) * TILE + row)
                .write(quad);
        }
        tile.sums[0]
            .cast_mut()
            .add(sixteenth * TILE + row)
            .write(sum.wrapping_neg());
        sum
    }
}

#[inline(always)]
unsafe fn store_unit(scale: f32, sum: i32, unit: usize, row: usize, tile: &Tile) {
    let at = unit * TILE + row;
    // SAFETY: the tile has `inputs / 32` items of each.
    unsafe {
        tile.scales.cast_mut().add(at).write(scale);
        tile.shifts.cast_mut().add(at).write(scale * sum as f32);
        tile.sums[1].cast_mut().add(at).write(sum.wrapping_neg());
    }
}

/// Rounds `count` values, a multiple of 8, to f16 and back.
#[inline(always)]
unsafe fn round_to_f16<L: Lanes>(values: *mut f32, count: usize) {
    // SAFETY: whole vectors inside of `count`; the rest one by one.
    unsafe {
        let mut bits = [0u16; LANES];
        let whole = count / LANES * LANES;
        for i in (0..whole).step_by(LANES) {
            L::store_f16(bits.as_mut_ptr(), L::load(values.add(i)));
            L::store(values.add(i), L::load_f16(bits.as_ptr()));
        }
        for i in whole..count {
            let value = values.add(i);
            *value = f16::from_f32(*value).to_f32();
        }
    }
}
