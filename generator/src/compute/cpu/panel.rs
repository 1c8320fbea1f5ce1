#![allow(unsafe_code, reason = "vector kernel: reads weight blocks by address")]
//! Quantised matrix products, sixteen columns (a panel) at a time.
//!
//! While few rows are multiplied, the weights of a panel go from memory through the registers; for many
//! rows they are unpacked once, for all tiles. Either way an element is
//! `Σ over groups, in order, of (scale_w * scale_x) * integer_sum (+ shift_w * shift_x)`, each term
//! added by one fused multiply-add; the integer sums are exact. So neither rows nor threads nor the
//! width of the registers change a bit of it.

use std::cell::Cell;

use super::activations::{Activations, TILE, Tile};
use super::formats::{Format, Group};
use super::lanes::{LANES, Lanes, Work};
use super::pack::Packed;
use super::pool::{Scratch, Shared};

/// How far before its use a weight is asked of the memory: bytes. Measured with weights that no cache
/// holds; 600 to 2500 are about as good.
const AHEAD: usize = 1280;

/// One matrix and where its products go.
pub(super) struct Product<'a> {
    pub(super) outputs: usize,
    pub(super) inputs: usize,
    pub(super) bias: Option<&'a [f32]>,
    /// `[rows, width]`; this matrix's outputs start at `first` of each row.
    pub(super) out: Shared<f32>,
    pub(super) width: usize,
    pub(super) first: usize,
}

impl Product<'_> {
    /// Adds the bias and writes the columns of a panel that exist.
    ///
    /// # Safety
    /// `row` exists in `out`, and no one else writes this panel's columns.
    #[inline(always)]
    pub(super) unsafe fn write<L: Lanes>(&self, row: usize, column: usize, value: L::F) {
        let mut values = [0.0; LANES];
        let count = LANES.min(self.outputs - column);
        // SAFETY: `count` columns of the row exist; the bias has `outputs` elements.
        unsafe {
            let to = self.out.get().add(row * self.width + self.first + column);
            if count == LANES {
                let value = match self.bias {
                    Some(bias) => L::add(value, L::load(bias.as_ptr().add(column))),
                    None => value,
                };
                L::store(to, value);
                return;
            }
            L::store(values.as_mut_ptr(), value);
            for (i, value) in values[..count].iter().enumerate() {
                let bias = self.bias.map_or(0.0, |bias| bias[column + i]);
                to.add(i).write(if self.bias.is_some() {
                    value + bias
                } else {
                    *value
                });
            }
        }
    }
}

thread_local! {
    static SCRATCH: Cell<Scratch> = const { Cell::new(Scratch::new()) };
}

/// One panel of a product, for all rows.
pub(super) struct Panel<'a, T> {
    pub(super) product: &'a Product<'a>,
    pub(super) weights: &'a Packed,
    pub(super) activations: &'a Activations,
    pub(super) index: usize,
    pub(super) format: std::marker::PhantomData<T>,
}

impl<T: Format> Work for Panel<'_, T> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        debug_assert!(self.activations.kind() == T::KIND);
        // Taken out and put back: a closure would not be compiled with the instructions of `L`.
        let mut scratch = SCRATCH.replace(Scratch::new());
        // SAFETY: by this function's contract.
        unsafe { self.run_in::<L>(&mut scratch) }
        SCRATCH.set(scratch);
    }
}

impl<T: Format> Panel<'_, T> {
    /// # Safety
    /// As `Work::run`.
    #[inline(always)]
    unsafe fn run_in<L: Lanes>(self, scratch: &mut Scratch) {
        let product = self.product;
        let blocks = product.inputs / T::BLOCK;
        let groups = product.inputs / T::GROUP;
        let column = self.index * LANES;
        let weights = self.weights.panel(self.index);
        let packed = weights.as_ptr().cast::<u8>();
        let whole = self.activations.rows() > L::ROWS;
        // SAFETY: a panel has `blocks` packed blocks; the scratch has room for its groups.
        unsafe {
            let source = if whole {
                let quants = groups * T::GROUP * LANES;
                let memory = scratch.bytes(quants + 2 * groups * LANES * 4);
                let scales = memory.add(quants).cast::<f32>();
                let unpacked = Unpacked {
                    quants: memory,
                    scales,
                    shifts: scales.add(groups * LANES),
                };
                for block in 0..blocks {
                    let from = packed.add(block * T::BYTES * LANES);
                    for local in 0..T::BLOCK / T::GROUP {
                        let group = T::group::<L>(from, local);
                        unpacked.write::<L, T>(block * (T::BLOCK / T::GROUP) + local, group);
                    }
                }
                Source::Unpacked(unpacked)
            } else {
                Source::Packed(packed)
            };
            for tile in 0..self.activations.rows().div_ceil(TILE) {
                let first = tile * TILE;
                let rows = TILE.min(self.activations.rows() - first);
                let view = self.activations.tile(tile);
                let mut done = 0;
                while done < rows {
                    let left = rows - done;
                    let to = To {
                        product,
                        column,
                        row: first + done,
                        offset: done,
                        rows: left,
                    };
                    let step = L::ROWS.min(left.next_power_of_two());
                    // The first condition of each is constant: no code for tiles that do not fit.
                    if L::ROWS >= 8 && step == 8 {
                        tile_rows::<L, T, 8>(&source, &view, to);
                    } else if L::ROWS >= 4 && step == 4 {
                        tile_rows::<L, T, 4>(&source, &view, to);
                    } else if L::ROWS >= 2 && step == 2 {
                        tile_rows::<L, T, 2>(&source, &view, to);
                    } else {
                        tile_rows::<L, T, 1>(&source, &view, to);
                    }
                    done += step;
                }
            }
        }
    }
}

/// The groups of a panel in scratch memory.
#[derive(Clone, Copy)]
struct Unpacked {
    /// `GROUP / 4` vectors of 64 bytes a group.
    quants: *mut u8,
    /// A vector a group.
    scales: *mut f32,
    shifts: *mut f32,
}

impl Unpacked {
    #[inline(always)]
    unsafe fn write<L: Lanes, T: Format>(&self, index: usize, group: Group<L>) {
        // SAFETY: the scratch has room for all groups of the panel.
        unsafe {
            for quad in 0..T::GROUP / 4 {
                let at = index * T::GROUP * LANES + quad * 64;
                L::store_i(self.quants.add(at), group.quads[quad]);
            }
            L::store(self.scales.add(index * LANES), group.scale);
            if T::SHIFTED {
                L::store(self.shifts.add(index * LANES), group.shift);
            }
        }
    }

    #[inline(always)]
    unsafe fn read<L: Lanes, T: Format>(&self, index: usize) -> Group<L> {
        // SAFETY: written before.
        unsafe {
            let mut quads = [L::splat_i(0); 8];
            for (quad, value) in quads[..T::GROUP / 4].iter_mut().enumerate() {
                *value = L::load_i(self.quants.add(index * T::GROUP * LANES + quad * 64));
            }
            let scale = L::load(self.scales.add(index * LANES));
            let shift = if T::SHIFTED {
                L::load(self.shifts.add(index * LANES))
            } else {
                scale
            };
            Group {
                quads,
                scale,
                shift,
            }
        }
    }
}

/// Where the weights of a panel come from.
#[derive(Clone, Copy)]
enum Source {
    Packed(*const u8),
    Unpacked(Unpacked),
}

/// Where a register tile's rows go.
#[derive(Clone, Copy)]
struct To<'a> {
    product: &'a Product<'a>,
    column: usize,
    /// In the batch.
    row: usize,
    /// In the activation tile.
    offset: usize,
    /// Rows of these that exist.
    rows: usize,
}

/// `R` rows of a tile against the panel.
#[inline(always)]
unsafe fn tile_rows<L: Lanes, T: Format, const R: usize>(source: &Source, tile: &Tile, to: To<'_>) {
    let groups = to.product.inputs / T::GROUP;
    // SAFETY: the areas are as large as `Panel::run_in` says.
    unsafe {
        let mut sums = [L::zero(); R];
        match *source {
            Source::Unpacked(unpacked) => {
                for index in 0..groups {
                    let group = unpacked.read::<L, T>(index);
                    accumulate::<L, T, R>(&mut sums, &group, tile, index, to.offset);
                }
            }
            Source::Packed(from) => {
                let each = T::BLOCK / T::GROUP;
                for block in 0..groups / each {
                    let at = block * T::BYTES * LANES;
                    for local in 0..each {
                        // Past the panel's end it is the next panel, most likely this thread's next.
                        let bytes = T::BYTES * LANES / each;
                        for line in (0..bytes).step_by(64) {
                            L::prefetch(from.wrapping_add(at + local * bytes + line + AHEAD));
                        }
                        let group = T::group::<L>(from.add(at), local);
                        let index = block * each + local;
                        accumulate::<L, T, R>(&mut sums, &group, tile, index, to.offset);
                    }
                }
            }
        }
        for (r, sum) in sums.into_iter().enumerate() {
            if r < to.rows {
                to.product.write::<L>(to.row + r, to.column, sum);
            }
        }
    }
}

/// Adds one group to the sums of `R` rows.
#[inline(always)]
unsafe fn accumulate<L: Lanes, T: Format, const R: usize>(
    sums: &mut [L::F; R],
    weights: &Group<L>,
    tile: &Tile,
    group: usize,
    offset: usize,
) {
    // SAFETY: the tile has items for all groups of its row; `offset + R` rows stand side by side.
    unsafe {
        let mut dots = [L::splat_i(0); R];
        if T::OFFSET > 0 {
            let minus = tile.sums[usize::from(T::GROUP == 32)].add(group * TILE + offset);
            for (r, dot) in dots.iter_mut().enumerate() {
                *dot = L::shl(L::splat_i(*minus.add(r)), T::OFFSET.trailing_zeros());
            }
        }
        for quad in 0..T::GROUP / 4 {
            let w = weights.quads[quad];
            let x = tile
                .quants
                .add((group * (T::GROUP / 4) + quad) * TILE + offset);
            for (r, dot) in dots.iter_mut().enumerate() {
                *dot = if T::WIDE {
                    L::dot4_wide(*dot, w, *x.add(r))
                } else {
                    L::dot4(*dot, w, *x.add(r))
                };
            }
        }
        let unit = group * T::GROUP / 32 * TILE + offset;
        for (r, sum) in sums.iter_mut().enumerate() {
            let both = L::mul(weights.scale, L::splat(*tile.scales.add(unit + r)));
            *sum = L::fma(L::to_f(dots[r]), both, *sum);
        }
        if T::SHIFTED {
            for (r, sum) in sums.iter_mut().enumerate() {
                *sum = L::fma(weights.shift, L::splat(*tile.shifts.add(unit + r)), *sum);
            }
        }
    }
}
