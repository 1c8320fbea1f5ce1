#![allow(unsafe_code, reason = "vector kernel: reads weight blocks by address")]
//! The GGUF block formats of packed panels (see `pack`): for each group of elements that share a scale,
//! sixteen columns' quants with the four bytes of one column in one lane. Layouts of the blocks from
//! ggml-common.h.

use super::activations::Kind;
use super::lanes::{LANES, Lanes};

/// One group of sixteen columns.
pub(super) struct Group<L: Lanes> {
    /// `GROUP / 4` vectors: vector `i` has the elements `4i..4i+4` of each column.
    pub(super) quads: [L::I; 8],
    pub(super) scale: L::F,
    /// Of formats that have shifts.
    pub(super) shift: L::F,
}

/// A weight is `scale * (quant - OFFSET) + shift`, quant unsigned.
pub(super) trait Format {
    /// Elements in a block.
    const BLOCK: usize;
    /// Bytes in a block.
    const BYTES: usize;
    /// Elements that share a scale: 16 or 32.
    const GROUP: usize;
    /// Whether a block begins with two bytes, before words of four.
    const LEADING_HALF: bool;
    const OFFSET: i32;
    const SHIFTED: bool;
    /// Whether quants pass 127.
    const WIDE: bool;
    /// The activations it is multiplied with.
    const KIND: Kind;

    /// # Safety
    /// `block` is a packed block of sixteen columns, `group` below `BLOCK / GROUP`. Inlined into a
    /// function with the instructions of `L`.
    unsafe fn group<L: Lanes>(block: *const u8, group: usize) -> Group<L>;
}

/// The four bytes at `offset` of each column's block.
#[inline(always)]
unsafe fn word<L: Lanes>(block: *const u8, offset: usize) -> L::I {
    // SAFETY: as `Format::group`; what stands before takes `offset` bytes a column.
    unsafe { L::load_i(block.add(offset * LANES)) }
}

/// The two bytes at `offset` of each column's block, as f16.
#[inline(always)]
unsafe fn half<L: Lanes>(block: *const u8, offset: usize) -> L::F {
    // SAFETY: as `word`.
    unsafe { L::load_f16(block.add(offset * LANES).cast()) }
}

/// The low nibbles of 16 bytes a column are the first 16 elements, the high nibbles the next.
#[inline(always)]
unsafe fn nibbles<L: Lanes>(block: *const u8, offset: usize) -> [L::I; 8] {
    // SAFETY: as `word`.
    unsafe {
        let mask = L::splat_i(0x0f0f_0f0f);
        let mut quads = [mask; 8];
        for j in 0..4 {
            let both = word::<L>(block, offset + 4 * j);
            quads[j] = L::and(both, mask);
            quads[j + 4] = L::and(L::shr(both, 4), mask);
        }
        quads
    }
}

/// As [`nibbles`], with fifth bits in the word at `bits`.
#[inline(always)]
unsafe fn nibbles_and_bit<L: Lanes>(block: *const u8, offset: usize, bits: usize) -> [L::I; 8] {
    // SAFETY: as `word`.
    unsafe {
        let bits = word::<L>(block, bits);
        let mut quads = nibbles::<L>(block, offset);
        for (j, quad) in quads.iter_mut().enumerate() {
            *quad = L::or(*quad, L::spread_fifth_bit(L::shr(bits, 4 * j as u32)));
        }
        quads
    }
}

/// `d` f16, 16 bytes of nibbles; `d * (q - 8)`.
pub(super) struct Q4_0;

impl Format for Q4_0 {
    const BLOCK: usize = 32;
    const BYTES: usize = 18;
    const GROUP: usize = 32;
    const LEADING_HALF: bool = true;
    const OFFSET: i32 = 8;
    const SHIFTED: bool = false;
    const WIDE: bool = false;
    const KIND: Kind = Kind::Small;

    #[inline(always)]
    unsafe fn group<L: Lanes>(block: *const u8, _: usize) -> Group<L> {
        // SAFETY: as the trait.
        unsafe {
            let scale = half::<L>(block, 0);
            Group {
                quads: nibbles::<L>(block, 2),
                scale,
                shift: scale,
            }
        }
    }
}

/// `d`, `m` f16, 16 bytes of nibbles; `d * q + m`.
pub(super) struct Q4_1;

impl Format for Q4_1 {
    const BLOCK: usize = 32;
    const BYTES: usize = 20;
    const GROUP: usize = 32;
    const LEADING_HALF: bool = false;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = true;
    const WIDE: bool = false;
    const KIND: Kind = Kind::Small;

    #[inline(always)]
    unsafe fn group<L: Lanes>(block: *const u8, _: usize) -> Group<L> {
        // SAFETY: as the trait.
        unsafe {
            let (scale, shift) = L::halves(word::<L>(block, 0));
            Group {
                quads: nibbles::<L>(block, 4),
                scale,
                shift,
            }
        }
    }
}

/// `d` f16, 32 fifth bits, 16 bytes of nibbles; `d * (q - 16)`.
pub(super) struct Q5_0;

impl Format for Q5_0 {
    const BLOCK: usize = 32;
    const BYTES: usize = 22;
    const GROUP: usize = 32;
    const LEADING_HALF: bool = true;
    const OFFSET: i32 = 16;
    const SHIFTED: bool = false;
    const WIDE: bool = false;
    const KIND: Kind = Kind::Small;

    #[inline(always)]
    unsafe fn group<L: Lanes>(block: *const u8, _: usize) -> Group<L> {
        // SAFETY: as the trait.
        unsafe {
            let scale = half::<L>(block, 0);
            Group {
                quads: nibbles_and_bit::<L>(block, 6, 2),
                scale,
                shift: scale,
            }
        }
    }
}

/// `d`, `m` f16, 32 fifth bits, 16 bytes of nibbles; `d * q + m`.
pub(super) struct Q5_1;

impl Format for Q5_1 {
    const BLOCK: usize = 32;
    const BYTES: usize = 24;
    const GROUP: usize = 32;
    const LEADING_HALF: bool = false;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = true;
    const WIDE: bool = false;
    const KIND: Kind = Kind::Small;

    #[inline(always)]
    unsafe fn group<L: Lanes>(block: *const u8, _: usize) -> Group<L> {
        // SAFETY: as the trait.
        unsafe {
            let (scale, shift) = L::halves(word::<L>(block, 0));
            Group {
                quads: nibbles_and_bit::<L>(block, 8, 4),
                scale,
                shift,
            }
        }
    }
}

/// `d` f16, 32 signed bytes; `d * q`, here `d * ((q + 128) - 128)`.
pub(super) struct Q8_0;

impl Format for Q8_0 {
    const BLOCK: usize = 32;
    const BYTES: usize = 34;
    const GROUP: usize = 32;
    const LEADING_HALF: bool = true;
    const OFFSET: i32 = 128;
    const SHIFTED: bool = false;
    const WIDE: bool = true;
    const KIND: Kind = Kind::Small;

    #[inline(always)]
    unsafe fn group<L: Lanes>(block: *const u8, _: usize) -> Group<L> {
        // SAFETY: as the trait.
        unsafe {
            let flip = L::splat_i(0x8080_8080_u32 as i32);
            let mut quads = [flip; 8];
            for (j, quad) in quads.iter_mut().enumerate() {
                *quad = L::xor(word::<L>(block, 2 + 4 * j), flip);
            }
            let scale = half::<L>(block, 0);
            Group {
                quads,
                scale,
                shift: scale,
            }
        }
    }
}

/// The 6-bit scale and shift of one group of a Q4_K or Q5_K block, whose `d` and `dmin` stand first
/// and 12 bytes of scales after them: `scale = d * sc`, `shift = -dmin * m`, both exact in f32.
#[inline(always)]
unsafe fn k_scale<L: Lanes>(block: *const u8, group: usize) -> (L::F, L::F) {
    // SAFETY: as `word`.
    unsafe {
        let (d, dmin) = L::halves(word::<L>(block, 0));
        let (a, b) = (word::<L>(block, 4), word::<L>(block, 8));
        let (scales, shifts) = if group < 4 {
            let six = L::splat_i(0x3f3f_3f3f);
            (L::and(a, six), L::and(b, six))
        } else {
            let c = word::<L>(block, 12);
            let four = L::splat_i(0x0f0f_0f0f);
            let top = L::splat_i(0x3030_3030);
            (
                L::or(L::and(c, four), L::and(L::shr(a, 2), top)),
                L::or(L::and(L::shr(c, 4), four), L::and(L::shr(b, 2), top)),
            )
        };
        let at = 8 * (group as u32 % 4);
        let byte = L::splat_i(0xff);
        let scale = L::to_f(L::and(L::shr(scales, at), byte));
        let shift = L::to_f(L::and(L::shr(shifts, at), byte));
        (L::mul(d, scale), L::mul(L::sub(L::zero(), dmin), shift))
    }
}

/// The nibbles of one group of a Q4_K or Q5_K block: 32 bytes hold two groups, the first in the low
/// nibbles.
#[inline(always)]
unsafe fn k_nibbles<L: Lanes>(block: *const u8, offset: usize, group: usize) -> [L::I; 8] {
    // SAFETY: as `word`.
    unsafe {
        let mask = L::splat_i(0x0f0f_0f0f);
        let mut quads = [mask; 8];
        for (j, quad) in quads.iter_mut().enumerate() {
            let both = word::<L>(block, offset + 32 * (group / 2) + 4 * j);
            let nibble = if group.is_multiple_of(2) {
                both
            } else {
                L::shr(both, 4)
            };
            *quad = L::and(nibble, mask);
        }
        quads
    }
}

/// `d`, `dmin` f16, 12 bytes of scales, 128 bytes of nibbles: 8 groups of 32.
pub(super) struct Q4K;

impl Format for Q4K {
    const BLOCK: usize = 256;
    const BYTES: usize = 144;
    const GROUP: usize = 32;
    const LEADING_HALF: bool = false;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = true;
    const WIDE: bool = false;
    const KIND: Kind = Kind::Large;

    #[inline(always)]
    unsafe fn group<L: Lanes>(block: *const u8, group: usize) -> Group<L> {
        // SAFETY: as the trait.
        unsafe {
            let (scale, shift) = k_scale::<L>(block, group);
            Group {
                quads: k_nibbles::<L>(block, 16, group),
                scale,
                shift,
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
    const LEADING_HALF: bool = false;
    const OFFSET: i32 = 0;
    const SHIFTED: bool = true;
    const WIDE: bool = false;
    const KIND: Kind = Kind::Large;

    #[inline(always)]
    unsafe fn group<L: Lanes>(block: *const u8, group: usize) -> Group<L> {
        // SAFETY: as the trait.
        unsafe {
            let (scale, shift) = k_scale::<L>(block, group);
            let mut quads = k_nibbles::<L>(block, 48, group);
            let one = L::splat_i(0x0101_0101);
            for (j, quad) in quads.iter_mut().enumerate() {
                let bits = word::<L>(block, 16 + 4 * j);
                let bit = L::and(L::shr(bits, group as u32), one);
                *quad = L::or(*quad, L::shl(bit, 4));
            }
            Group {
                quads,
                scale,
                shift,
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
    const LEADING_HALF: bool = false;
    const OFFSET: i32 = 32;
    const SHIFTED: bool = false;
    const WIDE: bool = false;
    const KIND: Kind = Kind::Large;

    #[inline(always)]
    unsafe fn group<L: Lanes>(block: *const u8, group: usize) -> Group<L> {
        // SAFETY: as the trait.
        unsafe {
            let bytes = word::<L>(block, 192 + group / 4 * 4);
            let signed = L::sar(L::shl(bytes, 24 - 8 * (group as u32 % 4)), 24);
            let scale = L::mul(half::<L>(block, 208), L::to_f(signed));
            // Two halves of 128 elements; in each, four runs of 32 elements share 32 bytes of pairs,
            // and the first and third, second and fourth run 32 bytes of nibbles.
            let (side, run, sixteen) = (group / 8, group % 8 / 2, group % 2);
            let low = 64 * side + 32 * (run % 2) + 16 * sixteen;
            let up = 128 + 32 * side + 16 * sixteen;
            let nibble = L::splat_i(0x0f0f_0f0f);
            let pair = L::splat_i(0x3030_3030);
            let mut quads = [nibble; 8];
            for (j, quad) in quads[..4].iter_mut().enumerate() {
                let both = word::<L>(block, low + 4 * j);
                let both = if run < 2 { both } else { L::shr(both, 4) };
                let pairs = word::<L>(block, up + 4 * j);
                let pairs = match run {
                    0 => L::shl(pairs, 4),
                    1 => L::shl(pairs, 2),
                    2 => pairs,
                    _ => L::shr(pairs, 2),
                };
                *quad = L::or(L::and(both, nibble), L::and(pairs, pair));
            }
            Group {
                quads,
                scale,
                shift: scale,
            }
        }
    }
}
