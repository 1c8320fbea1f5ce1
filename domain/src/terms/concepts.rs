//! From a question to what it asks about.

use super::expand::{Expander, Match, ways};
use super::stem::stem;
use super::units::{Unit, units};
use super::words::{is_general, only_asks};
use super::{Concept, TermKind};
use crate::{Language, fold};

/// What a question hangs on, for a word as general as «dosis» and for a word of negation.
const GENERAL_WEIGHT: f32 = 0.5;
const NEGATION_WEIGHT: f32 = 0.3;

pub(super) fn concepts(expander: &Expander, question: &str, language: Language) -> Vec<Concept> {
    let units = units(question, language);
    let folded = fold(question);
    let mut concepts: Vec<Concept> = Vec::new();
    let mut senses_said: Vec<usize> = Vec::new();
    let mut at = 0;
    while let Some(unit) = units.get(at) {
        let found = expander.longest(&units[at..], language);
        let length = found.as_ref().map_or(1, |found| found.length);
        let said = &units[at..at + length];
        at += length;
        let senses = found.map_or_else(Vec::new, |found| meant(expander, found, &folded));
        if senses.is_empty() {
            // A phrase that is not meant here is just its words.
            at -= length - 1;
            concepts.extend(plain(unit, question, language));
            continue;
        }
        // «insuficiencia cardíaca (IC)» is one thing, said twice.
        if senses.iter().all(|sense| senses_said.contains(sense)) {
            continue;
        }
        concepts.push(expanded(expander, &senses, said, question));
        senses_said.extend(senses);
    }
    merge_repeated(concepts)
}

/// The senses that nothing in the question speaks against.
fn meant(expander: &Expander, found: Match, question: &str) -> Vec<usize> {
    let other = |sense: &usize| {
        expander
            .sense(*sense)
            .other_senses
            .iter()
            .any(|other| question.contains(other.as_str()))
    };
    found
        .senses
        .into_iter()
        .filter(|sense| !other(sense))
        .collect()
}

/// A concept of the pack, with all its forms.
fn expanded(expander: &Expander, senses: &[usize], said: &[Unit], question: &str) -> Concept {
    let mut concept = Concept {
        surface: surface(said, question),
        kind: if let [unit] = said {
            unit.kind
        } else {
            TermKind::Word
        },
        alternatives: as_asked(said),
        narrower: Vec::new(),
        broader: Vec::new(),
        weight: if said.iter().all(general) {
            GENERAL_WEIGHT
        } else {
            1.0
        },
    };
    for sense in senses.iter().map(|sense| expander.sense(*sense)) {
        add_new(&mut concept.alternatives, &sense.ways);
        add_new(&mut concept.narrower, &sense.narrower);
        add_new(&mut concept.broader, &sense.broader);
    }
    concept
}

/// A word, code or quantity that the pack does not know.
fn plain(unit: &Unit, question: &str, language: Language) -> Option<Concept> {
    let surface = surface(std::slice::from_ref(unit), question);
    let weight = match unit.kind {
        _ if only_asks(&surface) => return None,
        TermKind::Negation => NEGATION_WEIGHT,
        _ if general(unit) => GENERAL_WEIGHT,
        _ => 1.0,
    };
    let mut alternatives = as_asked(std::slice::from_ref(unit));
    if unit.kind == TermKind::Word {
        add_new(&mut alternatives, &stems_elsewhere(&surface, language));
    }
    let mut broader = Vec::new();
    // Of a quantity with a unit the bare numbers are hardly the same thing.
    if unit.kind == TermKind::Quantity && unit.keys[0].contains(' ') {
        alternatives.retain(|way| way[0].contains(' '));
        broader = unit
            .keys
            .iter()
            .filter(|key| !key.contains(' '))
            .map(|key| vec![key.clone()])
            .collect();
    }
    Some(Concept {
        surface,
        kind: unit.kind,
        alternatives,
        narrower: Vec::new(),
        broader,
        weight,
    })
}

/// The word's stems in the Romance languages it was not asked in: much of a Catalan or Galician
/// hospital's paper is written in two of them, and its passages are stemmed as one.
fn stems_elsewhere(word: &str, language: Language) -> Vec<Vec<String>> {
    const ROMANCE: [Language; 3] = [Language::Spanish, Language::Catalan, Language::Galician];
    if !ROMANCE.contains(&language) {
        return Vec::new();
    }
    ROMANCE
        .map(|language| vec![format!("~{}", stem(word, language))])
        .to_vec()
}

fn general(unit: &Unit) -> bool {
    unit.kind == TermKind::Word && unit.keys.iter().any(|key| is_general(key))
}

/// The ways a text may write just what was asked: by the stem, by the exact word, whole, in parts.
fn as_asked(said: &[Unit]) -> Vec<Vec<String>> {
    let mut alternatives = ways(said);
    if let [unit] = said {
        let others: Vec<Vec<String>> = unit.keys[1..].iter().map(|key| vec![key.clone()]).collect();
        // The other spellings of the whole come before its parts.
        alternatives.splice(1..1, others);
        if unit.kind == TermKind::Quantity && !unit.keys[0].contains(' ') {
            // «24/26»: its ends are not it.
            alternatives.truncate(1);
        }
    }
    alternatives
}

fn add_new(ways: &mut Vec<Vec<String>>, more: &[Vec<String>]) {
    for way in more {
        if !ways.contains(way) {
            ways.push(way.clone());
        }
    }
}

fn surface(said: &[Unit], question: &str) -> String {
    match said {
        [first, .., last] => fold(&question[first.start..last.end]),
        [unit] => match unit.kind {
            TermKind::Word => unit.keys[1].clone(),
            _ => fold(&question[unit.start..unit.end]),
        },
        [] => String::new(),
    }
}

/// A word said twice is asked about once.
fn merge_repeated(concepts: Vec<Concept>) -> Vec<Concept> {
    let mut merged: Vec<Concept> = Vec::with_capacity(concepts.len());
    for concept in concepts {
        if !merged
            .iter()
            .any(|kept| kept.alternatives.first() == concept.alternatives.first())
        {
            merged.push(concept);
        }
    }
    merged
}
