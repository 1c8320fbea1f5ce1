use super::*;

struct Exp<'a>(&'a [f32]);

impl Work for Exp<'_> {
    type Out = Vec<f32>;

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) -> Vec<f32> {
        let mut out = vec![0.0; self.0.len()];
        for (from, to) in self.0.chunks_exact(LANES).zip(out.chunks_exact_mut(LANES)) {
            // SAFETY: both are sixteen long.
            unsafe { L::store(to.as_mut_ptr(), exp::<L>(L::load(from.as_ptr()))) }
        }
        out
    }
}

#[test]
fn exp_is_as_good_as_the_library_and_the_same_everywhere() {
    let mut x: Vec<f32> = (0..4000).map(|i| (i - 2000) as f32 * 0.0437).collect();
    x.extend([
        0.0,
        -0.0,
        f32::NEG_INFINITY,
        -1e30,
        f32::NAN,
        f32::INFINITY,
        1e30,
        -87.3,
        88.3,
    ]);
    x.resize(x.len().next_multiple_of(LANES), 0.5);
    let plain = Isa::Scalar.run(Exp(&x));
    for (x, y) in x.iter().zip(&plain) {
        let wanted = x.exp();
        if x.is_nan() {
            assert!(y.is_nan());
        } else if *x < -87.3 {
            assert!(*y == 0.0, "{x}");
        } else if *x <= 88.3 {
            assert!((y - wanted).abs() <= 2e-7 * wanted, "{x}: {y} {wanted}");
        }
    }
    for isa in Isa::all() {
        let have = Isa::run(isa, Exp(&x));
        assert!(
            have.iter()
                .zip(&plain)
                .all(|(a, b)| a.to_bits() == b.to_bits() || a.is_nan())
        );
    }
}

struct Everything<'a>(&'a [f32], &'a [u8]);

impl Work for Everything<'_> {
    type Out = Vec<u8>;

    /// The results of all methods on the same data, as bytes.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) -> Vec<u8> {
        let mut out = Vec::new();
        // SAFETY: 64 floats and 1024 bytes are there; every read is inside of them.
        unsafe {
            let (a, b) = (L::load(self.0.as_ptr()), L::load(self.0.as_ptr().add(16)));
            let c = L::load(self.0.as_ptr().add(32));
            let bytes = self.1.as_ptr();
            let (i, j) = (L::load_i(bytes), L::load_i(bytes.add(64)));
            let (low, high) = L::halves(L::and(i, L::splat_i(0x3fff_3fff)));
            let floats = [
                L::add(a, b),
                L::sub(a, b),
                L::mul(a, b),
                L::div(a, b),
                L::fma(a, b, c),
                L::max(a, b),
                L::min(a, b),
                L::round(L::mul(a, L::splat(9.0))),
                L::abs(a),
                L::zero_where_less(a, b, c),
                L::select(0b1010_0110_1100_0101, a, b),
                L::to_f(i),
                low,
                high,
            ];
            for value in floats {
                let mut block = [0.0f32; LANES];
                L::store(block.as_mut_ptr(), value);
                out.extend(block.iter().flat_map(|v| v.to_le_bytes()));
            }
            let masked = L::and(i, L::splat_i(0x7f7f_7f7f));
            let ints = [
                L::and(i, j),
                L::or(i, j),
                L::xor(i, j),
                L::shl(i, 5),
                L::shr(i, 5),
                L::sar(i, 5),
                L::spread_fifth_bit(i),
                L::dot4(j, masked, 0x7f81_05fe_u32 as i32),
                L::dot4_wide(j, i, 0x7f81_817f_u32 as i32),
            ];
            for value in ints {
                let mut block = [0u8; 64];
                L::store_i(block.as_mut_ptr(), value);
                out.extend(block);
            }
            let (quads, sum) = L::to_i8(L::mul(a, L::splat(120.0)));
            out.extend(quads.iter().chain([&sum]).flat_map(|v| v.to_le_bytes()));
            out.extend(L::sum(a).to_le_bytes());
            out.extend(L::greatest(a).to_le_bytes());
            out.extend(L::equal(a, L::max(a, b)).to_le_bytes());
            let mut half = [0u16; LANES];
            L::store_f16(half.as_mut_ptr(), a);
            out.extend(half.iter().flat_map(|v| v.to_le_bytes()));
            let mut block = [0.0f32; LANES];
            L::store(block.as_mut_ptr(), L::load_bf16(half.as_ptr()));
            out.extend(block.iter().flat_map(|v| v.to_le_bytes()));
        }
        out
    }
}

#[test]
fn every_instruction_set_gives_the_bits_of_plain_rust() {
    let floats = super::super::tests::values(11, 64);
    let bytes: Vec<u8> = super::super::tests::values(12, 1024)
        .iter()
        .map(|v| (v * 255.0) as i8 as u8)
        .collect();
    let plain = Isa::Scalar.run(Everything(&floats, &bytes));
    for isa in Isa::all() {
        let have = isa.run(Everything(&floats, &bytes));
        let first = have.iter().zip(&plain).position(|(a, b)| a != b);
        assert_eq!(first, None, "{isa:?}, vector {}", first.unwrap_or(0) / 64);
    }
}
