#![allow(unsafe_code, reason = "vector kernel")]
//! Products with f32, f16 and bf16 matrices, read as they are stored.
//!
//! An element has sixteen partial sums, lane `i` over the inputs `i, i + 16, …`, joined by a fixed
//! tree: the same for every tiling, so neither rows nor threads change a bit of it.

use half::{bf16, f16};

use super::lanes::{LANES, Lanes, Work};
use super::panel::Product;

/// A stored type that widens to f32.
pub(super) trait Stored: Copy + 'static {
    const ZERO: Self;
    /// # Safety
    /// As `Lanes::load`.
    unsafe fn load<L: Lanes>(from: *const Self) -> L::F;
}

impl Stored for f32 {
    const ZERO: Self = 0.0;
    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L::F {
        // SAFETY: as the trait.
        unsafe { L::load(from) }
    }
}

impl Stored for f16 {
    const ZERO: Self = f16::ZERO;
    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L::F {
        // SAFETY: as the trait.
        unsafe { L::load_f16(from.cast()) }
    }
}

impl Stored for bf16 {
    const ZERO: Self = bf16::ZERO;
    #[inline(always)]
    unsafe fn load<L: Lanes>(from: *const Self) -> L::F {
        // SAFETY: as the trait.
        unsafe { L::load_bf16(from.cast()) }
    }
}

/// Sixteen outputs of a dense product, for all rows.
pub(super) struct DensePanel<'a, T> {
    pub(super) product: &'a Product<'a>,
    /// `product.weights` as numbers.
    pub(super) weights: *const T,
    /// `[rows, inputs]`.
    pub(super) x: &'a [f32],
    pub(super) index: usize,
}

impl<T: Stored> Work for DensePanel<'_, T> {
    type Out = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let inputs = self.product.inputs;
        let rows = self.x.len() / inputs;
        // SAFETY: rows stay inside of `x`.
        unsafe {
            let mut row = 0;
            while row < rows {
                let x = self.x.as_ptr().add(row * inputs);
                let left = rows - row;
                // The first condition of each is constant: no code for tiles that do not fit.
                row += if L::ROWS >= 8 && left >= 8 {
                    self.band::<L, 8, 2>(row, x);
                    8
                } else if L::ROWS >= 4 && left >= 4 {
                    self.band::<L, 4, 4>(row, x);
                    4
                } else if L::ROWS == 2 && left >= 2 {
                    self.band::<L, 2, 2>(row, x);
                    2
                } else {
                    self.band::<L, 1, 4>(row, x);
                    1
                };
            }
        }
    }
}

impl<T: Stored> DensePanel<'_, T> {
    /// `R` rows from `row`, which stand at `x`, times the panel's columns.
    ///
    /// # Safety
    /// The rows exist, and this panel alone writes its columns.
    #[inline(always)]
    unsafe fn band<L: Lanes, const R: usize, const C: usize>(&self, row: usize, x: *const f32) {
        let inputs = self.product.inputs;
        let mut column = self.index * LANES;
        let last = self.product.outputs.min(column + LANES);
        // SAFETY: columns stay inside of the weights.
        unsafe {
            while column < last {
                let w = self.weights.add(column * inputs);
                let mut sums = [[0.0; C]; R];
                let width = if last - column >= C { C } else { 1 };
                if width == C {
                    tile::<L, T, R, C>(x, w, inputs, &mut sums);
                } else {
                    let mut one = [[0.0; 1]; R];
                    tile::<L, T, R, 1>(x, w, inputs, &mut one);
                    for (sums, one) in sums.iter_mut().zip(one) {
                        sums[0] = one[0];
                    }
                }
                for (r, sums) in sums.iter().enumerate() {
                    for (c, sum) in sums[..width].iter().enumerate() {
                        self.write(row + r, column + c, *sum);
                    }
                }
                column += width;
            }
        }
    }

    /// # Safety
    /// The element exists, and this panel alone writes it.
    #[inline(always)]
    unsafe fn write(&self, row: usize, column: usize, sum: f32) {
        let product = self.product;
        let sum = product.bias.map_or(sum, |bias| sum + bias[column]);
        // SAFETY: by the caller's promise.
        unsafe {
            product
                .out
                .get()
                .add(row * product.width + product.first + column)
                .write(sum)
        }
    }
}

/// `R` rows times `C` columns.
#[inline(always)]
unsafe fn tile<L: Lanes, T: Stored, const R: usize, const C: usize>(
    x: *const f32,
    w: *const T,
    inputs: usize,
    out: &mut [[f32; C]; R],
) {
    let whole = inputs / LANES * LANES;
    // SAFETY: `x` has R rows and `w` C rows of `inputs`; the rest goes through padded copies.
    unsafe {
        let mut sums = [[L::zero(); C]; R];
        let mut i = 0;
        while i < whole {
            let mut columns = [L::zero(); C];
            for (c, column) in columns.iter_mut().enumerate() {
                *column = T::load::<L>(w.add(c * inputs + i));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let x = L::load(x.add(r * inputs + i));
                for (c, sum) in sums.iter_mut().enumerate() {
                    *sum = L::fma(x, columns[c], *sum);
                }
            }
            i += LANES;
        }
        if whole < inputs {
            let rest = inputs - whole;
            for (r, sums) in sums.iter_mut().enumerate() {
                let mut x_rest = [0.0; LANES];
                x_rest
                    .as_mut_ptr()
                    .copy_from_nonoverlapping(x.add(r * inputs + whole), rest);
                for (c, sum) in sums.iter_mut().enumerate() {
                    let mut w_rest = [T::ZERO; LANES];
                    w_rest
                        .as_mut_ptr()
                        .copy_from_nonoverlapping(w.add(c * inputs + whole), rest);
                    let column = T::load::<L>(w_rest.as_ptr());
                    *sum = L::fma(L::load(x_rest.as_ptr()), column, *sum);
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (c, sum) in sums.into_iter().enumerate() {
                out[r][c] = L::sum(sum);
            }
        }
    }
}
