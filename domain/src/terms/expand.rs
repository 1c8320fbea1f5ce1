//! The domain pack made ready to be found in a question.

use std::collections::HashMap;

use super::TermKind;
use super::units::{Unit, units};
use crate::{DomainPack, Language, fold};

/// One meaning of the pack, with every way to write it.
#[derive(Debug, Default)]
pub(super) struct Sense {
    /// Sets of keys; all the keys of a set must occur.
    pub(super) ways: Vec<Vec<String>>,
    /// The ways of what belongs to it.
    pub(super) narrower: Vec<Vec<String>>,
    /// The ways of what it belongs to.
    pub(super) broader: Vec<Vec<String>>,
    /// Folded expressions that say another meaning is meant.
    pub(super) other_senses: Vec<String>,
}

/// An expression as the units of a question must follow one another to say it.
#[derive(Debug)]
struct Expression {
    /// For each unit the keys of which one must be the question's.
    units: Vec<Vec<String>>,
    sense: usize,
}

/// All expressions of a pack, by language and first key.
#[derive(Debug, Default)]
pub(super) struct Expander {
    senses: Vec<Sense>,
    expressions: HashMap<Language, HashMap<String, Vec<Expression>>>,
}

/// What the units at some place of a question say.
pub(super) struct Match {
    /// How many units it takes.
    pub(super) length: usize,
    /// Which senses; more than one where two entries of the pack share an expression.
    pub(super) senses: Vec<usize>,
}

impl Expander {
    pub(super) fn new(pack: &DomainPack) -> Self {
        let mut expander = Self::default();
        let mut classes: HashMap<String, usize> = HashMap::new();
        for abbreviation in &pack.abbreviations {
            let sense = expander.add_sense(&abbreviation.other_senses);
            for short in &abbreviation.short {
                expander.add_everywhere(short, sense);
                classes.insert(fold(short), sense);
            }
            for (language, long) in abbreviation.long.iter() {
                expander.add(long, language, sense);
            }
        }
        for (kind, abbreviation) in pack.abbreviations.iter().enumerate() {
            expander.relate(kind, &abbreviation.kind_of, &classes);
        }
        for drug in &pack.drugs {
            let sense = expander.add_sense(&[]);
            for name in drug.inn.iter().chain(&drug.brands) {
                expander.add_everywhere(name, sense);
            }
            expander.relate(sense, &drug.classes, &classes);
        }
        for synonym in &pack.synonyms {
            let sense = expander.add_sense(&[]);
            for (language, phrase) in synonym.any_of.iter() {
                expander.add(phrase, language, sense);
            }
        }
        expander
    }

    /// Ties a sense to the more general ones it is named to be one of.
    fn relate(&mut self, sense: usize, general: &[String], by_short: &HashMap<String, usize>) {
        for class in general
            .iter()
            .filter_map(|class| by_short.get(&fold(class)))
        {
            let members = self.senses[sense].ways.clone();
            let ways = self.senses[*class].ways.clone();
            self.senses[sense].broader.extend(ways);
            self.senses[*class].narrower.extend(members);
        }
    }

    /// The longest expression that begins at `units[0]`.
    pub(super) fn longest(&self, units: &[Unit], language: Language) -> Option<Match> {
        let starts = self.expressions.get(&language)?;
        let mut best: Option<Match> = None;
        for expression in units
            .first()?
            .keys
            .iter()
            .filter_map(|key| starts.get(key))
            .flatten()
        {
            let length = expression.units.len();
            let said = match expression.units.as_slice() {
                [keys] => is_form_of(keys, &units[0]),
                several => {
                    length <= units.len()
                        && several
                            .iter()
                            .zip(units)
                            .all(|(keys, unit)| shares(keys, unit))
                }
            };
            if !said {
                continue;
            }
            match &mut best {
                Some(found) if found.length > length => {}
                Some(found) if found.length == length => {
                    if !found.senses.contains(&expression.sense) {
                        found.senses.push(expression.sense);
                    }
                }
                _ => {
                    best = Some(Match {
                        length,
                        senses: vec![expression.sense],
                    })
                }
            }
        }
        best
    }

    pub(super) fn sense(&self, index: usize) -> &Sense {
        &self.senses[index]
    }

    fn add_sense(&mut self, other_senses: &[String]) -> usize {
        let other_senses = other_senses.iter().map(|other| fold(other)).collect();
        self.senses.push(Sense {
            other_senses,
            ..Sense::default()
        });
        self.senses.len() - 1
    }

    /// Adds a name that is written alike in every language.
    fn add_everywhere(&mut self, name: &str, sense: usize) {
        for language in Language::ALL {
            self.add(name, language, sense);
        }
    }

    fn add(&mut self, phrase: &str, language: Language, sense: usize) {
        let units = units(phrase, language);
        let Some(first) = units.first() else { return };
        // «al alta» without its word of grammar is any «alta»: too little to go by.
        if units.len() == 1 && phrase.trim().contains(char::is_whitespace) {
            return;
        }
        for way in ways(&units) {
            let ways = &mut self.senses[sense].ways;
            if !ways.contains(&way) {
                ways.push(way);
            }
        }
        let starts = self.expressions.entry(language).or_default();
        for key in &first.keys {
            let units = units.iter().map(|unit| unit.keys.clone()).collect();
            starts
                .entry(key.clone())
                .or_default()
                .push(Expression { units, sense });
        }
    }
}

/// Whether one of `keys` is the unit's.
fn shares(keys: &[String], unit: &Unit) -> bool {
    keys.iter().any(|key| unit.keys.contains(key))
}

/// Whether a unit is the one word or code of an expression, or its plural, gender or case. A stem
/// alone is not enough to go by: «a pesar de» has that of «peso».
fn is_form_of(keys: &[String], unit: &Unit) -> bool {
    let exact = |keys: &[String]| keys.iter().find(|key| !key.starts_with('~')).cloned();
    let (Some(word), Some(asked)) = (exact(keys), exact(&unit.keys)) else {
        return false;
    };
    if word == asked {
        return true;
    }
    let (long, short) = if word.len() > asked.len() {
        (word, asked)
    } else {
        (asked, word)
    };
    let mut stem = short.chars();
    stem.next_back();
    let root = stem.as_str();
    let one_letter_apart = long
        .strip_prefix(root)
        .is_some_and(|end| end.chars().count() == 1);
    shares(keys, unit) && (long.starts_with(&short) || one_letter_apart)
}

/// The sets of keys by which the documents can be asked for what `units` say: as written, and
/// where there are compounds, also with each in its parts.
pub(super) fn ways(units: &[Unit]) -> Vec<Vec<String>> {
    let whole: Vec<String> = units.iter().map(|unit| unit.keys[0].clone()).collect();
    let split = |unit: &Unit| unit.kind == TermKind::Code && unit.parts.len() > 1;
    let mut ways = vec![whole];
    if units.iter().any(split) {
        let apart = units.iter().flat_map(|unit| {
            let parts: &[Unit] = if split(unit) {
                &unit.parts
            } else {
                std::slice::from_ref(unit)
            };
            parts.iter().map(|part| part.keys[0].clone())
        });
        ways.push(apart.collect());
    }
    ways
}
