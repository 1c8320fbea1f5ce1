//! Which units are shown: the best, those as good, and what must be read with each.

use std::collections::{BTreeSet, HashSet};

use domain::{Evidence, SegmentKind, fold};

use crate::ExtractiveConfig;
use crate::extractive::cues;
use crate::extractive::score::Scored;
use crate::extractive::units::Unit;
use crate::extractive::wanted::Wanted;

/// How many sentences back or forth a chosen one may reach for what belongs to it.
const MAX_REACH: usize = 2;
/// From this share of equal words on, two sentences with the same numbers say the same.
const SAME: f32 = 0.8;

/// The units to be shown, in reading order, and how many items of their lists are left out.
pub(crate) struct Chosen {
    pub(crate) units: Vec<usize>,
    pub(crate) items_left_out: usize,
}

/// Chooses among `scored` (best first, not empty).
pub(crate) fn choose(
    scored: &[Scored],
    units: &[Unit],
    evidence: &Evidence,
    wanted: Wanted,
    config: &ExtractiveConfig,
) -> Chosen {
    let mut shown = Shown {
        units,
        evidence,
        config,
        chosen: BTreeSet::new(),
        left_out: 0,
        runs: HashSet::new(),
    };
    let Some(best) = scored.first() else {
        return Chosen {
            units: Vec::new(),
            items_left_out: 0,
        };
    };
    let mut picked = 0;
    let mut order: Vec<usize> = Vec::new();
    for candidate in scored {
        if picked >= config.max_sentences.max(1)
            || candidate.score < config.min_share_of_best * best.score
        {
            break;
        }
        let Some(unit) = units.get(candidate.unit) else {
            continue;
        };
        // Beside a dose, a sentence without one is no second answer.
        if candidate.fit < best.fit {
            continue;
        }
        if shown.chosen.contains(&candidate.unit) || shown.says_already(candidate.unit) {
            continue;
        }
        if !order.contains(&unit.passage) {
            order.push(unit.passage);
        }
        picked += 1;
        match (unit.opens, unit.run) {
            (Some(run), _) => {
                shown.take_list(run, Some(candidate.unit));
                if wanted.list {
                    break;
                }
            }
            (None, Some(run)) if wanted.list && unit.kind == SegmentKind::ListItem => {
                shown.take_list(run, unit.lead);
                // The list is the answer; sentences about it are not.
                break;
            }
            _ => shown.take(candidate.unit),
        }
    }
    Chosen {
        items_left_out: shown.left_out,
        units: shown.in_reading_order(&order),
    }
}

struct Shown<'a> {
    units: &'a [Unit],
    evidence: &'a Evidence,
    config: &'a ExtractiveConfig,
    chosen: BTreeSet<usize>,
    left_out: usize,
    runs: HashSet<usize>,
}

impl Shown<'_> {
    /// Takes a unit with what must be read with it: the line that opens its list, the sentence it
    /// points back to, the exceptions after it, the notes it refers to.
    fn take(&mut self, index: usize) {
        let Some(unit) = self.units.get(index) else {
            return;
        };
        if !self.chosen.insert(index) {
            return;
        }
        if let Some(lead) = unit.lead {
            // A row names its columns itself; its caption is needed where it says more.
            let says_more = self
                .units
                .get(lead)
                .is_some_and(|lead| lead.own & !unit.own != 0);
            if unit.kind == SegmentKind::ListItem || says_more {
                self.chosen.insert(lead);
            }
        }
        self.take_back(index);
        self.take_forth(index);
        self.take_notes(index);
    }

    fn take_back(&mut self, index: usize) {
        let mut at = index;
        for _ in 0..MAX_REACH {
            let Some(before) = at.checked_sub(1).filter(|before| self.adjoin(*before, at)) else {
                return;
            };
            let text = self.text(at);
            if !cues::points_back(text) && !cues::opens_an_exception(text) {
                return;
            }
            self.chosen.insert(before);
            at = before;
        }
    }

    fn take_forth(&mut self, index: usize) {
        let mut at = index;
        for _ in 0..MAX_REACH {
            let next = at + 1;
            if !self.adjoin(at, next) || !cues::opens_an_exception(self.text(next)) {
                return;
            }
            self.chosen.insert(next);
            if let Some(run) = self.units.get(next).and_then(|unit| unit.opens) {
                self.take_list(run, Some(next));
            }
            at = next;
        }
    }

    /// The notes of the same passage whose mark stands in the unit.
    fn take_notes(&mut self, index: usize) {
        let Some(unit) = self.units.get(index) else {
            return;
        };
        let text = self.text(index);
        let notes: Vec<usize> = self
            .units
            .iter()
            .enumerate()
            .skip(index + 1)
            .take_while(|(_, other)| other.passage == unit.passage)
            .filter(|(note, other)| {
                matches!(other.kind, SegmentKind::Footnote | SegmentKind::Paragraph)
                    && cues::note_mark(self.text(*note)).is_some_and(|mark| text.contains(mark))
            })
            .map(|(note, _)| note)
            .collect();
        self.chosen.extend(notes);
    }

    /// Takes the line that opens a list, and its items up to the limit.
    fn take_list(&mut self, run: usize, lead: Option<usize>) {
        if !self.runs.insert(run) {
            return;
        }
        if let Some(lead) = lead {
            self.take(lead);
        }
        let mut items: Vec<usize> = Vec::new();
        for (index, unit) in self
            .units
            .iter()
            .enumerate()
            .filter(|(_, unit)| unit.run == Some(run))
        {
            let is_new = items.last() != Some(&unit.segment);
            if is_new && items.len() >= self.config.max_list_items.max(1) {
                self.left_out += 1;
                items.push(unit.segment);
                continue;
            }
            if is_new {
                items.push(unit.segment);
            }
            if items.len() <= self.config.max_list_items.max(1) {
                self.chosen.insert(index);
            }
        }
    }

    /// Whether the two units follow each other in one passage and are read together: sentences of
    /// one segment, items of one list, or running text and the note or paragraph after it.
    fn adjoin(&self, one: usize, next: usize) -> bool {
        match (self.units.get(one), self.units.get(next)) {
            (Some(one), Some(next)) => {
                one.passage == next.passage
                    && next.segment - one.segment <= 1
                    && one.kind != SegmentKind::TableRow
                    && next.kind != SegmentKind::TableRow
            }
            _ => false,
        }
    }

    /// Whether what is shown already says the same with the same numbers. Two documents that
    /// give different numbers are both shown.
    fn says_already(&self, index: usize) -> bool {
        let (words, numbers) = words(self.text(index));
        self.chosen.iter().any(|other| {
            let (others, other_numbers) = self::words(self.text(*other));
            let shared = words.intersection(&others).count() as f32;
            let least = words.len().min(others.len()).max(1) as f32;
            numbers == other_numbers && shared / least >= SAME
        })
    }

    fn text(&self, index: usize) -> &str {
        self.units
            .get(index)
            .and_then(|unit| {
                self.evidence
                    .passages
                    .get(unit.passage)?
                    .passage
                    .text
                    .get(unit.range.clone())
            })
            .unwrap_or_default()
    }

    /// Documents in the order in which they answer, each read from its beginning.
    fn in_reading_order(&self, passages: &[usize]) -> Vec<usize> {
        let document = |unit: &Unit| {
            self.evidence
                .passages
                .get(unit.passage)
                .map(|offered| offered.passage.version_id)
        };
        let place = |index: &usize| {
            let unit = self.units.get(*index)?;
            let offered = self.evidence.passages.get(unit.passage)?;
            let order = passages.iter().position(|passage| {
                self.evidence
                    .passages
                    .get(*passage)
                    .map(|other| other.passage.version_id)
                    == document(unit)
            });
            Some((
                order,
                offered.passage.ordinal,
                unit.passage,
                unit.range.start,
            ))
        };
        let mut ordered: Vec<usize> = self.chosen.iter().copied().collect();
        ordered.sort_by_key(|index| place(index));
        ordered
    }
}

/// The words of a text, folded, and its numbers.
fn words(text: &str) -> (HashSet<String>, BTreeSet<String>) {
    let folded = fold(text);
    let pieces = folded
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ';' | ':' | '«' | '»' | '"'))
        .map(|word| word.trim_matches(['.', ',']))
        .filter(|word| !word.is_empty());
    let numbers = pieces
        .clone()
        .filter(|word| word.chars().any(char::is_numeric))
        .map(str::to_owned);
    (
        pieces.clone().map(str::to_owned).collect(),
        numbers.collect(),
    )
}
