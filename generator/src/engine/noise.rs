//! The chance in a drawn token, made from the request's seed and the token's position alone:
//! what is written beside it, preemption and proposals change nothing.

/// A number in [0, 1) for one position of one request. SplitMix64 (Steele, Lea and Flood, 2014),
/// whose outputs for neighbouring inputs are independent enough to draw words with.
pub(super) fn noise(seed: u64, position: usize) -> f32 {
    let mixed = mix(mix(seed) ^ (position as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    // 24 bits are what a float holds exactly, so that 1.0 is never reached.
    (mixed >> 40) as f32 / (1u32 << 24) as f32
}

fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_even_over_seeds_and_positions() {
        for by_seed in [true, false] {
            let mut tenths = [0usize; 10];
            for number in 0..10_000usize {
                let drawn = if by_seed {
                    noise(number as u64, 3)
                } else {
                    noise(3, number)
                };
                assert!((0.0..1.0).contains(&drawn));
                tenths[(drawn * 10.0) as usize] += 1;
            }
            assert!(
                tenths.iter().all(|count| (850..1150).contains(count)),
                "{tenths:?}"
            );
        }
    }

    #[test]
    fn noise_repeats_for_the_same_seed_and_position() {
        assert_eq!(noise(7, 11), noise(7, 11));
        assert_ne!(noise(7, 11), noise(7, 12));
        assert_ne!(noise(7, 11), noise(8, 11));
    }
}
