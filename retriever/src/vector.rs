//! Sparse vectors: terms as numbers, weighted so that their product is BM25.

use std::collections::HashMap;

use domain::{Concept, Term};

use crate::IndexConfig;

/// A sparse vector: the 32-bit hashes of term keys, ascending and each once, with a weight each.
///
/// On a passage's side the weights are BM25's saturated term frequencies, on a question's side
/// how much each term matters; the index multiplies in the inverse document frequency.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SparseVector {
    indices: Vec<u32>,
    values: Vec<f32>,
}

/// The terms of one part of a passage, and how much each counts against one of its text.
pub(crate) struct Field<'a> {
    pub(crate) terms: &'a [Term],
    pub(crate) weight: f32,
}

impl SparseVector {
    /// The hashes, ascending.
    #[must_use]
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The weights, one for each hash.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Hashes and weights.
    pub(crate) fn into_parts(self) -> (Vec<u32>, Vec<f32>) {
        (self.indices, self.values)
    }

    /// A passage's vector. The frequencies of a term in the text and in the headings are added,
    /// each by its weight, before they saturate (BM25F: Robertson, Zaragoza and Taylor, CIKM
    /// 2004); the length is the text's alone.
    pub(crate) fn of_passage(text: &[Term], headings: &[Field<'_>], config: &IndexConfig) -> Self {
        let mut frequencies: HashMap<u32, f32> = HashMap::with_capacity(2 * text.len());
        for term in text {
            *frequencies.entry(hash(&term.key)).or_default() += 1.0;
        }
        for field in headings.iter().filter(|field| field.weight > 0.0) {
            for term in field.terms {
                *frequencies.entry(hash(&term.key)).or_default() += field.weight;
            }
        }
        let length = positions(text) as f32;
        let norm = config.k1 * (1.0 - config.b + config.b * length / config.avg_len.max(1.0));
        let saturated = |frequency: f32| frequency * (config.k1 + 1.0) / (frequency + norm);
        frequencies
            .into_iter()
            .map(|(index, frequency)| (index, saturated(frequency)))
            .collect()
    }

    /// A question's vector. What is asked weighs most in the words it was asked with; other ways
    /// to say it, and what is narrower or broader, weigh less. A term asked for in several ways
    /// counts once, by its highest weight.
    pub(crate) fn of_question(
        concepts: &[Concept],
        is_general: impl Fn(&str) -> bool,
        config: &IndexConfig,
    ) -> Self {
        let mut weights: HashMap<u32, f32> = HashMap::new();
        let mut add = |keys: &[String], weight: f32| {
            for key in keys {
                // Alone, a general word has its low weight already.
                let general = keys.len() > 1 && is_general(key);
                let weight = if general {
                    weight * GENERAL_SHARE
                } else {
                    weight
                };
                let known = weights.entry(hash(key)).or_default();
                *known = known.max(weight);
            }
        };
        for concept in concepts {
            let mut ways = concept.alternatives.iter();
            let Some(asked) = ways.next() else { continue };
            add(asked, concept.weight);
            for way in ways {
                let exact = matches!(way.as_slice(), [key] if *key == concept.surface);
                let share = if exact {
                    config.raw_weight
                } else {
                    config.expansion_weight
                };
                add(way, concept.weight * share * spread(asked.len(), way.len()));
            }
            // Of what is only related, the names: the words of a long form are about other things.
            let related = concept.narrower.iter().chain(&concept.broader);
            for way in related.filter(|way| way.len() == 1) {
                add(way, concept.weight * config.related_weight);
            }
        }
        weights
            .into_iter()
            .filter(|(_, weight)| *weight > 0.0)
            .collect()
    }
}

/// What a general word within an expression weighs, against its other words.
const GENERAL_SHARE: f32 = 0.5;

/// How the weight of `asked` terms is spread over `other` terms that say the same.
fn spread(asked: usize, other: usize) -> f32 {
    (asked.max(1) as f32 / other.max(1) as f32).sqrt()
}

/// How many words, codes and quantities there are: the terms of one place count as one.
fn positions(terms: &[Term]) -> usize {
    let mut count = 0;
    let mut end = 0;
    for term in terms {
        if count == 0 || term.start >= end {
            count += 1;
            end = term.end;
        }
    }
    count
}

impl FromIterator<(u32, f32)> for SparseVector {
    /// The indices must differ from one another.
    fn from_iter<I: IntoIterator<Item = (u32, f32)>>(pairs: I) -> Self {
        let mut pairs: Vec<(u32, f32)> = pairs.into_iter().collect();
        pairs.sort_unstable_by_key(|(index, _)| *index);
        pairs.dedup_by_key(|(index, _)| *index);
        let (indices, values) = pairs.into_iter().unzip();
        Self { indices, values }
    }
}

/// FNV-1a over 64 bits, mixed and cut to 32: of 100,000 terms about one pair collides.
fn hash(key: &str) -> u32 {
    let mut state: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in key.bytes() {
        state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    state ^= state >> 33;
    state = state.wrapping_mul(0xff51_afd7_ed55_8ccd);
    (state >> 32) as u32
}
