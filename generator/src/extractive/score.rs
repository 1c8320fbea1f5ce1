//! How well each unit answers: what of the question it covers, and what else speaks for it.

use domain::{Evidence, EvidencePassage, Language, SegmentKind};

use crate::extractive::asked::{Asked, AskedConcept, Concepts};
use crate::extractive::cues;
use crate::extractive::subject::Subject;
use crate::extractive::units::Unit;
use crate::extractive::wanted::{Kind, Wanted};

// The constants were chosen on SQuAD-es and EADOP with BM25 evidence; the result is flat around
// them, so none is fitted finely.

/// What a concept counts where the unit itself writes it, where what is read with it does, and
/// where only its passage does.
const OWN: f32 = 1.0;
const NEAR: f32 = 0.7;
const AROUND: f32 = 0.25;
/// What a drug counts where its class is written and the drug is not.
const CLASS: f32 = 0.6;
/// What the kind of answer, the ranking and the length count beside the coverage.
const FIT: f32 = 0.15;
const RANK: f32 = 0.2;
const LENGTH: f32 = 0.12;
/// What a passage in the question's language counts: of two that say the same, the one that needs
/// no translation comes first.
const LANGUAGE: f32 = 0.1;
/// What it counts that words stand side by side as in the question.
const SIDE_BY_SIDE: f32 = 0.15;
/// What it counts that the heading of a list names all that a question for a list asks for.
const LISTED: f32 = 0.15;
/// How much more a name or a code counts than another word.
const NAMED: f32 = 1.5;
/// For the coverage that decides whether there is an answer at all: the share that goes to what
/// the whole evidence holds, and what is added to the question's weight.
const ANYWHERE: f32 = 0.2;
const PRIOR: f32 = 0.5;

/// A unit with its score.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scored {
    /// Place of the unit among the units.
    pub(crate) unit: usize,
    /// For comparing units of one question.
    pub(crate) score: f32,
    /// Share of the question covered by the unit and what is read with it, 0 to 1.
    pub(crate) coverage: f32,
    /// How well it holds the kind of thing wanted, 0 to 1.
    pub(crate) fit: f32,
}

/// Scores the units that may answer at all, best first.
pub(crate) fn score(
    asked: &Asked,
    wanted: Wanted,
    subject: &Subject<'_>,
    units: &[Unit],
    evidence: &Evidence,
) -> Vec<Scored> {
    let rarity = rarity(asked, units);
    let anywhere = units
        .iter()
        .fold(0, |found, unit| found | unit.own | unit.around);
    let scores = evidence.passages.iter().map(|offered| offered.score);
    let best = scores.filter(|score| score.is_finite()).fold(0.0, f32::max);
    let essence = asked.those(|concept| concept.weight >= 1.0);
    // Where one range holds the value asked about, those that shut it out are no answer.
    let held = units
        .iter()
        .any(|unit| !unit.shut_out && unit.own & asked.values() != 0);
    let mut scored: Vec<Scored> = Vec::new();
    for (index, unit) in units.iter().enumerate() {
        let Some(offered) = evidence.passages.get(unit.passage) else {
            continue;
        };
        let Some(text) = offered.passage.text.get(unit.range.clone()) else {
            continue;
        };
        let names_only = matches!(unit.kind, SegmentKind::Heading | SegmentKind::Caption);
        if unit.shut_out && held {
            continue;
        }
        if names_only
            || cues::asks(text)
            || is_cut(unit, text, offered)
            || !subject.is_spoken_of(unit, text, offered)
        {
            continue;
        }
        let fit = wanted.fit(text);
        if wanted.kind == Kind::Contact && fit == 0.0 {
            continue;
        }
        let rank = if best > 0.0 && offered.score.is_finite() {
            (offered.score / best).clamp(0.0, 1.0)
        } else {
            0.0
        };
        // A row is long because it carries its precautions.
        let length = match unit.kind {
            SegmentKind::TableRow => 0.0,
            _ => overlong(text),
        };
        let language = understood(offered.passage.language, asked.language);
        // Under the heading «Signos de alarma» every item is one, without saying so; elsewhere an
        // item that speaks of them is none.
        let is_listed = wanted.list && unit.run.is_some();
        let heads_it = wanted.list
            && essence & unit.headed != 0
            && essence & !(unit.headed | unit.titled) == 0;
        let under = if is_listed { OWN } else { NEAR };
        let covered = graded(asked, unit, anywhere, &rarity, [OWN, under, NEAR, AROUND]);
        let score = covered
            + FIT * fit
            + RANK * rank
            + LANGUAGE * language
            + SIDE_BY_SIDE * if heads_it { 1.0 } else { unit.side_by_side }
            + LISTED * f32::from(u8::from(heads_it))
            - LENGTH * length;
        let coverage = coverage(asked, unit, anywhere);
        scored.push(Scored {
            unit: index,
            score,
            coverage,
            fit,
        });
    }
    scored.sort_by(|one, other| {
        other
            .score
            .total_cmp(&one.score)
            .then(one.unit.cmp(&other.unit))
    });
    scored
}

/// Share of the question that the unit and its surroundings cover, 0 to 1, as used to decline.
///
/// Beside the coverage itself a part goes to what stands anywhere in the evidence: a word that
/// even the ranking of the whole collection could not find weighs against the answer twice. One
/// word found of one is less sure than six of six: hence `PRIOR`.
fn coverage(asked: &Asked, unit: &Unit, anywhere: Concepts) -> f32 {
    let mut covered = 0.0;
    let mut all = 0.0;
    for (bit, concept) in asked.concepts.iter().enumerate() {
        let weight = weight(concept, bit, anywhere);
        let found = f32::from(u8::from(anywhere & (1 << bit) != 0));
        let grade = grade(unit, bit, [1.0, 0.8, 0.8, 0.5]);
        all += weight;
        covered += weight * ((1.0 - ANYWHERE) * grade + ANYWHERE * found);
    }
    if all > 0.0 {
        covered / (all + PRIOR)
    } else {
        0.0
    }
}

fn graded(asked: &Asked, unit: &Unit, anywhere: Concepts, rarity: &[f32], grades: [f32; 4]) -> f32 {
    let mut covered = 0.0;
    let mut all = 0.0;
    for ((bit, concept), rarity) in asked.concepts.iter().enumerate().zip(rarity) {
        let weight = rarity * weight(concept, bit, anywhere);
        all += weight;
        covered += weight * grade(unit, bit, grades);
    }
    if all > 0.0 { covered / all } else { 0.0 }
}

/// How much the question hangs on the concept. A quantity that no passage holds may be a
/// patient's value, which documents state as a limit: it then counts for half.
fn weight(concept: &AskedConcept, bit: usize, anywhere: Concepts) -> f32 {
    let missing = anywhere & (1 << bit) == 0;
    let named = if concept.is_named { NAMED } else { 1.0 };
    let quantity = if concept.is_quantity && missing {
        0.5
    } else {
        1.0
    };
    concept.weight * named * quantity
}

/// What a concept counts by where it stands: in the unit, in what it stands under, in the sentence
/// before, in its passage.
fn grade(unit: &Unit, bit: usize, [own, under, near, around]: [f32; 4]) -> f32 {
    let holds = |concepts: Concepts| concepts & (1 << bit) != 0;
    if holds(unit.own) {
        own
    } else if holds(unit.under) {
        under
    } else if holds(unit.near) {
        near
    } else if holds(unit.classed) {
        CLASS
    } else if holds(unit.around) {
        around
    } else {
        0.0
    }
}

/// How telling each concept is among these units: one in every unit tells nothing apart.
fn rarity(asked: &Asked, units: &[Unit]) -> Vec<f32> {
    let all = units.len().max(1) as f32;
    (0..asked.concepts.len())
        .map(|bit| {
            let with = units
                .iter()
                .filter(|unit| unit.own & (1 << bit) != 0)
                .count() as f32;
            (1.0 + all / (1.0 + with)).ln() / (1.0 + all).ln()
        })
        .collect()
}

/// How readily who asks in one language reads the other: the Romance ones half.
fn understood(written: Language, asked: Language) -> f32 {
    let romance = [Language::Spanish, Language::Catalan, Language::Galician];
    if written == asked {
        1.0
    } else if romance.contains(&written) && romance.contains(&asked) {
        0.5
    } else {
        0.0
    }
}

/// 0 up to the length of a usual sentence, then growing to 1.
fn overlong(text: &str) -> f32 {
    ((text.len() as f32 - 200.0) / 500.0).clamp(0.0, 1.0)
}

/// Whether running text on a page stops or begins in the middle of a sentence, which a column, a
/// page or a figure has parted and nothing has joined: what is missing may turn it round.
fn is_cut(unit: &Unit, text: &str, offered: &EvidencePassage) -> bool {
    unit.kind == SegmentKind::Paragraph
        && !offered.passage.spans.is_empty()
        && (text.starts_with(char::is_lowercase) || cues::stops_short(text))
}
