#![allow(
    unsafe_code,
    reason = "implements the unsafe vocabulary of lanes on arrays"
)]
//! Lanes as arrays: for machines without AVX2, and the oracle of the others.

use half::{bf16, f16};

use super::{LANES, Lanes};

#[derive(Clone, Copy)]
pub(super) struct Scalar;

type F = [f32; LANES];
type I = [i32; LANES];

fn both(a: F, b: F, f: impl Fn(f32, f32) -> f32) -> F {
    std::array::from_fn(|i| f(a[i], b[i]))
}

fn ints(a: I, b: I, f: impl Fn(i32, i32) -> i32) -> I {
    std::array::from_fn(|i| f(a[i], b[i]))
}

fn fold(a: F, f: impl Fn(f32, f32) -> f32) -> f32 {
    let eight: [f32; 8] = std::array::from_fn(|i| f(a[i], a[i + 8]));
    let four: [f32; 4] = std::array::from_fn(|i| f(eight[i], eight[i + 4]));
    f(f(four[0], four[2]), f(four[1], four[3]))
}

fn dot(acc: I, w: I, x: i32) -> I {
    ints(acc, w, |acc, w| {
        w.to_le_bytes()
            .into_iter()
            .zip(x.to_le_bytes())
            .fold(acc, |sum, (w, x)| {
                sum.wrapping_add(i32::from(w) * i32::from(x as i8))
            })
    })
}

impl Lanes for Scalar {
    type F = F;
    type I = I;

    const ROWS: usize = 1;
    const QUERIES: usize = 1;

    unsafe fn zero() -> F {
        [0.0; LANES]
    }
    unsafe fn splat(value: f32) -> F {
        [value; LANES]
    }
    unsafe fn load(from: *const f32) -> F {
        // SAFETY: good for 16 values, by the trait's contract.
        unsafe { from.cast::<F>().read_unaligned() }
    }
    unsafe fn store(to: *mut f32, value: F) {
        // SAFETY: good for 16 values, by the trait's contract.
        unsafe { to.cast::<F>().write_unaligned(value) }
    }
    unsafe fn add(a: F, b: F) -> F {
        both(a, b, |a, b| a + b)
    }
    unsafe fn sub(a: F, b: F) -> F {
        both(a, b, |a, b| a - b)
    }
    unsafe fn mul(a: F, b: F) -> F {
        both(a, b, |a, b| a * b)
    }
    unsafe fn div(a: F, b: F) -> F {
        both(a, b, |a, b| a / b)
    }
    unsafe fn fma(a: F, b: F, c: F) -> F {
        std::array::from_fn(|i| a[i].mul_add(b[i], c[i]))
    }
    unsafe fn max(a: F, b: F) -> F {
        both(a, b, |a, b| if a > b { a } else { b })
    }
    unsafe fn min(a: F, b: F) -> F {
        both(a, b, |a, b| if a < b { a } else { b })
    }
    unsafe fn round(a: F) -> F {
        a.map(f32::round_ties_even)
    }
    unsafe fn abs(a: F) -> F {
        a.map(f32::abs)
    }
    unsafe fn zero_where_less(x: F, limit: F, value: F) -> F {
        std::array::from_fn(|i| if x[i] < limit[i] { 0.0 } else { value[i] })
    }
    unsafe fn select(bits: u16, value: F, other: F) -> F {
        std::array::from_fn(|i| {
            if bits >> i & 1 == 1 {
                value[i]
            } else {
                other[i]
            }
        })
    }
    unsafe fn equal(a: F, b: F) -> u16 {
        (0..LANES).fold(0, |bits, i| bits | (u16::from(a[i] == b[i]) << i))
    }
    unsafe fn exp2i(n: F) -> F {
        n.map(|n| f32::from_bits((((n as i32).wrapping_add(127)) << 23) as u32))
    }
    unsafe fn sum(a: F) -> f32 {
        fold(a, |a, b| a + b)
    }
    unsafe fn greatest(a: F) -> f32 {
        fold(a, |a, b| if a > b { a } else { b })
    }
    unsafe fn load_f16(from: *const u16) -> F {
        // SAFETY: good for 16 values, by the trait's contract.
        let bits = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        bits.map(|b| f16::from_bits(b).to_f32())
    }
    unsafe fn load_bf16(from: *const u16) -> F {
        // SAFETY: good for 16 values, by the trait's contract.
        let bits = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        bits.map(|b| bf16::from_bits(b).to_f32())
    }
    unsafe fn store_f16(to: *mut u16, value: F) {
        let bits = value.map(|v| f16::from_f32(v).to_bits());
        // SAFETY: good for 16 values, by the trait's contract.
        unsafe { to.cast::<[u16; LANES]>().write_unaligned(bits) }
    }

    unsafe fn splat_i(value: i32) -> I {
        [value; LANES]
    }
    unsafe fn store_i(to: *mut u8, value: I) {
        // SAFETY: good for 64 bytes, by the trait's contract.
        unsafe { to.cast::<I>().write_unaligned(value) }
    }
    unsafe fn load_i(from: *const u8) -> I {
        // SAFETY: good for 64 bytes, by the trait's contract.
        unsafe { from.cast::<I>().read_unaligned() }
    }
    unsafe fn and(a: I, b: I) -> I {
        ints(a, b, |a, b| a & b)
    }
    unsafe fn or(a: I, b: I) -> I {
        ints(a, b, |a, b| a | b)
    }
    unsafe fn xor(a: I, b: I) -> I {
        ints(a, b, |a, b| a ^ b)
    }
    unsafe fn shl(a: I, bits: u32) -> I {
        a.map(|a| a << bits)
    }
    unsafe fn shr(a: I, bits: u32) -> I {
        a.map(|a| ((a as u32) >> bits) as i32)
    }
    unsafe fn sar(a: I, bits: u32) -> I {
        a.map(|a| a >> bits)
    }
    unsafe fn to_f(a: I) -> F {
        a.map(|a| a as f32)
    }
    unsafe fn to_i8(a: F) -> ([i32; 4], i32) {
        let bytes = a.map(|v| v.round_ties_even() as i8);
        let quads = std::array::from_fn(|q| {
            i32::from_le_bytes(std::array::from_fn(|i| bytes[4 * q + i] as u8))
        });
        (quads, bytes.iter().map(|&b| i32::from(b)).sum())
    }
    unsafe fn halves(a: I) -> (F, F) {
        (
            a.map(|a| f16::from_bits(a as u16).to_f32()),
            a.map(|a| f16::from_bits((a >> 16) as u16).to_f32()),
        )
    }
    unsafe fn spread_fifth_bit(a: I) -> I {
        a.map(|a| (((a & 15) * 0x0020_4081) & 0x0101_0101) << 4)
    }
    unsafe fn dot4(acc: I, w: I, x: i32) -> I {
        dot(acc, w, x)
    }
    unsafe fn dot4_wide(acc: I, w: I, x: i32) -> I {
        dot(acc, w, x)
    }
    unsafe fn prefetch(_: *const u8) {}
}
