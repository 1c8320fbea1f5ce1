//! What a text denies: each word of negation with the word that it turns round. One «no» among two
//! is not any «no»: «no suspenda si no hay síntomas» and «suspenda si no hay síntomas» differ.

use domain::{Analyzer, Language};

use super::cues::{EXCEPTED, is_basque_if};
use super::words::{Word, words};

/// A word that is denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Denied {
    /// Folded; empty where the negation stands alone in its clause.
    word: String,
    /// Its stems in all the languages.
    stems: Vec<String>,
    /// «ni» after another negation: what it denies may be left unsaid.
    goes_on: bool,
}

impl Denied {
    /// Whether both deny the same word, however inflected.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let alike = self.word.chars().take(3).eq(other.word.chars().take(3));
        self.word == other.word || alike && self.stems.iter().any(|stem| other.stems.contains(stem))
    }

    /// Whether a claim made of `says` must deny it too.
    pub(super) fn must_stay(&self, says: impl Fn(&str) -> bool) -> bool {
        !self.goes_on || says(&self.word) || self.stems.iter().any(|stem| says(stem))
    }
}

/// Words of absence, folded, that the lists of negation do not hold.
const ABSENCE: &[&str] = &[
    "ausencia", "absencia", "absence", "carece", "carecen", "ezean", "gabeko", "gabeak",
];

/// Negations that stand after what they deny.
const AFTER: &[&str] = &["gabe", "gabeko", "gabeak", "ezean"];

/// Verbs, folded, that carry a negation to the word after them: «no debe iniciarse», «no tiene
/// síntomas».
const CARRIERS: &[&str] = &[
    "debe",
    "deben",
    "debera",
    "deberan",
    "deberia",
    "deberian",
    "deber",
    "puede",
    "pueden",
    "podra",
    "podran",
    "poder",
    "tiene",
    "tienen",
    "tenga",
    "tengan",
    "tener",
    "presenta",
    "presentan",
    "presente",
    "presenten",
    "existe",
    "existen",
    "exista",
    "existan",
    "hay",
    "haya",
    "recomienda",
    "recomiendan",
    "aconseja",
    "deu",
    "deuen",
    "pot",
    "poden",
    "pode",
    "te",
    "tenen",
    "tingui",
    "tinguin",
    "recomana",
    "recomanen",
    "aconsella",
    "ten",
    "tena",
    "tenan",
    "recomenda",
    "recomendan",
    "behar",
    "should",
    "must",
    "recommended",
];

/// What a text denies, in order.
pub(super) fn denied(text: &str, analyzer: &Analyzer) -> Vec<Denied> {
    let words = words(text);
    let mut found: Vec<Denied> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        if !negates(text, &words, at, analyzer) {
            continue;
        }
        let bound = if stands_after(&words, at) {
            let clause = words[..at].iter().rev();
            let open = word.opens;
            bearer(clause.take_while(|_| !open), analyzer, |word| word.opens)
        } else {
            let clause = words[at + 1..].iter().take_while(|next| !next.opens);
            bearer(clause, analyzer, |_| false)
        };
        let bound = bound.map_or("", |word| word.folded.as_str());
        let stems = Language::ALL.iter().flat_map(|language| {
            let terms = analyzer.terms(bound, *language).into_iter();
            terms
                .map(|term| term.key)
                .filter(|key| key.starts_with('~'))
        });
        found.push(Denied {
            word: bound.to_owned(),
            stems: stems.collect(),
            goes_on: matches!(word.folded.as_str(), "ni" | "nin" | "nor") && !found.is_empty(),
        });
    }
    found
}

/// Whether the word at `at` negates.
fn negates(text: &str, words: &[Word], at: usize, analyzer: &Analyzer) -> bool {
    let near = |place: Option<usize>| {
        place
            .and_then(|place| words.get(place))
            .map_or("", |word| word.folded.as_str())
    };
    let (before, next) = (near(at.checked_sub(1)), near(Some(at + 1)));
    let Some(word) = words.get(at) else {
        return false;
    };
    match word.folded.as_str() {
        // «don't».
        "t" => before.ends_with('n') && text[..word.start].ends_with(['\'', '’']),
        // The Galician «no caso de» is «en o caso de»; «a no ser que» is an exception.
        "no" | "non" if next == "caso" || (before == "a" && next == "ser") => false,
        // A health centre, before it is the Catalan «none».
        "cap" if &text[word.start..word.end] == "CAP" => false,
        folded => {
            !EXCEPTED.contains(&folded) && (analyzer.negates(folded) || ABSENCE.contains(&folded))
        }
    }
}

/// Whether a negation denies the word before it: the Basque «sintomarik gabe», «hasten ez bada».
fn stands_after(words: &[Word], at: usize) -> bool {
    let Some(word) = words.get(at) else {
        return false;
    };
    let subordinate = |next: &Word| {
        let tells = [
            "den", "duen", "diren", "duten", "dagoen", "dauden", "dituen",
        ];
        is_basque_if(&next.folded) || tells.iter().any(|verb| next.folded.starts_with(verb))
    };
    AFTER.contains(&word.folded.as_str())
        || word.folded == "ez" && words.get(at + 1).is_some_and(subordinate)
}

/// The first word of a clause that can be denied. With `last`, the clause ends after a word.
fn bearer<'a>(
    clause: impl Iterator<Item = &'a Word>,
    analyzer: &Analyzer,
    last: impl Fn(&Word) -> bool,
) -> Option<&'a Word> {
    for word in clause {
        let folded = word.folded.as_str();
        let empty = analyzer.is_grammar(folded)
            || analyzer.negates(folded)
            || ABSENCE.contains(&folded)
            || CARRIERS.contains(&folded)
            || is_basque_if(folded);
        if !empty {
            return Some(word);
        }
        if last(word) {
            return None;
        }
    }
    None
}
