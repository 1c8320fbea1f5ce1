//! What a text says that can be checked, read once.

use std::collections::HashSet;

use domain::{Analyzer, Language, TermKind, fold};

use super::binding::{Token, tokens};
use super::cues::Polarity;
use super::measures::{Count, Measure, counts, counts_agree, measures, numbers};
use super::words::words;
use crate::extractive::{Drugs, Stated, stated};

/// What a text says.
pub(super) struct Profile {
    /// The keys of its terms.
    pub(super) keys: HashSet<String>,
    /// Its stems in order, each with its first byte.
    pub(super) stems: Vec<(usize, String)>,
    /// Its words, folded.
    pub(super) words: Vec<String>,
    pub(super) measures: Vec<Measure>,
    pub(super) counts: Vec<Count>,
    pub(super) numbers: HashSet<String>,
    pub(super) stated: Vec<Stated>,
    /// The drugs it names, folded, without Basque endings.
    pub(super) drugs: HashSet<String>,
    pub(super) polarity: Polarity,
    /// Its words with drugs and quantities as one each.
    pub(super) tokens: Vec<Token>,
}

impl Profile {
    pub(super) fn of(text: &str, language: Language, analyzer: &Analyzer, drugs: &Drugs) -> Self {
        let terms = analyzer.terms(text, language);
        let measures = measures(text, &terms);
        let stems = terms
            .iter()
            .filter(|term| term.kind == TermKind::Stem)
            .map(|term| (term.start, term.key.clone()));
        Self {
            stems: stems.collect(),
            words: words(text).into_iter().map(|word| word.folded).collect(),
            counts: counts(text, &measures, analyzer),
            numbers: numbers(text).collect(),
            stated: stated(text),
            drugs: drugs_of(text, drugs),
            polarity: Polarity::of(text, language, analyzer),
            tokens: tokens(text, &measures, drugs),
            keys: terms.into_iter().map(|term| term.key).collect(),
            measures,
        }
    }

    /// Whether it holds a term or a folded word.
    pub(super) fn says(&self, key: &str) -> bool {
        !key.is_empty() && (self.keys.contains(key) || self.words.iter().any(|word| word == key))
    }

    /// Whether all that it measures stands in `source`, with no count lost beside it.
    pub(super) fn has_its_amounts_from(&self, source: &Self) -> bool {
        let measured = self
            .measures
            .iter()
            .all(|one| source.measures.iter().any(|other| one.is_same(other)));
        measured
            && self.numbers.is_subset(&source.numbers)
            && counts_agree((&self.counts, &self.measures), &source.counts, |key| {
                self.says(key)
            })
            && self.states_all_of(&source.stated)
    }

    fn states_all_of(&self, stated: &[Stated]) -> bool {
        self.stated
            .iter()
            .all(|one| stated.iter().any(|other| one.is_same_range(other)))
    }

    /// Whether it keeps each limit and range of `source`: without it what is told would hold
    /// always.
    pub(super) fn keeps_the_limits_of(&self, source: &Self) -> bool {
        source
            .stated
            .iter()
            .filter(|one| !one.is_point())
            .all(|one| self.stated.iter().any(|other| one.is_same_range(other)))
    }
}

/// The drugs a text names, without Basque endings.
pub(super) fn drugs_of(text: &str, drugs: &Drugs) -> HashSet<String> {
    let named = drugs.named_in(text).into_iter();
    named
        .map(|name| {
            drugs
                .bare_name(&name)
                .map_or_else(|| fold(&name), str::to_owned)
        })
        .collect()
}
