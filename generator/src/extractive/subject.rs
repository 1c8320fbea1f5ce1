//! What an answer must speak of, whatever else of the question it covers.

use domain::{EvidencePassage, SegmentKind, fold};

use crate::extractive::asked::{Asked, Concepts};
use crate::extractive::drugs::{BASQUE_ENDINGS, Drugs};
use crate::extractive::units::Unit;
use crate::extractive::wanted::{Kind, Wanted};

/// The subject of a question: its drugs, and what else a question about a medicine hangs on.
pub(crate) struct Subject<'a> {
    known: &'a Drugs,
    drugs: Concepts,
    /// What a medicine question is asked of, where that is no name known as a drug's.
    others: Concepts,
    /// The circumstances a medicine question is asked for: pregnancy, another drug.
    conditions: Concepts,
    /// What is asked about the medicine: its contraindications, its interactions.
    topics: Concepts,
    /// The drugs as named in the question, folded.
    asked_drugs: Vec<String>,
    dose: bool,
}

impl<'a> Subject<'a> {
    pub(crate) fn of(asked: &Asked, question: &str, wanted: Wanted, known: &'a Drugs) -> Self {
        let drugs = asked.those(|concept| concept.is_drug);
        let in_medicine = |concepts: Concepts| {
            if wanted.medicine {
                concepts & !drugs
            } else {
                0
            }
        };
        let complements = asked.those(|concept| concept.is_complement);
        Self {
            known,
            drugs,
            others: in_medicine(if drugs == 0 { complements } else { 0 }),
            conditions: in_medicine(asked.those(|concept| concept.is_condition)),
            topics: in_medicine(asked.those(|concept| concept.is_topic)),
            asked_drugs: known.named_in(question),
            dose: wanted.kind == Kind::Dose,
        }
    }

    /// Whether the unit speaks of what is asked about.
    ///
    /// Every drug asked for must stand in its own words or in those it stands under (headings,
    /// title, lead-in, caption) where it names no other drug itself; rows and list items beside it
    /// do not count. Where no dose is asked for, the drug's class will do. What is asked about a
    /// medicine must be read with the unit, and its circumstances at least in its passage.
    pub(crate) fn is_spoken_of(&self, unit: &Unit, text: &str, offered: &EvidencePassage) -> bool {
        let apart = matches!(unit.kind, SegmentKind::TableRow | SegmentKind::ListItem);
        let others = if apart { unit.under } else { unit.around };
        let missing = self.others & !others
            | self.topics & !unit.near
            | self.conditions & !(unit.around | unit.own);
        if missing != 0 {
            return false;
        }
        if self.drugs == 0 {
            return true;
        }
        let named_here = if self.dose {
            unit.under
        } else {
            unit.near | unit.classed
        };
        if self.drugs & !named_here != 0 || (self.dose && self.only_combined(text)) {
            return false;
        }
        if unit.kind == SegmentKind::TableRow && self.is_anothers_row(text) {
            return false;
        }
        if unit.own & self.drugs != 0 {
            return true;
        }
        let named = self.known.named_in(text);
        if self.dose || unit.kind == SegmentKind::TableRow {
            return named.is_empty();
        }
        // Under «Bisoprolol», «no asociar a verapamilo» is said of bisoprolol; under «Bisoprolol y
        // carvedilol», «carvedilol: evitar en asma» is not.
        let section = self.known.named_in(&offered.passage.section.join("\n"));
        let title = self.known.named_in(&offered.source.title);
        !named
            .iter()
            .any(|other| section.contains(other) || title.contains(other))
    }

    /// Whether a row is headed by drugs none of which was asked for: «Espironolactona; …; cambiar
    /// a eplerenona» is no row of eplerenone. The first two cells head a row: a group and a name.
    fn is_anothers_row(&self, text: &str) -> bool {
        let head = text.splitn(3, "; ").take(2).collect::<Vec<_>>().join("; ");
        let heads = self.known.named_in(&head);
        let asked = |drug: &String| self.asked_drugs.iter().any(|asked| same_name(asked, drug));
        // A brand asked for may stand in the row as its substance: only a name that stands further
        // on in the row tells that the row is another's.
        let further = self.known.named_in(text).iter().any(asked);
        further && !heads.is_empty() && !heads.iter().any(asked)
    }

    /// Whether a drug asked for stands in the text only joined to something not asked for:
    /// `sacubitrilo/valsartán` has not the doses of valsartan.
    fn only_combined(&self, text: &str) -> bool {
        let mut combined = false;
        for word in text.split_whitespace() {
            let folded = fold(word);
            let mut parts = folded
                .split(|c: char| !c.is_alphanumeric())
                .filter(|part| part.len() > 4 && part.chars().all(char::is_alphabetic));
            let asked = |part: &str| self.asked_drugs.iter().any(|drug| same_name(drug, part));
            if parts.clone().any(asked) {
                if parts.all(asked) {
                    return false;
                }
                combined = true;
            }
        }
        combined
    }
}

/// Whether two spellings are of one name: the languages differ in its last letters.
fn same_name(one: &str, other: &str) -> bool {
    let stem = |name: &str| -> String {
        let vowels: &[char] = &['a', 'e', 'i', 'o', 'u'];
        BASQUE_ENDINGS
            .iter()
            .find_map(|ending| name.strip_suffix(ending))
            .unwrap_or(name)
            .trim_end_matches(vowels)
            .to_owned()
    };
    stem(one) == stem(other)
}
