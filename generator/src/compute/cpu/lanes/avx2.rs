#![allow(unsafe_code, reason = "intrinsics")]
//! Lanes as two ymm registers: lanes 0..8 and 8..16.

use std::arch::x86_64::*;

use super::Lanes;

/// `VNNI`: whether the machine multiplies bytes and adds them in one instruction.
#[derive(Clone, Copy)]
pub(super) struct Avx2<const VNNI: bool>;

#[derive(Clone, Copy)]
pub(super) struct F(__m256, __m256);

#[derive(Clone, Copy)]
pub(super) struct I(__m256i, __m256i);

/// Lanes `i` and `i + 4`, then 2 and 1 apart.
#[inline(always)]
pub(super) unsafe fn sum8(a: __m256) -> f32 {
    // SAFETY: registers only.
    unsafe {
        let four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

/// As [`sum8`], the greatest.
#[inline(always)]
pub(super) unsafe fn greatest8(a: __m256) -> f32 {
    // SAFETY: registers only.
    unsafe {
        let four = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
        let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps::<1>(two, two)))
    }
}

#[inline(always)]
unsafe fn dot<const VNNI: bool>(acc: __m256i, w: __m256i, x: __m256i) -> __m256i {
    // SAFETY: registers only; VNNI is true only where the instruction exists.
    unsafe {
        if VNNI {
            _mm256_dpbusd_avx_epi32(acc, w, x)
        } else {
            // No pair passes i16: w is at most 127.
            let pairs = _mm256_maddubs_epi16(w, x);
            _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }
}

#[inline(always)]
unsafe fn dot_wide<const VNNI: bool>(acc: __m256i, w: __m256i, x: __m256i) -> __m256i {
    // SAFETY: registers only.
    unsafe {
        if VNNI {
            return _mm256_dpbusd_avx_epi32(acc, w, x);
        }
        // 255 * 127 * 2 would pass i16: the top bit apart (128 * 127 * 2 just fits).
        let top = _mm256_set1_epi8(-128);
        let acc = dot::<false>(acc, _mm256_andnot_si256(top, w), x);
        dot::<false>(acc, _mm256_and_si256(top, w), x)
    }
}

/// `2^n` of integral lanes.
#[inline(always)]
unsafe fn power(n: __m256) -> __m256 {
    // SAFETY: registers only.
    unsafe {
        let n = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(n))
    }
}

/// Eight bf16.
#[inline(always)]
unsafe fn widen_bf16(from: *const u16) -> __m256 {
    // SAFETY: by the caller's contract.
    unsafe {
        let wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(wide))
    }
}

/// See [`Lanes::spread_fifth_bit`].
#[inline(always)]
unsafe fn spread(a: __m256i) -> __m256i {
    // SAFETY: registers only.
    unsafe {
        let nibble = _mm256_and_si256(a, _mm256_set1_epi32(15));
        let apart = _mm256_mullo_epi32(nibble, _mm256_set1_epi32(0x0020_4081));
        _mm256_slli_epi32::<4>(_mm256_and_si256(apart, _mm256_set1_epi32(0x0101_0101)))
    }
}

/// The low 16 bits of eight lanes, as f16.
#[inline(always)]
unsafe fn low_halves(a: __m256i) -> __m256 {
    // SAFETY: registers only.
    unsafe {
        let low = _mm256_and_si256(a, _mm256_set1_epi32(0xffff));
        let packed = _mm256_packus_epi32(low, low);
        let ordered = _mm256_permute4x64_epi64::<0b1000>(packed);
        _mm256_cvtph_ps(_mm256_castsi256_si128(ordered))
    }
}

/// Bits to lanes of all ones.
#[inline(always)]
unsafe fn mask8(bits: u16) -> __m256 {
    // SAFETY: registers only.
    unsafe {
        let each = _mm256_set_epi32(128, 64, 32, 16, 8, 4, 2, 1);
        let have = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits)), each);
        _mm256_castsi256_ps(_mm256_cmpeq_epi32(have, each))
    }
}

// SAFETY of all bodies: the trait's contract: pointers are good for what is read, and the function is
// inlined where `Isa::run` has enabled the instructions.
impl<const VNNI: bool> Lanes for Avx2<VNNI> {
    type F = F;
    type I = I;

    const ROWS: usize = 2;
    const QUERIES: usize = 2;

    #[inline(always)]
    unsafe fn zero() -> F {
        unsafe { F(_mm256_setzero_ps(), _mm256_setzero_ps()) }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> F {
        unsafe { F(_mm256_set1_ps(value), _mm256_set1_ps(value)) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> F {
        unsafe { F(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, value: F) {
        unsafe {
            _mm256_storeu_ps(to, value.0);
            _mm256_storeu_ps(to.add(8), value.1);
        }
    }
    #[inline(always)]
    unsafe fn add(a: F, b: F) -> F {
        unsafe { F(_mm256_add_ps(a.0, b.0), _mm256_add_ps(a.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn sub(a: F, b: F) -> F {
        unsafe { F(_mm256_sub_ps(a.0, b.0), _mm256_sub_ps(a.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn mul(a: F, b: F) -> F {
        unsafe { F(_mm256_mul_ps(a.0, b.0), _mm256_mul_ps(a.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn div(a: F, b: F) -> F {
        unsafe { F(_mm256_div_ps(a.0, b.0), _mm256_div_ps(a.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn fma(a: F, b: F, c: F) -> F {
        unsafe {
            F(
                _mm256_fmadd_ps(a.0, b.0, c.0),
                _mm256_fmadd_ps(a.1, b.1, c.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn max(a: F, b: F) -> F {
        unsafe { F(_mm256_max_ps(a.0, b.0), _mm256_max_ps(a.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn min(a: F, b: F) -> F {
        unsafe { F(_mm256_min_ps(a.0, b.0), _mm256_min_ps(a.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn round(a: F) -> F {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        unsafe {
            F(
                _mm256_round_ps::<NEAREST>(a.0),
                _mm256_round_ps::<NEAREST>(a.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn abs(a: F) -> F {
        unsafe {
            let sign = _mm256_set1_ps(-0.0);
            F(_mm256_andnot_ps(sign, a.0), _mm256_andnot_ps(sign, a.1))
        }
    }
    #[inline(always)]
    unsafe fn zero_where_less(x: F, limit: F, value: F) -> F {
        unsafe {
            let low = _mm256_cmp_ps::<_CMP_LT_OQ>(x.0, limit.0);
            let high = _mm256_cmp_ps::<_CMP_LT_OQ>(x.1, limit.1);
            F(
                _mm256_andnot_ps(low, value.0),
                _mm256_andnot_ps(high, value.1),
            )
        }
    }
    #[inline(always)]
    unsafe fn select(bits: u16, value: F, other: F) -> F {
        unsafe {
            F(
                _mm256_blendv_ps(other.0, value.0, mask8(bits & 0xff)),
                _mm256_blendv_ps(other.1, value.1, mask8(bits >> 8)),
            )
        }
    }
    #[inline(always)]
    unsafe fn equal(a: F, b: F) -> u16 {
        unsafe {
            let low = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(a.0, b.0));
            let high = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_EQ_OQ>(a.1, b.1));
            (low | high << 8) as u16
        }
    }
    #[inline(always)]
    unsafe fn exp2i(n: F) -> F {
        unsafe { F(power(n.0), power(n.1)) }
    }
    #[inline(always)]
    unsafe fn sum(a: F) -> f32 {
        unsafe { sum8(_mm256_add_ps(a.0, a.1)) }
    }
    #[inline(always)]
    unsafe fn greatest(a: F) -> f32 {
        unsafe { greatest8(_mm256_max_ps(a.0, a.1)) }
    }
    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> F {
        unsafe {
            F(
                _mm256_cvtph_ps(_mm_loadu_si128(from.cast())),
                _mm256_cvtph_ps(_mm_loadu_si128(from.add(8).cast())),
            )
        }
    }
    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> F {
        unsafe { F(widen_bf16(from), widen_bf16(from.add(8))) }
    }
    #[inline(always)]
    unsafe fn store_f16(to: *mut u16, value: F) {
        unsafe {
            let low = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value.0);
            let high = _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(value.1);
            _mm_storeu_si128(to.cast(), low);
            _mm_storeu_si128(to.add(8).cast(), high);
        }
    }

    #[inline(always)]
    unsafe fn splat_i(value: i32) -> I {
        unsafe { I(_mm256_set1_epi32(value), _mm256_set1_epi32(value)) }
    }
    #[inline(always)]
    unsafe fn store_i(to: *mut u8, value: I) {
        unsafe {
            _mm256_storeu_si256(to.cast(), value.0);
            _mm256_storeu_si256(to.add(32).cast(), value.1);
        }
    }
    #[inline(always)]
    unsafe fn load_i(from: *const u8) -> I {
        unsafe {
            I(
                _mm256_loadu_si256(from.cast()),
                _mm256_loadu_si256(from.add(32).cast()),
            )
        }
    }
    #[inline(always)]
    unsafe fn and(a: I, b: I) -> I {
        unsafe { I(_mm256_and_si256(a.0, b.0), _mm256_and_si256(a.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn or(a: I, b: I) -> I {
        unsafe { I(_mm256_or_si256(a.0, b.0), _mm256_or_si256(a.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn xor(a: I, b: I) -> I {
        unsafe { I(_mm256_xor_si256(a.0, b.0), _mm256_xor_si256(a.1, b.1)) }
    }
    #[inline(always)]
    unsafe fn shl(a: I, bits: u32) -> I {
        unsafe {
            let bits = _mm_cvtsi32_si128(bits as i32);
            I(_mm256_sll_epi32(a.0, bits), _mm256_sll_epi32(a.1, bits))
        }
    }
    #[inline(always)]
    unsafe fn shr(a: I, bits: u32) -> I {
        unsafe {
            let bits = _mm_cvtsi32_si128(bits as i32);
            I(_mm256_srl_epi32(a.0, bits), _mm256_srl_epi32(a.1, bits))
        }
    }
    #[inline(always)]
    unsafe fn sar(a: I, bits: u32) -> I {
        unsafe {
            let bits = _mm_cvtsi32_si128(bits as i32);
            I(_mm256_sra_epi32(a.0, bits), _mm256_sra_epi32(a.1, bits))
        }
    }
    #[inline(always)]
    unsafe fn to_f(a: I) -> F {
        unsafe { F(_mm256_cvtepi32_ps(a.0), _mm256_cvtepi32_ps(a.1)) }
    }
    #[inline(always)]
    unsafe fn to_i8(a: F) -> ([i32; 4], i32) {
        unsafe {
            let (low, high) = (_mm256_cvtps_epi32(a.0), _mm256_cvtps_epi32(a.1));
            // Quarters after the pack: low 0..4, high 0..4 | low 4..8, high 4..8.
            let words = _mm256_permute4x64_epi64::<0b1101_1000>(_mm256_packs_epi32(low, high));
            let bytes = _mm_packs_epi16(
                _mm256_castsi256_si128(words),
                _mm256_extracti128_si256::<1>(words),
            );
            let mut quads = [0; 4];
            _mm_storeu_si128(quads.as_mut_ptr().cast(), bytes);
            let eight = _mm256_add_epi32(low, high);
            let four = _mm_add_epi32(
                _mm256_castsi256_si128(eight),
                _mm256_extracti128_si256::<1>(eight),
            );
            let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b1110>(four));
            let one = _mm_add_epi32(two, _mm_shuffle_epi32::<1>(two));
            (quads, _mm_cvtsi128_si32(one))
        }
    }
    #[inline(always)]
    unsafe fn halves(a: I) -> (F, F) {
        unsafe {
            let high = Self::shr(a, 16);
            (
                F(low_halves(a.0), low_halves(a.1)),
                F(low_halves(high.0), low_halves(high.1)),
            )
        }
    }
    #[inline(always)]
    unsafe fn spread_fifth_bit(a: I) -> I {
        unsafe { I(spread(a.0), spread(a.1)) }
    }
    #[inline(always)]
    unsafe fn dot4(acc: I, w: I, x: i32) -> I {
        unsafe {
            let x = _mm256_set1_epi32(x);
            I(dot::<VNNI>(acc.0, w.0, x), dot::<VNNI>(acc.1, w.1, x))
        }
    }
    #[inline(always)]
    unsafe fn dot4_wide(acc: I, w: I, x: i32) -> I {
        unsafe {
            let x = _mm256_set1_epi32(x);
            I(
                dot_wide::<VNNI>(acc.0, w.0, x),
                dot_wide::<VNNI>(acc.1, w.1, x),
            )
        }
    }
    #[inline(always)]
    unsafe fn prefetch(at: *const u8) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }
}
