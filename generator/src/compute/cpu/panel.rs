#![allow(unsafe_code, reason = "vector kernel: reads weight blocks by address")]
//! Quantised matrix products, sixteen columns (a panel) at a time.
//!
//! The weights of a panel are unpacked once: into a block-sized scratch while few rows are multiplied,
//! or whole, for all tiles of many rows. Either way an element is
//! `Σ over groups, in order, of (scale_w * scale_x) * integer_sum (+ shift_w * shift_x)`, each term
//! added by one fused multiply-add; the integer sums are exact. So neither rows nor threads nor the
//! width of the registers change a bit of it.

use std::cell::Cell;

use super::activations::{Activations, TILE, Tile};
use super::formats::{Format, Unpacked};
use super::lanes::{LANES, Lanes, Work};
use super::pool::{Scratch, Shared};

/// One matrix and where its products go.
pub(super) struct Product<'a> {
    pub(super) weights: &'a [u8],
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
                to.add(i).write(if self.bias.is_some() { value + bias } else { *value });
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
        let stride = blocks * T::BYTES;
        let column = self.index * LANES;
        let count = LANES.min(product.outputs - column);
        let weights = &product.weights[column * stride..(column + count) * stride];
        let whole = self.activations.rows() > L::ROWS;
        let kept = if whole { blocks } else { 1 };
        let quants = kept * T::BLOCK * LANES;
        let scales = kept * (T::BLOCK / T::GROUP) * LANES * 4;
        let tail = if count < LANES { LANES * stride } else { 0 };
        let memory = scratch.bytes(quants + 2 * scales + tail);
        // SAFETY: the scratch holds all four areas; `weights` has `count` rows of `stride` bytes,
        // and where that is less than a panel the copy has sixteen.
        unsafe {
            let unpacked = Unpacked {
                quants: memory,
                scales: memory.add(quants).cast(),
                shifts: memory.add(quants + scales).cast(),
            };
            let mut from = weights.as_ptr();
            if count < LANES {
                let copy = memory.add(quants + 2 * scales);
                copy.write_bytes(0, LANES * stride);
                copy.copy_from_nonoverlapping(from, weights.len());
                from = copy;
            }
            let source = Source { from, stride, blocks };
            if whole {
                let offsets = L::offsets(stride);
                for block in 0..blocks {
                    let to = at::<T>(unpacked, block);
                    T::unpack::<L>(from.add(block * T::BYTES), stride, offsets, to);
                }
            }
            for tile in 0..self.activations.rows().div_ceil(TILE) {
                let first = tile * TILE;
                let rows = TILE.min(self.activations.rows() - first);
                let view = self.activations.tile(tile);
                let mut done = 0;
                while done < rows {
                    let left = rows - done;
                    let to = To { product, column, row: first + done, offset: done, rows: left };
                    let step = L::ROWS.min(left.next_power_of_two());
                    // The first condition of each is constant: no code for tiles that do not fit.
                    if L::ROWS >= 8 && step == 8 {
                        tile_rows::<L, T, 8>(&source, unpacked, whole, &view, to);
                    } else if L::ROWS >= 4 && step == 4 {
                        tile_rows::<L, T, 4>(&source, unpacked, whole, &view, to);
                    } else if L::ROWS >= 2 && step == 2 {
                        tile_rows::<L, T, 2>(&source, unpacked, whole, &view, to);
                    } else {
                        tile_rows::<L, T, 1>(&source, unpacked, whole, &view, to);
                    }
                    done += step;
                }
            }
        }
    }
}

/// The packed weights of a panel.
struct Source {
    from: *const u8,
    stride: usize,
    blocks: usize,
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

/// The area of one block among those of a whole panel.
#[inline(always)]
unsafe fn at<T: Format>(all: Unpacked, block: usize) -> Unpacked {
    let groups = block * (T::BLOCK / T::GROUP) * LANES;
    // SAFETY: the caller has room for all blocks of the panel.
    unsafe {
        Unpacked {
            quants: all.quants.add(block * T::BLOCK * LANES),
            scales: all.scales.add(groups),
            shifts: all.shifts.add(groups),
        }
    }
}

/// `R` rows of a tile against the panel.
#[inline(always)]
unsafe fn tile_rows<L: Lanes, T: Format, const R: usize>(
    source: &Source,
    unpacked: Unpacked,
    whole: bool,
    tile: &Tile,
    to: To<'_>,
) {
    // SAFETY: the caller's areas are as large as `Panel::run` says.
    unsafe {
        let mut sums = [L::zero(); R];
        if whole {
            for block in 0..source.blocks {
                accumulate::<L, T, R>(&mut sums, at::<T>(unpacked, block), tile, block, to.offset);
            }
        } else {
            let offsets = L::offsets(source.stride);
            for block in 0..source.blocks {
                let from = source.from.add(block * T::BYTES);
                T::unpack::<L>(from, source.stride, offsets, unpacked);
                accumulate::<L, T, R>(&mut sums, unpacked, tile, block, to.offset);
            }
        }
        for (r, sum) in sums.into_iter().enumerate() {
            if r < to.rows {
                to.product.write::<L>(to.row + r, to.column, sum);
            }
        }
    }
}

/// Adds one block's groups to the sums of `R` rows.
#[inline(always)]
unsafe fn accumulate<L: Lanes, T: Format, const R: usize>(
    sums: &mut [L::F; R],
    weights: Unpacked,
    tile: &Tile,
    block: usize,
    offset: usize,
) {
    // SAFETY: the tile has items for all groups of its row; `offset + R` rows stand side by side.
    unsafe {
        for local in 0..T::BLOCK / T::GROUP {
            let group = block * (T::BLOCK / T::GROUP) + local;
            let quads = T::GROUP / 4;
            let mut dots = [L::splat_i(0); R];
            if T::OFFSET > 0 {
                let minus = tile.sums[usize::from(T::GROUP == 32)].add(group * TILE + offset);
                for (r, dot) in dots.iter_mut().enumerate() {
                    *dot = L::shl(L::splat_i(*minus.add(r)), T::OFFSET.trailing_zeros());
                }
            }
            for quad in 0..quads {
                let w = L::load_i(weights.quants.add((local * quads + quad) * 64));
                let x = tile.quants.add((group * quads + quad) * TILE + offset);
                for (r, dot) in dots.iter_mut().enumerate() {
                    *dot = if T::WIDE {
                        L::dot4_wide(*dot, w, *x.add(r))
                    } else {
                        L::dot4(*dot, w, *x.add(r))
                    };
                }
            }
            let unit = group * T::GROUP / 32 * TILE + offset;
            let scale = L::load(weights.scales.add(local * LANES));
            for (r, sum) in sums.iter_mut().enumerate() {
                let both = L::mul(scale, L::splat(*tile.scales.add(unit + r)));
                *sum = L::fma(L::to_f(dots[r]), both, *sum);
            }
            if T::SHIFTED {
                let shift = L::load(weights.shifts.add(local * LANES));
                for (r, sum) in sums.iter_mut().enumerate() {
                    *sum = L::fma(shift, L::splat(*tile.shifts.add(unit + r)), *sum);
                }
            }
        }
    }
}
