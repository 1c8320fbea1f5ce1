#![allow(unsafe_code, reason = "vector kernel")]
//! The token after each row of logits.

use super::super::mask::{Chosen, RowChoice, TokenMask};
use super::lanes::{Isa, LANES, Lanes, Work};
use super::pool::{Shared, filled, parallel};

/// One token per row of `vocab` logits.
pub(in super::super) fn choose(logits: &[f32], vocab: usize, choices: &[RowChoice]) -> Vec<Chosen> {
    on(Isa::best(), logits, vocab, choices)
}

pub(super) fn on(isa: Isa, logits: &[f32], vocab: usize, choices: &[RowChoice]) -> Vec<Chosen> {
    // SAFETY: every row writes its choice.
    unsafe {
        filled(choices.len(), |out: *mut Chosen| {
            let out = Shared::new(out);
            parallel(choices.len(), true, |range| {
                for row in range {
                    let logits = &logits[row * vocab..(row + 1) * vocab];
                    let chosen = row_choice(isa, logits, &choices[row]);
                    out.get().add(row).write(chosen);
                }
            });
        })
    }
}

fn row_choice(isa: Isa, logits: &[f32], choice: &RowChoice) -> Chosen {
    let mask = choice.mask.as_deref();
    let Some((best, max)) = isa.run(Greatest { logits, mask }) else {
        return Chosen {
            token: 0,
            finite: false,
        };
    };
    let token = if choice.temperature > 0.0 {
        sample(logits, mask, max, choice).unwrap_or(best)
    } else {
        best
    };
    Chosen {
        token,
        finite: true,
    }
}

/// Draws from the softmax of the allowed logits, of which `max` is the greatest.
fn sample(logits: &[f32], mask: Option<&TokenMask>, max: f32, choice: &RowChoice) -> Option<u32> {
    let mut candidates: Vec<(u32, f64)> = (0u32..)
        .zip(logits)
        .filter(|(id, _)| mask.is_none_or(|mask| mask.allows(*id)))
        .map(|(id, v)| (id, f64::from((v - max) / choice.temperature).exp()))
        .filter(|(_, mass)| *mass > 0.0)
        .collect();
    let mut total: f64 = candidates.iter().map(|(_, mass)| mass).sum();
    if choice.top_p > 0.0 && choice.top_p < 1.0 {
        // Most probable first, the lower id first among equals.
        candidates.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        let wanted = f64::from(choice.top_p) * total;
        let (mut kept, mut count) = (0.0, 0);
        for (_, mass) in &candidates {
            kept += mass;
            count += 1;
            if kept >= wanted {
                break;
            }
        }
        candidates.truncate(count);
        total = kept;
    }
    let wanted = f64::from(choice.noise) * total;
    let mut passed = 0.0;
    candidates
        .iter()
        .find(|(_, mass)| {
            passed += mass;
            passed > wanted
        })
        .or(candidates.last())
        .map(|(id, _)| *id)
}

/// The greatest allowed logit and its lowest id; `None` if the row holds NaN or +∞ or nothing is
/// allowed.
struct Greatest<'a> {
    logits: &'a [f32],
    mask: Option<&'a TokenMask>,
}

impl Greatest<'_> {
    /// The mask of sixteen tokens from `at`, a multiple of 16; tokens past the end are not allowed.
    #[inline(always)]
    fn bits(&self, at: usize) -> u16 {
        let allowed = match self.mask {
            Some(mask) => mask
                .words()
                .get(at / 32)
                .map_or(0, |word| (word >> (at % 32)) as u16),
            None => u16::MAX,
        };
        let left = self.logits.len() - at;
        if left < LANES {
            allowed & ((1 << left) - 1)
        } else {
            allowed
        }
    }
}

impl Work for Greatest<'_> {
    type Out = Option<(u32, f32)>;

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) -> Self::Out {
        let count = self.logits.len();
        // SAFETY: whole vectors inside of the slice; the rest through a padded copy.
        unsafe {
            let least = L::splat(f32::NEG_INFINITY);
            let (mut best, mut bad) = (least, L::zero());
            let mut rest = [f32::NEG_INFINITY; LANES];
            let whole = count / LANES * LANES;
            rest[..count - whole].copy_from_slice(&self.logits[whole..]);
            for at in (0..count).step_by(LANES) {
                let from = if at < whole {
                    self.logits.as_ptr().add(at)
                } else {
                    rest.as_ptr()
                };
                let v = L::load(from);
                // 0 for -∞ and numbers; NaN for NaN and +∞.
                bad = L::fma(L::max(L::zero(), v), L::zero(), bad);
                best = L::max(L::select(self.bits(at), v, least), best);
            }
            let max = L::greatest(best);
            if L::sum(bad).is_nan() || max == f32::NEG_INFINITY {
                return None;
            }
            for at in (0..count).step_by(LANES) {
                let from = if at < whole {
                    self.logits.as_ptr().add(at)
                } else {
                    rest.as_ptr()
                };
                let found = L::equal(L::load(from), L::splat(max)) & self.bits(at);
                if found != 0 {
                    return Some((at as u32 + found.trailing_zeros(), max));
                }
            }
            None
        }
    }
}
