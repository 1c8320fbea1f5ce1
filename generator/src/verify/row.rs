//! The cells of a table row: a number is told under the name of its own column, and what another
//! column forbids is not lost.

use std::collections::HashSet;

use domain::{Analyzer, Language, TermKind};

use super::cues::Polarity;
use super::profile::Profile;
use crate::extractive::Drugs;

/// The cells of a table row; none for anything else.
#[derive(Default)]
pub(super) struct Row {
    cells: Vec<Cell>,
}

/// One value of a table row under the name of its column.
struct Cell {
    /// Stems of the column's name.
    column: HashSet<String>,
    /// Those of them that no other column has and that tell something.
    telling: HashSet<String>,
    value: Profile,
}

impl Row {
    /// The cells of a row as passages hold it: `Fármaco: Bisoprolol; Dosis inicial: 1,25 mg`. A
    /// piece without a column's name goes on with the cell before it.
    pub(super) fn of(row: &str, language: Language, analyzer: &Analyzer, drugs: &Drugs) -> Self {
        let mut pieces: Vec<(String, String)> = Vec::new();
        for piece in row.split("; ") {
            match (piece.split_once(": "), pieces.last_mut()) {
                (Some((column, value)), _) => pieces.push((column.to_owned(), value.to_owned())),
                (None, Some((_, value))) => {
                    value.push_str("; ");
                    value.push_str(piece);
                }
                (None, None) => {}
            }
        }
        let stems = |column: &str| -> HashSet<String> {
            let terms = analyzer.terms(column, language).into_iter();
            terms
                .filter(|term| term.kind == TermKind::Stem)
                .map(|term| term.key)
                .collect()
        };
        let columns: Vec<HashSet<String>> =
            pieces.iter().map(|(column, _)| stems(column)).collect();
        let cells = pieces.iter().zip(&columns).enumerate();
        let cells = cells.map(|(at, ((_, value), column))| {
            let elsewhere = |stem: &String| {
                let mut others = columns.iter().enumerate().filter(|(place, _)| *place != at);
                others.any(|(_, other)| other.contains(stem))
            };
            Cell {
                column: column
                    .iter()
                    .filter(|stem| !analyzer.is_general(stem))
                    .cloned()
                    .collect(),
                telling: column
                    .iter()
                    .filter(|stem| !elsewhere(stem))
                    .cloned()
                    .collect(),
                value: Profile::of(value, language, analyzer, drugs),
            }
        });
        Self {
            cells: cells.collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Whether each number that a claim takes from the row is told under the name of its column,
    /// and each word under no other column's.
    pub(super) fn is_told_rightly(&self, claim: &Profile) -> bool {
        self.numbers_in_their_columns(claim) && self.words_in_their_columns(claim)
    }

    fn numbers_in_their_columns(&self, claim: &Profile) -> bool {
        claim.measures.iter().all(|measure| {
            let holds = |cell: &&Cell| cell.value.measures.iter().any(|one| one.is_same(measure));
            let (holding, others): (Vec<&Cell>, Vec<&Cell>) =
                self.cells.iter().partition(|cell| holds(cell));
            let rivals = others
                .iter()
                .flat_map(|cell| &cell.value.measures)
                .any(|other| other.unit() == measure.unit());
            let named = |cell: &&Cell| cell.column.iter().all(|stem| claim.keys.contains(stem));
            if rivals && !holding.iter().any(named) {
                return false;
            }
            let told = |cells: &[&Cell], stem: &String| {
                cells.iter().any(|cell| cell.telling.contains(stem))
            };
            // The column named last before the number is its own; where none is, the first after.
            let mut columns = claim
                .stems
                .iter()
                .filter(|(_, stem)| told(&holding, stem) || told(&others, stem));
            let before = columns.clone().rfind(|(at, _)| *at < measure.start);
            let nearest = before.or_else(|| columns.find(|(at, _)| *at > measure.start));
            let Some((at, stem)) = nearest else {
                return true;
            };
            // «dosis objetivo de 10 mg cada 24 h»: the name has its number already.
            let (low, high) = (*at.min(&measure.start), *at.max(&measure.start));
            let taken = claim
                .measures
                .iter()
                .any(|other| low < other.start && other.start < high);
            told(&holding, stem) || taken && !rivals
        })
    }

    /// Words of a cell are told under another column's name when that column is named and the
    /// cell's own is not. The first cell says what the row is of.
    fn words_in_their_columns(&self, claim: &Profile) -> bool {
        let words_of = |at: usize| {
            self.cells.get(at).into_iter().flat_map(move |cell| {
                cell.value.stems.iter().filter(move |(_, stem)| {
                    claim.keys.contains(stem)
                        && !self.cells.iter().enumerate().any(|(place, other)| {
                            other.telling.contains(stem)
                                || place != at && other.value.keys.contains(stem)
                        })
                })
            })
        };
        let named = |cell: &Cell| cell.is_named_in(claim);
        let named_elsewhere = |at: usize| {
            self.cells
                .iter()
                .enumerate()
                .any(|(place, other)| place != at && place > 0 && named(other))
        };
        (1..self.cells.len()).all(|at| {
            let own = self
                .cells
                .get(at)
                .is_some_and(|cell| cell.telling.is_empty() || named(cell));
            own || !named_elsewhere(at) || words_of(at).next().is_none()
        })
    }

    /// What the cells spoken of say of yes and no: a row's precautions are not those of its dose.
    pub(super) fn polarity(&self, claim: &Profile) -> Polarity {
        let spoken = self.cells.iter().filter(|cell| cell.is_spoken_of(claim));
        spoken.fold(Polarity::default(), |all, cell| {
            all.or(&cell.value.polarity)
        })
    }

    /// Whether the claim keeps the limits that say when the row holds: the cells that are nothing
    /// but one (`Potasio: > 6,0`).
    pub(super) fn keeps_its_limits(&self, claim: &Profile) -> bool {
        self.cells
            .iter()
            .filter(|cell| cell.value.stems.is_empty())
            .filter(|cell| cell.value.stated.iter().any(|one| one.is_open()))
            .all(|cell| claim.keeps_the_limits_of(&cell.value))
    }
}

impl Cell {
    fn is_named_in(&self, claim: &Profile) -> bool {
        !self.telling.is_empty() && self.telling.iter().all(|stem| claim.keys.contains(stem))
    }

    /// Whether a claim speaks of this cell: of its value, in number or in word, or of its column.
    fn is_spoken_of(&self, claim: &Profile) -> bool {
        let measured = self
            .value
            .measures
            .iter()
            .any(|one| claim.measures.iter().any(|other| one.is_same(other)));
        let mut stems = self.value.stems.iter();
        measured || stems.any(|(_, stem)| claim.keys.contains(stem)) || self.is_named_in(claim)
    }
}
