#![allow(unsafe_code, reason = "vector kernel: reads weight blocks by address")]
//! The GGUF block formats, each as: sixteen columns' quants of a block, transposed so that the four
//! bytes of one column fill one lane, with the scale of each group. Layouts from ggml-common.h.

use super::activations::Kind;
use super::lanes::{LANES, Lanes};

/// Where a block of sixteen columns goes.
#[derive(Clone, Copy)]
pub(super) struct Unpacked {
    /// `BLOCK / 4` vectors of 64 bytes: vector `i` has elements `4i..4i+4` of each column.
    pub(super) quants: *mut u8,
    /// `BLOCK / GROUP` vectors of f32.
    pub(super) scales: *mut f32,
    /// The same, if the format has shifts.
    pub(super) shifts: *mut f32,
}

impl Unpacked {
    #[inline(always)]
    unsafe fn quad<L: Lanes>(&self, index: usize, value: L::I) {
        // SAFETY: there are BLOCK / 4 vectors.
        unsafe { L::store_i(self.quants.add(index * 64), value) }
    }

    #[inline(always)]
    unsafe fn scale<L: Lanes>(&self, group: usize, value: L::F) {
        // SAFETY: there are BLOCK / GROUP vectors.
        unsafe { L::store(self.scales.add(group * LANES), value) }
    }

    #[inline(always)]
    unsafe fn shift<L: Lanes>(&self, group: usize, value: L::F) {
        // SAFETY: there are BLOCK / GROUP vectors.
        unsafe { L::store(self.shifts.add(group * LANES), value) }
    }
}

/// A weight is `scale * (quant - OFFSET) + shift`, quant unsigned.
pub(super) trait Format {
    /// Elements in a block.
    const BLOCK: usize;
    /// Bytes in a block.
    const BYTES: usize;
    /// Elements that share a scale: 16 or 32.
    const GROUP: usize;
    const OFFSET: i32;
    const SHIFTED: bool;
    /// Whether quants pass 127.
    const WIDE: bool;
    /// The activations it is multiplied with.
    const KIND: Kind;

    /// # Safety
    /// Sixteen whole blocks at `from + lane * stride`; `offsets` is `L::offsets(stride)`; room in
    /// `to`. Inlined into a function with the instructions of `L`.
    unsafe fn unpack<L: Lanes>(from: *const u8, stride: usize, offsets: L::I, to: Unpacked);
}

/// Low nibbles of 16 bytes a column are the first 16 elements, high nibbles the next.
#[inline(always)]
unsafe fn nibbles<L: Lanes>(from: *const u8, stride: usize, to: &Unpacked) {
    // SAFETY: as `Format::unpack`.
    unsafe {
        let mask = L::splat_i(0x0f0f_0f0f);
        for (j, both) in L::gather16(from, stride).into_iter().enumerate() {
            to.quad::<L>(j, L::and(both, mask));
            to.quad::<L>(j + 4, L::and(L::shr(both, 4), mask));
        }
    }
}

/// As [`nibbles`], with a fifth bit from a 32-bit word a column.
#[inline(always)]
unsafe fn nibbles_and_bit<L: Lanes>(from: *const u8, stride: usize, bits: L::I, to: &Unpacked) {
    // SAFETY: as `Format::unpack`.
    unsafe {
        let mask = L::splat_i(0x0f0f_0f0f);
        for (j, both) in L::gather16(from, stride).into_iter().enumerate() {
            let at = 4 * j as u32;
            let low = L::spread_fifth_bit(L::shr(bits, at));
            let high = L::spread_fifth_bit(L::shr(bits, at + 16));
            to.quad::<L>(j, L::or(L::and(both, mask), low));
            to.quad::<L>(j + 4, L::or(L::and(L::shr(both, 4), mask), high));
        }
    }
}

/// `d` f16, 16 bytes of nibbles; `d * (q - 8)`.
pub(super) struct Q4_0;

impl Format for Q4_0 {
    const BLOCK: usize = 32;
    const BYTES: usize = 18;
    const GROUP: usize = 32;
    const OFFSET: i32 = 8;
    const SHIFTED: bool = false;
    const WIDE: bool = false;
    const KIND: Kind = Kind::Small;

    #[inline(always)]
    unsafe fn unpack<L: Lanes>(from: *const u8, stride: usize, offsets: L::I, to: Unpacked) {
        // SAFETY: as the trait.
        unsafe {
            to.scale::<L>(0, L::halves(L::gather(from, offsets)).0);
            nibbles::<L>(from.add(2), stride, &to);
        }
    }
}

/// `d`, `m` f16, 16 bytes of nibbles; `d * q + m`.
pub(super) struct Q4_1;

impl Format for Q4_1 {
    const BLOCK: usize = 32;
    const BYTES: usize = 20;
    const GROUP: usize = 32;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = true;
    const WIDE: bool = false;
    const KIND: Kind = Kind::Small;

    #[inline(always)]
    unsafe fn unpack<L: Lanes>(from: *const u8, stride: usize, offsets: L::I, to: Unpacked) {
        // SAFETY: as the trait.
        unsafe {
            let (d, m) = L::halves(L::gather(from, offsets));
            to.scale::<L>(0, d);
            to.shift::<L>(0, m);
            nibbles::<L>(from.add(4), stride, &to);
        }
    }
}

/// `d` f16, 32 fifth bits, 16 bytes of nibbles; `d * (q - 16)`.
pub(super) struct Q5_0;

impl Format for Q5_0 {
    const BLOCK: usize = 32;
    const BYTES: usize = 22;
    const GROUP: usize = 32;
    const OFFSET: i32 = 16;
    const SHIFTED: bool = false;
    const WIDE: bool = false;
    const KIND: Kind = Kind::Small;

    #[inline(always)]
    unsafe fn unpack<L: Lanes>(from: *const u8, stride: usize, offsets: L::I, to: Unpacked) {
        // SAFETY: as the trait.
        unsafe {
            to.scale::<L>(0, L::halves(L::gather(from, offsets)).0);
            let bits = L::gather(from.add(2), offsets);
            nibbles_and_bit::<L>(from.add(6), stride, bits, &to);
        }
    }
}

/// `d`, `m` f16, 32 fifth bits, 16 bytes of nibbles; `d * q + m`.
pub(super) struct Q5_1;

impl Format for Q5_1 {
    const BLOCK: usize = 32;
    const BYTES: usize = 24;
    const GROUP: usize = 32;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = true;
    const WIDE: bool = false;
    const KIND: Kind = Kind::Small;

    #[inline(always)]
    unsafe fn unpack<L: Lanes>(from: *const u8, stride: usize, offsets: L::I, to: Unpacked) {
        // SAFETY: as the trait.
        unsafe {
            let (d, m) = L::halves(L::gather(from, offsets));
            to.scale::<L>(0, d);
            to.shift::<L>(0, m);
            let bits = L::gather(from.add(4), offsets);
            nibbles_and_bit::<L>(from.add(8), stride, bits, &to);
        }
    }
}

/// `d` f16, 32 signed bytes; `d * q`, here `d * ((q + 128) - 128)`.
pub(super) struct Q8_0;

impl Format for Q8_0 {
    const BLOCK: usize = 32;
    const BYTES: usize = 34;
    const GROUP: usize = 32;
    const OFFSET: i32 = 128;
    const SHIFTED: bool = false;
    const WIDE: bool = true;
    const KIND: Kind = Kind::Small;

    #[inline(always)]
    unsafe fn unpack<L: Lanes>(from: *const u8, stride: usize, offsets: L::I, to: Unpacked) {
        // SAFETY: as the trait.
        unsafe {
            to.scale::<L>(0, L::halves(L::gather(from, offsets)).0);
            let flip = L::splat_i(0x8080_8080_u32 as i32);
            for half in 0..2 {
                let quads = L::gather16(from.add(2 + 16 * half), stride);
                for (j, quad) in quads.into_iter().enumerate() {
                    to.quad::<L>(4 * half + j, L::xor(quad, flip));
                }
            }
        }
    }
}

/// The eight 6-bit scales and shifts of a Q4_K or Q5_K block, whose `d` and `dmin` stand first:
/// `scale = d * sc`, `shift = -dmin * m`, both exact in f32.
#[inline(always)]
unsafe fn k_scales<L: Lanes>(from: *const u8, offsets: L::I, to: &Unpacked) {
    // SAFETY: as `Format::unpack`.
    unsafe {
        let (d, dmin) = L::halves(L::gather(from, offsets));
        let dmin = L::sub(L::zero(), dmin);
        let a = L::gather(from.add(4), offsets);
        let b = L::gather(from.add(8), offsets);
        let c = L::gather(from.add(12), offsets);
        let six = L::splat_i(0x3f3f_3f3f);
        let four = L::splat_i(0x0f0f_0f0f);
        let top = L::splat_i(0x3030_3030);
        let scales = [
            L::and(a, six),
            L::or(L::and(c, four), L::and(L::shr(a, 2), top)),
        ];
        let shifts = [
            L::and(b, six),
            L::or(L::and(L::shr(c, 4), four), L::and(L::shr(b, 2), top)),
        ];
        let byte = L::splat_i(0xff);
        for group in 0..8 {
            let at = 8 * (group as u32 % 4);
            let scale = L::to_f(L::and(L::shr(scales[group / 4], at), byte));
            let shift = L::to_f(L::and(L::shr(shifts[group / 4], at), byte));
            to.scale::<L>(group, L::mul(d, scale));
            to.shift::<L>(group, L::mul(dmin, shift));
        }
    }
}

/// `d`, `dmin` f16, 12 bytes of scales, 128 bytes of nibbles: 8 groups of 32.
pub(super) struct Q4K;

impl Format for Q4K {
    const BLOCK: usize = 256;
    const BYTES: usize = 144;
    const GROUP: usize = 32;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = true;
    const WIDE: bool = false;
    const KIND: Kind = Kind::Large;

    #[inline(always)]
    unsafe fn unpack<L: Lanes>(from: *const u8, stride: usize, offsets: L::I, to: Unpacked) {
        // SAFETY: as the trait.
        unsafe {
            k_scales::<L>(from, offsets, &to);
            let mask = L::splat_i(0x0f0f_0f0f);
            for half in 0..8 {
                // 32 bytes hold 64 elements: low nibbles, then high nibbles.
                let first = half / 2 * 16 + half % 2 * 4;
                let quads = L::gather16(from.add(16 + 16 * half), stride);
                for (j, both) in quads.into_iter().enumerate() {
                    to.quad::<L>(first + j, L::and(both, mask));
                    to.quad::<L>(first + 8 + j, L::and(L::shr(both, 4), mask));
                }
            }
        }
    }
}

/// As [`Q4K`], with 32 bytes of fifth bits before the nibbles: bit `g` of byte `i` belongs to element
/// `i` of group `g`.
pub(super) struct Q5K;

impl Format for Q5K {
    const BLOCK: usize = 256;
    const BYTES: usize = 176;
    const GROUP: usize = 32;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = true;
    const WIDE: bool = false;
    const KIND: Kind = Kind::Large;

    #[inline(always)]
    unsafe fn unpack<L: Lanes>(from: *const u8, stride: usize, offsets: L::I, to: Unpacked) {
        // SAFETY: as the trait.
        unsafe {
            k_scales::<L>(from, offsets, &to);
            let mask = L::splat_i(0x0f0f_0f0f);
            let one = L::splat_i(0x0101_0101);
            for half in 0..2 {
                let bits = L::gather16(from.add(16 + 16 * half), stride);
                for chunk in 0..4 {
                    let first = chunk * 16 + half * 4;
                    let at = 2 * chunk as u32;
                    let quads = L::gather16(from.add(48 + 32 * chunk + 16 * half), stride);
                    for (j, both) in quads.into_iter().enumerate() {
                        let low = L::shl(L::and(L::shr(bits[j], at), one), 4);
                        let high = L::shl(L::and(L::shr(bits[j], at + 1), one), 4);
                        to.quad::<L>(first + j, L::or(L::and(both, mask), low));
                        let upper = L::and(L::shr(both, 4), mask);
                        to.quad::<L>(first + 8 + j, L::or(upper, high));
                    }
                }
            }
        }
    }
}

/// 128 bytes of nibbles, 64 bytes of upper bit pairs, 16 signed scales, `d` f16; 16 groups of 16;
/// `d * scale * (q - 32)`.
pub(super) struct Q6K;

impl Format for Q6K {
    const BLOCK: usize = 256;
    const BYTES: usize = 210;
    const GROUP: usize = 16;
    const OFFSET: i32 = 32;
    const SHIFTED: bool = false;
    const WIDE: bool = false;
    const KIND: Kind = Kind::Large;

    #[inline(always)]
    unsafe fn unpack<L: Lanes>(from: *const u8, stride: usize, offsets: L::I, to: Unpacked) {
        // SAFETY: as the trait; `d` is read as the upper half of the last four bytes.
        unsafe {
            let d = L::halves(L::gather(from.add(206), offsets)).1;
            for four in 0..4 {
                let bytes = L::gather(from.add(192 + 4 * four), offsets);
                for i in 0..4 {
                    let scale = L::sar(L::shl(bytes, 24 - 8 * i as u32), 24);
                    to.scale::<L>(4 * four + i, L::mul(d, L::to_f(scale)));
                }
            }
            let nibble = L::splat_i(0x0f0f_0f0f);
            let pair = L::splat_i(0x3030_3030);
            for part in 0..4 {
                // Half a block of 128 elements, and of its 32 bytes of pairs one half.
                let (n, h) = (part / 2, part % 2);
                let a = L::gather16(from.add(64 * n + 16 * h), stride);
                let b = L::gather16(from.add(64 * n + 32 + 16 * h), stride);
                let upper = L::gather16(from.add(128 + 32 * n + 16 * h), stride);
                for j in 0..4 {
                    let first = 32 * n + 4 * h + j;
                    let up = upper[j];
                    let low_a = L::and(a[j], nibble);
                    let low_b = L::and(b[j], nibble);
                    let high_a = L::and(L::shr(a[j], 4), nibble);
                    let high_b = L::and(L::shr(b[j], 4), nibble);
                    to.quad::<L>(first, L::or(low_a, L::and(L::shl(up, 4), pair)));
                    to.quad::<L>(first + 8, L::or(low_b, L::and(L::shl(up, 2), pair)));
                    to.quad::<L>(first + 16, L::or(high_a, L::and(up, pair)));
                    to.quad::<L>(first + 24, L::or(high_b, L::and(L::shr(up, 2), pair)));
                }
            }
        }
    }
}
