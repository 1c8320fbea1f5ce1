//! What a question asks about, ready to be looked for in many texts.

use std::collections::HashMap;
use std::ops::Range;

use domain::{Analyzer, Concept, Language, Question, Term, TermKind};

use crate::extractive::drugs::{BASQUE_ENDINGS, Drugs};
use crate::extractive::values::{AskedValue, compares};
use crate::extractive::wanted::is_topic;
use crate::extractive::wording::Wording;

/// Concepts as bits: concept `n` of [`Asked::concepts`] is bit `n`.
pub(crate) type Concepts = u128;

/// The most concepts looked for; a question of 4,000 characters may hold more, and what it asks
/// is clear from these.
const MAX_CONCEPTS: usize = Concepts::BITS as usize;
/// How many bytes may lie between two words that stand side by side: an article, a preposition.
const NEIGHBOUR: usize = 12;
/// What a word that only compares («mayor») counts.
const COMPARISON_WEIGHT: f32 = 0.2;

/// The question's concepts and where each of their terms leads.
pub(crate) struct Asked {
    /// The language of the question.
    pub(crate) language: Language,
    pub(crate) concepts: Vec<AskedConcept>,
    keys: HashMap<String, u32>,
}

/// One concept of the question.
pub(crate) struct AskedConcept {
    /// How much the question hangs on it.
    pub(crate) weight: f32,
    /// An active substance or brand: an answer that does not speak of it answers another question.
    pub(crate) is_drug: bool,
    /// A code, or a name written with a capital inside the question.
    pub(crate) is_named: bool,
    /// A number or quantity. It may be a patient's, and then no document holds it.
    pub(crate) is_quantity: bool,
    /// What something is asked *of*: «la dosis de *tirzepatida*».
    pub(crate) is_complement: bool,
    /// A circumstance: «en el *embarazo*», «con *alcohol*».
    pub(crate) is_condition: bool,
    /// What is asked about a medicine: contraindications, interactions, adverse effects.
    pub(crate) is_topic: bool,
    /// The value it stands for.
    value: Option<AskedValue>,
    alternatives: Vec<Vec<u32>>,
    /// Ways to write the class that it belongs to.
    classes: Vec<Vec<u32>>,
}

/// A term of a text that some concept is written with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    start: usize,
    end: usize,
    key: u32,
}

impl Asked {
    pub(crate) fn new(question: &Question, analyzer: &Analyzer, drugs: &Drugs) -> Self {
        let mut concepts = analyzer.concepts(question.text(), question.language());
        for concept in &mut concepts {
            decline(concept, analyzer, question.language(), drugs);
        }
        Self::of(question.text(), question.language(), concepts, drugs)
    }

    fn of(question: &str, language: Language, concepts: Vec<Concept>, drugs: &Drugs) -> Self {
        let wording = Wording::of(question);
        let mut keys: HashMap<String, u32> = HashMap::new();
        let mut number = |key: String| {
            let next = u32::try_from(keys.len()).unwrap_or(u32::MAX);
            *keys.entry(key).or_insert(next)
        };
        let mut ways = |ways: Vec<Vec<String>>| -> Vec<Vec<u32>> {
            ways.into_iter()
                .filter(|keys| !keys.is_empty())
                .map(|way| way.into_iter().map(&mut number).collect())
                .collect()
        };
        let mut asked: Vec<AskedConcept> = Vec::new();
        for concept in concepts {
            // «mayor de 75 años» is one thing: what compares counts with the number.
            if concept.kind == TermKind::Negation
                || concept.weight <= 0.0
                || asked.len() == MAX_CONCEPTS
            {
                continue;
            }
            let first = concept
                .surface
                .split_whitespace()
                .next()
                .unwrap_or_default();
            let is_quantity = concept.kind == TermKind::Quantity;
            let is_content = !is_quantity && concept.weight >= 1.0;
            let is_comparison = compares(&concept.surface);
            let value = if is_quantity {
                AskedValue::of(question, &concept.surface)
            } else {
                None
            };
            // Of a quantity the wider form is its bare number, worth as much when nothing else is
            // near; of a drug it is its class.
            let (same, classes) = if is_quantity {
                (concept.broader, Vec::new())
            } else {
                (concept.narrower, concept.broader)
            };
            asked.push(AskedConcept {
                weight: if is_comparison {
                    COMPARISON_WEIGHT
                } else {
                    concept.weight
                },
                is_drug: drugs.names_one(&concept.surface),
                is_named: concept.kind == TermKind::Code
                    || concept
                        .surface
                        .split_whitespace()
                        .any(|word| wording.is_name(word)),
                is_quantity,
                is_complement: is_content && wording.is_complement(first),
                is_topic: is_topic(&concept.surface),
                is_condition: is_content && wording.is_condition(first),
                value,
                alternatives: ways(concept.alternatives.into_iter().chain(same).collect()),
                classes: ways(classes),
            });
        }
        Self {
            language,
            concepts: asked,
            keys,
        }
    }

    /// Where the terms of the question's concepts stand, in order of `start`.
    pub(crate) fn hits(&self, terms: &[Term]) -> Vec<Hit> {
        let mut hits: Vec<Hit> = terms
            .iter()
            .filter_map(|term| {
                let key = *self.keys.get(&term.key)?;
                Some(Hit {
                    start: term.start,
                    end: term.end,
                    key,
                })
            })
            .collect();
        hits.sort_unstable_by_key(|hit| (hit.start, hit.end));
        hits
    }

    /// The concepts that the hits inside `range` write out.
    pub(crate) fn within(&self, hits: &[Hit], range: &Range<usize>) -> Concepts {
        let found = keys_within(hits, range);
        self.written_with(&found, |concept| &concept.alternatives)
    }

    /// The concepts whose class the hits inside `range` write out.
    pub(crate) fn classes_within(&self, hits: &[Hit], range: &Range<usize>) -> Concepts {
        let found = keys_within(hits, range);
        self.written_with(&found, |concept| &concept.classes)
    }

    fn written_with(
        &self,
        found: &[u32],
        ways: impl Fn(&AskedConcept) -> &Vec<Vec<u32>>,
    ) -> Concepts {
        if found.is_empty() {
            return 0;
        }
        let mut concepts = 0;
        for (bit, concept) in self.concepts.iter().enumerate() {
            if ways(concept)
                .iter()
                .any(|way| way.iter().all(|key| found.contains(key)))
            {
                concepts |= 1 << bit;
            }
        }
        concepts
    }

    /// Of the concepts that follow one another in the question, the share that stand side by side
    /// in `range` too: «primera visita» is not «primera línea … visita».
    pub(crate) fn side_by_side(&self, hits: &[Hit], range: &Range<usize>) -> f32 {
        let first = hits.partition_point(|hit| hit.start < range.start);
        let inside = hits[first..].iter().take_while(|hit| hit.start < range.end);
        let placed: Vec<(usize, usize, Concepts)> = inside
            .map(|hit| {
                (
                    hit.start,
                    hit.end,
                    self.written_with(&[hit.key], |one| &one.alternatives),
                )
            })
            .filter(|(.., concepts)| *concepts != 0)
            .collect();
        let mut beside: Concepts = 0;
        for (place, (_, end, concepts)) in placed.iter().enumerate() {
            for (start, _, others) in &placed[place + 1..] {
                if *start > end + NEIGHBOUR {
                    break;
                }
                beside |= (concepts << 1 & others) | (others << 1 & concepts);
            }
        }
        let pairs = self.concepts.len().saturating_sub(1).max(1);
        beside.count_ones() as f32 / pairs as f32
    }

    /// `own` with the values asked about where a range of the text holds them, and without those
    /// that its ranges shut out: of «5,1–5,5» and «> 6,0» a potassium of 6.2 is in the second.
    pub(crate) fn with_values(&self, text: &str, own: Concepts, read: Concepts) -> Concepts {
        let mut adjusted = own;
        for (bit, found) in self.values_found(text, read) {
            if found.contains(&true) {
                adjusted |= 1 << bit;
            } else if !found.is_empty() {
                adjusted &= !(1 << bit);
            }
        }
        adjusted
    }

    /// Whether a text states ranges for a value asked about, and all of them shut it out: «ARM si
    /// potasio ≤ 5,0» says nothing to who asks about a potassium of 6.5, and could be misread.
    pub(crate) fn shut_out(&self, text: &str, read: Concepts) -> bool {
        self.values_found(text, read)
            .any(|(_, found)| !found.is_empty() && !found.contains(&true))
    }

    /// For each value asked about, by its concept: for each clause of the text that states a range
    /// it can be compared with, whether the range holds it.
    fn values_found<'a>(
        &'a self,
        text: &'a str,
        read: Concepts,
    ) -> impl Iterator<Item = (usize, Vec<bool>)> + 'a {
        let valued = self.concepts.iter().enumerate();
        valued.filter_map(move |(bit, concept)| {
            let value = concept.value.as_ref()?;
            let before = (0..bit).rev().find(|other| {
                self.concepts
                    .get(*other)
                    .is_some_and(|other| other.weight > COMPARISON_WEIGHT)
            });
            let is_same_thing = before.is_none_or(|before| read & (1 << before) != 0);
            let clauses = text.split([';', '\n']);
            let found = clauses.filter_map(|clause| value.found_in(clause, is_same_thing));
            Some((bit, found.collect()))
        })
    }

    /// The concepts that are values.
    pub(crate) fn values(&self) -> Concepts {
        self.those(|concept| concept.value.is_some())
    }

    /// The concepts for which `holds` is true.
    pub(crate) fn those(&self, holds: impl Fn(&AskedConcept) -> bool) -> Concepts {
        self.concepts
            .iter()
            .enumerate()
            .filter(|(_, concept)| holds(concept))
            .fold(0, |bits, (bit, _)| bits | 1 << bit)
    }
}

/// Adds to a drug its declined forms, and to a declined form what the drug is known by. The Basque
/// stemmer cuts «bisoprolola» and «bisoprololaren» at different places, as it does not know the
/// name.
fn decline(concept: &mut Concept, analyzer: &Analyzer, language: Language, drugs: &Drugs) {
    let Some(name) = drugs.bare_name(&concept.surface).map(str::to_owned) else {
        return;
    };
    if name != concept.surface
        && let Some(known) = analyzer.concepts(&name, language).into_iter().next()
    {
        concept.alternatives.extend(known.alternatives);
        concept.broader.extend(known.broader);
    }
    if !name.ends_with(['a', 'e', 'i', 'o', 'u']) {
        let declined = BASQUE_ENDINGS
            .iter()
            .map(|ending| vec![format!("{name}{ending}")]);
        concept.alternatives.extend(declined);
    }
}

fn keys_within(hits: &[Hit], range: &Range<usize>) -> Vec<u32> {
    let first = hits.partition_point(|hit| hit.start < range.start);
    hits[first..]
        .iter()
        .take_while(|hit| hit.start < range.end)
        .filter(|hit| hit.end <= range.end)
        .map(|hit| hit.key)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concept(surface: &str, alternatives: &[&[&str]]) -> Concept {
        Concept {
            surface: surface.to_owned(),
            kind: TermKind::Stem,
            alternatives: alternatives
                .iter()
                .map(|keys| keys.iter().map(|key| (*key).to_owned()).collect())
                .collect(),
            narrower: Vec::new(),
            broader: Vec::new(),
            weight: 1.0,
        }
    }

    fn term(key: &str, start: usize) -> Term {
        Term {
            key: key.to_owned(),
            kind: TermKind::Stem,
            start,
            end: start + key.len(),
        }
    }

    #[test]
    fn a_concept_is_found_only_where_all_words_of_one_of_its_spellings_stand() {
        let asked = Asked::of(
            "¿Qué es la ICFEr?",
            Language::Spanish,
            vec![concept("icfer", &[&["icfer"], &["fraccion", "reducida"]])],
            &Drugs::default(),
        );
        let hits = asked.hits(&[term("fraccion", 0), term("reducida", 20), term("icfer", 40)]);
        assert_eq!(
            asked.within(&hits, &(0..15)),
            0,
            "half a long form is not the thing"
        );
        assert_eq!(asked.within(&hits, &(0..30)), 1);
        assert_eq!(asked.within(&hits, &(39..50)), 1);
    }
}
