//! The gates for a sentence in a model's own words: what it says must stand, number by number and
//! name by name, in one sentence, item or row of a passage that it cites.
//!
//! Every gate is strict on purpose: a true sentence turned away costs a quotation in its place, a
//! false one let through may cost a patient.

use std::collections::HashSet;
use std::ops::Range;

use domain::{
    Analyzer, EvidencePassage, Language, Passage, SegmentKind, TermKind, fold, sentences,
};

use super::cues::Polarity;
use crate::extractive::{Drugs, Stated, opens_a_list, stated};
use crate::prompt::answers_in;

/// Why a sentence may not be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Gate {
    /// It cites no passage that was offered.
    Citation,
    /// It is not in the language of the question.
    Language,
    /// It does not speak of what was asked.
    Relevance,
    /// A number, its unit or its comparison stands otherwise in the source.
    Quantity,
    /// A drug, code or name in it does not stand in the source.
    Name,
    /// It loses or adds a negation, a condition, an exception.
    Polarity,
    /// Too few of its words stand in the source.
    Support,
}

impl Gate {
    /// A name for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Citation => "citation",
            Self::Language => "language",
            Self::Relevance => "relevance",
            Self::Quantity => "quantity",
            Self::Name => "name",
            Self::Polarity => "polarity",
            Self::Support => "support",
        }
    }
}

/// A place in a passage that a sentence may stand on: a sentence, an item, a row; with the words
/// it is read with.
pub(super) struct Window {
    /// Bytes of the passage's text.
    pub(super) range: Range<usize>,
    /// The line that opens the list it is an item of, bytes of the passage's text.
    pub(super) lead: Option<Range<usize>>,
    source: Profile,
    /// The cells of a table row; none for anything else.
    cells: Vec<Cell>,
    /// The lead-in, the headings and the title.
    context: Profile,
    /// The lead-in and the innermost heading.
    near: Polarity,
}

impl Window {
    /// Whether each number that a claim takes from a row is told under the name of its column,
    /// where another column holds a number of the same unit.
    fn in_their_columns(&self, claim: &Profile) -> bool {
        let unit = |quantity: &str| quantity.split_once(' ').map(|(_, unit)| unit.to_owned());
        claim.quantities.iter().all(|quantity| {
            let (holding, others): (Vec<&Cell>, Vec<&Cell>) = self
                .cells
                .iter()
                .partition(|cell| cell.value.quantities.contains(quantity));
            let rivals = others
                .iter()
                .flat_map(|cell| &cell.value.quantities)
                .any(|other| unit(other) == unit(quantity));
            let named = |cell: &&Cell| cell.column.iter().all(|stem| claim.keys.contains(stem));
            !rivals || holding.iter().any(named)
        })
    }
}

/// One value of a table row under the name of its column.
struct Cell {
    /// Stems of the column's name that tell it from other columns.
    column: Vec<String>,
    value: Profile,
}

impl Cell {
    /// The cells of a row as passages hold it: `Fármaco: Bisoprolol; Dosis inicial: 1,25 mg`.
    fn of_row(row: &str, language: Language, analyzer: &Analyzer, drugs: &Drugs) -> Vec<Self> {
        let cells = row.split("; ").filter_map(|cell| {
            let (column, value) = cell.split_once(": ")?;
            let stems = analyzer.terms(column, language).into_iter();
            Some(Self {
                column: stems
                    .filter(|term| term.kind == TermKind::Stem && !analyzer.is_general(&term.key))
                    .map(|term| term.key)
                    .collect(),
                value: Profile::of(value, language, analyzer, drugs),
            })
        });
        cells.collect()
    }

    /// Whether a claim speaks of this cell: of its value, in number or in name.
    fn is_spoken_of(&self, claim: &Profile) -> bool {
        !claim.quantities.is_disjoint(&self.value.quantities)
            || self
                .value
                .keys
                .iter()
                .any(|key| key.starts_with('~') && claim.keys.contains(key))
    }
}

/// What a text says that can be checked.
struct Profile {
    keys: HashSet<String>,
    quantities: HashSet<String>,
    numbers: HashSet<String>,
    stated: Vec<Stated>,
    number_words: HashSet<String>,
    drugs: HashSet<String>,
    polarity: Polarity,
}

impl Profile {
    fn of(text: &str, language: Language, analyzer: &Analyzer, drugs: &Drugs) -> Self {
        let terms = analyzer.terms(text, language);
        let mut quantities = HashSet::new();
        let mut covered = 0;
        for term in terms.iter().filter(|term| term.kind == TermKind::Quantity) {
            // The first key of a quantity is its fullest; those that follow are its parts.
            if term.start >= covered {
                covered = term.end;
                quantities.insert(without_comparison(&term.key));
            }
        }
        let folded = fold(text);
        Self {
            keys: terms.into_iter().map(|term| term.key).collect(),
            quantities,
            numbers: numbers(text).collect(),
            stated: stated(text),
            number_words: folded
                .split(|c: char| !c.is_alphanumeric())
                .filter(|word| NUMBER_WORDS.contains(word))
                .map(str::to_owned)
                .collect(),
            drugs: drugs.named_in(text).into_iter().collect(),
            polarity: Polarity::of(text, language, analyzer),
        }
    }
}

/// Numbers in words, folded, from two on: «una» is mostly an article.
const NUMBER_WORDS: &[&str] = &[
    "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve", "diez", "doce", "quince",
    "veinte", "treinta", "cien", "mitad", "doble", "triple", "tercio", "cuarto", "primera",
    "segunda", "tercera", "dues", "quatre", "cinc", "sis", "set", "vuit", "nou", "deu", "dotze",
    "meitat", "terc", "dous", "duas", "tres", "catro", "cinco", "seis", "sete", "oito", "dez",
    "metade", "dobre", "bi", "hiru", "lau", "bost", "sei", "zazpi", "zortzi", "hamar", "erdi",
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve", "half",
    "twice", "double", "third",
];

/// The key of a quantity without the sign before it: comparisons are compared as ranges.
fn without_comparison(key: &str) -> String {
    key.strip_prefix('#')
        .map_or(key, |key| key.trim_start_matches(['≤', '≥', '<', '>']))
        .to_owned()
}

/// The numbers of a text as written, the decimal comma made a point; a group of three digits after
/// a separator may be thousands and stays as it is.
fn numbers(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | ',')))
        .map(|run| run.trim_matches(['.', ',']))
        .filter(|run| !run.is_empty())
        .map(|run| {
            let mut parts = run.split([',', '.']);
            match (parts.next(), parts.next(), parts.next()) {
                (Some(whole), Some(fraction), None) if fraction.len() != 3 => {
                    format!("{whole}.{fraction}")
                }
                _ => run.to_owned(),
            }
        })
}

/// The windows of a passage, in reading order.
pub(super) fn windows(
    offered: &EvidencePassage,
    analyzer: &Analyzer,
    drugs: &Drugs,
) -> Vec<Window> {
    let passage = &offered.passage;
    let language = passage.language;
    let text_of = |range: &Range<usize>| passage.text.get(range.clone()).unwrap_or_default();
    let titles = format!("{}\n{}", passage.section.join("\n"), offered.source.title);
    let mut heading = passage.section.last().cloned().unwrap_or_default();
    let mut lead: Option<Range<usize>> = None;
    let mut found = Vec::new();
    for (segment, kind) in segments(passage) {
        match kind {
            SegmentKind::Heading | SegmentKind::Caption => {
                text_of(&segment).clone_into(&mut heading);
                lead = None;
                continue;
            }
            SegmentKind::ListItem | SegmentKind::TableRow => {}
            _ => lead = None,
        }
        let pieces = if kind == SegmentKind::TableRow {
            vec![trimmed(&passage.text, segment.clone())]
        } else {
            sentences(text_of(&segment))
                .into_iter()
                .map(|range| segment.start + range.start..segment.start + range.end)
                .collect()
        };
        for range in &pieces {
            let lead_text = lead.as_ref().map_or("", |lead| text_of(lead));
            let context = format!("{lead_text}\n{heading}\n{titles}");
            let near = format!("{lead_text}\n{heading}");
            found.push(Window {
                range: range.clone(),
                lead: lead.clone(),
                source: Profile::of(text_of(range), language, analyzer, drugs),
                cells: if kind == SegmentKind::TableRow {
                    Cell::of_row(text_of(range), language, analyzer, drugs)
                } else {
                    Vec::new()
                },
                context: Profile::of(&context, language, analyzer, drugs),
                near: Polarity::of(&near, language, analyzer),
            });
        }
        if kind == SegmentKind::Paragraph {
            lead = pieces
                .last()
                .filter(|range| opens_a_list(text_of(range)))
                .cloned();
        }
    }
    found
}

fn segments(passage: &Passage) -> Vec<(Range<usize>, SegmentKind)> {
    if passage.segments.is_empty() {
        return vec![(0..passage.text.len(), SegmentKind::Paragraph)];
    }
    let whole = passage.segments.iter();
    whole
        .map(|segment| (segment.range(), segment.kind))
        .collect()
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let piece = text.get(range.clone()).unwrap_or_default();
    let start = range.start + (piece.len() - piece.trim_start().len());
    start..start + piece.trim().len()
}

/// A sentence to be checked, read once for all the windows it is held against.
pub(super) struct Claim<'a> {
    text: &'a str,
    profile: Profile,
    /// Its words, each with the sets of keys any of which stands for it, and its weight.
    words: Vec<(Vec<Vec<String>>, f32)>,
    /// The same of its codes: all must stand in the source.
    codes: Vec<Vec<Vec<String>>>,
}

impl<'a> Claim<'a> {
    pub(super) fn of(
        text: &'a str,
        language: Language,
        analyzer: &Analyzer,
        drugs: &Drugs,
    ) -> Self {
        let mut words = Vec::new();
        let mut codes = Vec::new();
        for concept in analyzer.concepts(text, language) {
            match concept.kind {
                TermKind::Quantity | TermKind::Negation => {}
                TermKind::Code => codes.push(concept.alternatives),
                TermKind::Stem | TermKind::Word => {
                    words.push((concept.alternatives, concept.weight));
                }
            }
        }
        Self {
            text,
            profile: Profile::of(text, language, analyzer, drugs),
            words,
            codes,
        }
    }

    /// Whether it is written in `language`, or too short or too full of names to tell.
    pub(super) fn is_in(&self, language: Language) -> bool {
        answers_in(language, self.text)
    }

    /// Share of its words, by weight, that stand in the window or what it is read with, 0 to 1.
    pub(super) fn support(&self, window: &Window) -> f32 {
        let mut all = 0.0;
        let mut found = 0.0;
        let codes = self.codes.iter().map(|ways| (ways, 1.0));
        for (ways, weight) in self
            .words
            .iter()
            .map(|(ways, weight)| (ways, *weight))
            .chain(codes)
        {
            all += weight;
            if stands(ways, window) {
                found += weight;
            }
        }
        if all > 0.0 { found / all } else { 0.0 }
    }

    /// Whether the window says what the sentence says.
    pub(super) fn stands_on(&self, window: &Window, min_support: f32) -> Result<(), Gate> {
        let (claim, source) = (&self.profile, &window.source);
        let quantities = claim.quantities.is_subset(&source.quantities)
            && claim.numbers.is_subset(&source.numbers)
            && claim.number_words.is_subset(&source.number_words)
            && claim
                .stated
                .iter()
                .all(|one| source.stated.iter().any(|other| one.is_same_range(other)));
        if !(quantities && window.in_their_columns(claim)) {
            return Err(Gate::Quantity);
        }
        // Where the source names a drug itself, the drug of its heading is not the one it means.
        let drugs = if source.drugs.is_empty() {
            &window.context.drugs
        } else {
            &source.drugs
        };
        let names = self.codes.iter().all(|ways| stands(ways, window));
        if !(names && claim.drugs.is_subset(drugs)) {
            return Err(Gate::Name);
        }
        // Of a row only the cells spoken of: its precautions are not those of its dose.
        let own = if window.cells.is_empty() {
            source.polarity
        } else {
            let spoken = window.cells.iter().filter(|cell| cell.is_spoken_of(claim));
            spoken.fold(Polarity::default(), |all, cell| all.or(cell.value.polarity))
        };
        if !claim.polarity.agrees(own, source.polarity.or(window.near)) {
            return Err(Gate::Polarity);
        }
        if self.support(window) < min_support {
            return Err(Gate::Support);
        }
        Ok(())
    }
}

fn stands(ways: &[Vec<String>], window: &Window) -> bool {
    ways.iter().any(|keys| {
        keys.iter()
            .all(|key| window.source.keys.contains(key) || window.context.keys.contains(key))
    })
}
