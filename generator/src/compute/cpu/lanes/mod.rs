#![allow(
    unsafe_code,
    reason = "the vocabulary of the vector kernels; each method is one or a few instructions"
)]
//! Sixteen lanes, the unit all CPU kernels are written in: one zmm register, two ymm registers, or a
//! plain array. A kernel written once over [`Lanes`] gives the same bits on each of them, because
//! every method is defined to the last bit: fused multiply-add, `max` that returns its second
//! operand when a lane is NaN, a fixed tree for sums across lanes.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod isa;
mod scalar;

pub(super) use isa::{Isa, Work};

/// Columns of a weight panel, tokens of half a cache block: lanes in one vector.
pub(super) const LANES: usize = 16;

/// # Safety
/// All methods need the instructions that [`Isa`] has found, and pointers good for what the method
/// reads or writes. They are called only in functions reached through [`Isa::run`].
pub(super) trait Lanes: Copy {
    /// Sixteen f32.
    type F: Copy;
    /// Sixteen 32-bit integers, or 64 bytes.
    type I: Copy;

    /// Activation rows whose accumulators fit in the registers (1, 2, 4 or 8), quantised kernel.
    const ROWS: usize;
    /// Queries whose scores of one cache block fit in the registers (1, 2 or 4).
    const QUERIES: usize;

    unsafe fn zero() -> Self::F;
    unsafe fn splat(value: f32) -> Self::F;
    unsafe fn load(from: *const f32) -> Self::F;
    unsafe fn store(to: *mut f32, value: Self::F);
    unsafe fn add(a: Self::F, b: Self::F) -> Self::F;
    unsafe fn sub(a: Self::F, b: Self::F) -> Self::F;
    unsafe fn mul(a: Self::F, b: Self::F) -> Self::F;
    unsafe fn div(a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, rounded once.
    unsafe fn fma(a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `if a > b { a } else { b }`: `b` where either is NaN.
    unsafe fn max(a: Self::F, b: Self::F) -> Self::F;
    /// `if a < b { a } else { b }`: `b` where either is NaN.
    unsafe fn min(a: Self::F, b: Self::F) -> Self::F;
    /// To the nearest integer, ties to even.
    unsafe fn round(a: Self::F) -> Self::F;
    unsafe fn abs(a: Self::F) -> Self::F;
    /// `value`, and 0 where `x < limit`.
    unsafe fn zero_where_less(x: Self::F, limit: Self::F, value: Self::F) -> Self::F;
    /// `value` in the lanes whose bit is set, `other` elsewhere.
    unsafe fn select(bits: u16, value: Self::F, other: Self::F) -> Self::F;
    /// Bit per lane: `a == b`.
    unsafe fn equal(a: Self::F, b: Self::F) -> u16;
    /// `2^n` of integral lanes in -126..=127.
    unsafe fn exp2i(n: Self::F) -> Self::F;
    /// Lanes `i` and `i + 8` first, then 4, 2, 1 apart.
    unsafe fn sum(a: Self::F) -> f32;
    unsafe fn greatest(a: Self::F) -> f32;
    unsafe fn load_f16(from: *const u16) -> Self::F;
    unsafe fn load_bf16(from: *const u16) -> Self::F;
    unsafe fn store_f16(to: *mut u16, value: Self::F);

    unsafe fn splat_i(value: i32) -> Self::I;
    unsafe fn store_i(to: *mut u8, value: Self::I);
    unsafe fn load_i(from: *const u8) -> Self::I;
    unsafe fn and(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn or(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn xor(a: Self::I, b: Self::I) -> Self::I;
    unsafe fn shl(a: Self::I, bits: u32) -> Self::I;
    unsafe fn shr(a: Self::I, bits: u32) -> Self::I;
    /// Arithmetic shift.
    unsafe fn sar(a: Self::I, bits: u32) -> Self::I;
    /// Exact for what fits in 24 bits, else rounded to even.
    unsafe fn to_f(a: Self::I) -> Self::F;
    /// Rounded to even; the sum of all lanes and the lanes as sixteen i8 in memory order.
    unsafe fn to_i8(a: Self::F) -> ([i32; 4], i32);
    /// The low and the high half of each lane, as f16.
    unsafe fn halves(a: Self::I) -> (Self::F, Self::F);
    /// Bits 0..4 of each lane to bit 4 of its bytes 0..4.
    unsafe fn spread_fifth_bit(a: Self::I) -> Self::I;
    /// Per lane: `acc + Σ w[i] * x[i]` over four unsigned bytes of `w` (at most 127) and the four
    /// signed bytes of `x`.
    unsafe fn dot4(acc: Self::I, w: Self::I, x: i32) -> Self::I;
    /// The same for `w` up to 255.
    unsafe fn dot4_wide(acc: Self::I, w: Self::I, x: i32) -> Self::I;
    /// Asks for the cache line at an address, which need not exist.
    unsafe fn prefetch(at: *const u8);
}

/// `e^x`; 0 below -87.3 and for -∞, NaN for NaN, capped at `e^88.3`. Relative error below 2e-7
/// (Cephes' polynomial).
///
/// # Safety
/// As [`Lanes`].
#[inline(always)]
pub(super) unsafe fn exp<L: Lanes>(x: L::F) -> L::F {
    // SAFETY: arithmetic only; the caller runs where L's instructions exist.
    unsafe {
        let floor = L::splat(-87.3);
        let clamped = L::min(L::splat(88.3), L::max(floor, x));
        let n = L::round(L::mul(clamped, L::splat(std::f32::consts::LOG2_E)));
        let r = L::fma(n, L::splat(-0.693_359_4), clamped);
        let r = L::fma(n, L::splat(2.121_944_4e-4), r);
        let mut p = L::splat(1.987_569_1e-4);
        for c in [
            1.398_199_9e-3,
            8.333_452e-3,
            4.166_579_6e-2,
            1.666_666_5e-1,
            5e-1,
        ] {
            p = L::fma(p, r, L::splat(c));
        }
        let y = L::add(L::fma(p, L::mul(r, r), r), L::splat(1.0));
        L::zero_where_less(x, floor, L::mul(y, L::exp2i(n)))
    }
}

#[cfg(test)]
mod tests;
