//! Proposes what may come next by copying from what was said before: cited answers repeat the
//! words of their passages. (Prompt lookup decoding, Saxena 2023; n-gram speculation in vLLM.)

use std::collections::HashMap;

/// The fewest last tokens that must have stood together before. Pairs alone mislead often; how
/// often is learnt by the length of the match, so they are still worth indexing.
const SHORTEST_MATCH: usize = 2;

/// Matches longer than this are equally sure.
const LONGEST_MATCH: usize = 16;

/// Places of the same pair that are compared, the latest first.
const PLACES_COMPARED: usize = 32;

/// What may come next, and how many tokens before it matched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Proposal {
    /// Tokens, in order.
    pub(super) tokens: Vec<u32>,
    /// How many last tokens stood before the place copied from.
    pub(super) matched: usize,
}

/// Where each pair of tokens stood in one sequence.
#[derive(Debug, Clone, Default)]
pub(super) struct Lookup {
    /// Positions just after the pair, ascending.
    after_pair: HashMap<(u32, u32), Vec<u32>>,
    indexed: usize,
}

impl Lookup {
    /// What followed the longest earlier occurrence of the last tokens of `text`, at most `most`
    /// tokens; of equally long ones the latest. `text` is what was given before and more.
    pub(super) fn propose(&mut self, text: &[u32], most: usize) -> Proposal {
        self.index(text);
        let mut best = Proposal::default();
        if text.len() <= SHORTEST_MATCH || most == 0 {
            return best;
        }
        let pair = (text[text.len() - 2], text[text.len() - 1]);
        let mut best_place = 0;
        for &place in self
            .after_pair
            .get(&pair)
            .into_iter()
            .flatten()
            .rev()
            .take(PLACES_COMPARED)
        {
            let place = place as usize;
            let matched = (0..place.min(LONGEST_MATCH))
                .take_while(|back| text[place - 1 - back] == text[text.len() - 1 - back])
                .count();
            if matched > best.matched {
                best.matched = matched;
                best_place = place;
            }
        }
        if best.matched >= SHORTEST_MATCH {
            let end = text.len().min(best_place + most);
            best.tokens = text[best_place..end].to_vec();
        }
        best
    }

    /// Takes in the pairs that something already follows.
    fn index(&mut self, text: &[u32]) {
        for end in self.indexed.max(2)..text.len() {
            self.after_pair
                .entry((text[end - 2], text[end - 1]))
                .or_default()
                .push(u32::try_from(end).unwrap_or(u32::MAX));
        }
        self.indexed = text.len().max(2);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn propose(text: &[u32], most: usize) -> (Vec<u32>, usize) {
        let proposal = Lookup::default().propose(text, most);
        (proposal.tokens, proposal.matched)
    }

    #[test]
    fn the_longest_match_wins_over_a_later_one() {
        let text = [1, 2, 3, 4, 9, 9, 2, 3, 5, 9, 1, 2, 3];
        assert_eq!(propose(&text, 2), (vec![4, 9], 3));
    }

    #[test]
    fn of_equal_matches_the_latest_wins() {
        assert_eq!(propose(&[7, 1, 2, 3, 8, 1, 2, 4, 9, 1, 2], 1), (vec![4], 2));
    }

    #[test]
    fn nothing_is_proposed_where_nothing_matches() {
        assert_eq!(propose(&[], 4).0, Vec::<u32>::new());
        assert_eq!(propose(&[1], 4).0, Vec::<u32>::new());
        assert_eq!(propose(&[1, 2, 3, 4], 4).0, Vec::<u32>::new());
        assert_eq!(propose(&[1, 2, 3, 1, 2], 0).0, Vec::<u32>::new());
    }

    proptest! {
        /// Given piece by piece or whole, the same is proposed; and it did follow the match.
        #[test]
        fn what_is_proposed_followed_the_same_tokens_before(
            text in prop::collection::vec(0u32..4, 0..80), most in 1usize..6,
        ) {
            let mut grown = Lookup::default();
            for end in 0..=text.len() {
                let proposal = grown.propose(&text[..end], most);
                prop_assert_eq!(&proposal, &Lookup::default().propose(&text[..end], most));
                if !proposal.tokens.is_empty() {
                    let last = &text[end - proposal.matched..end];
                    let said = [last, &proposal.tokens].concat();
                    prop_assert!(text[..end].windows(said.len()).any(|window| window == said));
                }
            }
        }
    }
}
