//! Notices a text that goes round in a circle.

/// The longest circle noticed, in tokens: a long sentence with its marks.
const LONGEST: usize = 160;

/// The fewest tokens that must repeat: a row of dashes or a short list of equal doses is no loop.
const FEWEST_REPEATED: usize = 40;

/// Follows a text token by token.
#[derive(Debug, Clone, Default)]
pub(super) struct CycleWatch {
    /// For a distance of d tokens, at d - 1: how many tokens in a row were equal to the one d
    /// before them.
    repeated: Vec<u32>,
}

impl CycleWatch {
    /// Takes notice of the last of `written`; true when the text has gone round often enough to
    /// call it a loop: three times a circle, and at least [`FEWEST_REPEATED`] repeated tokens.
    pub(super) fn goes_round(&mut self, written: &[u32]) -> bool {
        let Some((last, before)) = written.split_last() else {
            return false;
        };
        if self.repeated.len() < LONGEST && self.repeated.len() < before.len() {
            self.repeated.push(0);
        }
        let mut round = false;
        for (index, repeated) in self.repeated.iter_mut().enumerate() {
            if before[before.len() - 1 - index] == *last {
                *repeated += 1;
                let distance = index + 1;
                round |= *repeated as usize >= (2 * distance).max(FEWEST_REPEATED);
            } else {
                *repeated = 0;
            }
        }
        round
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many tokens of `text` are written before the watch calls it a loop.
    fn stops_at(text: impl IntoIterator<Item = u32>) -> Option<usize> {
        let mut watch = CycleWatch::default();
        let mut written = Vec::new();
        for token in text {
            written.push(token);
            if watch.goes_round(&written) {
                return Some(written.len());
            }
        }
        None
    }

    #[test]
    fn one_token_for_ever_is_a_loop() {
        assert_eq!(stops_at(std::iter::repeat_n(5, 100)), Some(41));
    }

    #[test]
    fn a_sentence_written_three_times_is_a_loop() {
        for length in [2u32, 7, 30, 100, 160] {
            let stopped = stops_at((0..length * 30).map(|at| at % length)).expect("a loop");
            let times = stopped as f32 / length as f32;
            assert!(times >= 3.0, "{length} tokens were said {times} times");
            assert!(stopped <= (3 * length as usize).max(FEWEST_REPEATED + length as usize));
        }
    }

    #[test]
    fn a_text_that_says_something_twice_is_none() {
        let sentence: Vec<u32> = (0..50).collect();
        let text = [
            &sentence[..],
            &[60, 61],
            &sentence[..],
            &[62],
            &sentence[..20],
        ]
        .concat();
        assert_eq!(stops_at(text), None);
        assert_eq!(stops_at(std::iter::repeat_n(9, 30).chain(0..50)), None);
    }
}
