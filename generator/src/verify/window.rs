//! The places of a passage that a sentence may stand on, each with what it is read with.

use std::collections::HashSet;
use std::ops::Range;

use domain::{
    Analyzer, EvidencePassage, Language, Passage, SegmentKind, TermKind, fold, sentences,
};

use super::cues::Polarity;
use super::profile::{Profile, drugs_of};
use super::row::Row;
use crate::extractive::{Drugs, opens_a_list};

/// A place in a passage that a sentence may stand on: a sentence, an item, a row; with the words
/// it is read with.
pub(super) struct Window {
    /// Bytes of the passage's text.
    pub(super) range: Range<usize>,
    /// Place of its segment in the passage.
    pub(super) segment: usize,
    /// What its segment is.
    pub(super) kind: SegmentKind,
    /// The line that opens the list it is an item of, bytes of the passage's text.
    pub(super) lead: Option<Range<usize>>,
    /// What that line says.
    pub(super) lead_profile: Option<Profile>,
    /// What it says itself.
    pub(super) source: Profile,
    /// Its cells, of a table row.
    pub(super) row: Row,
    /// The terms of the lead-in, the headings and the title.
    pub(super) context: HashSet<String>,
    /// The drugs of the innermost of those that names any.
    pub(super) drugs_under: HashSet<String>,
    /// What it begins with before a comma, «En pacientes con asma,»: the things of substance there,
    /// each with the sets of keys any of which stands for it.
    pub(super) opening: Vec<Vec<Vec<String>>>,
    /// What the lead-in and the innermost heading say of yes and no.
    pub(super) near: Polarity,
    /// What of it nothing under them may lose.
    pub(super) binding: Polarity,
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
    let outer: Vec<&str> = passage
        .section
        .iter()
        .rev()
        .map(String::as_str)
        .chain([offered.source.title.as_str()])
        .collect();
    let mut heading = passage.section.last().cloned().unwrap_or_default();
    let mut lead: Option<Range<usize>> = None;
    let mut found = Vec::new();
    for (at, (segment, kind)) in segments(passage).into_iter().enumerate() {
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
            let polarity = |text: &str| Polarity::of(text, language, analyzer);
            let (of_lead, of_heading) = (polarity(lead_text), polarity(&heading));
            // Of what it stands under the innermost that names a drug means it.
            let drugs_under = [lead_text, heading.as_str()]
                .into_iter()
                .chain(outer.iter().copied())
                .map(|text| drugs_of(text, drugs))
                .find(|named| !named.is_empty());
            found.push(Window {
                range: range.clone(),
                segment: at,
                kind,
                lead: lead.clone(),
                lead_profile: lead
                    .is_some()
                    .then(|| Profile::of(lead_text, language, analyzer, drugs)),
                source: Profile::of(text_of(range), language, analyzer, drugs),
                row: if kind == SegmentKind::TableRow {
                    Row::of(text_of(range), language, analyzer, drugs)
                } else {
                    Row::default()
                },
                context: keys(&context, language, analyzer),
                drugs_under: drugs_under.unwrap_or_default(),
                opening: opening(text_of(range), language, analyzer),
                near: of_lead.or(&of_heading),
                binding: of_lead.or(&of_heading.of_heading()),
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

fn keys(text: &str, language: Language, analyzer: &Analyzer) -> HashSet<String> {
    let terms = analyzer.terms(text, language).into_iter();
    terms.map(|term| term.key).collect()
}

/// Words, folded, that open a condition before a comma.
const OPENING: &[&str] = &[
    "en", "con", "ante", "para", "si", "tras", "durante", "cuando", "sin", "amb", "davant", "per",
    "quan", "durant", "sense", "cando", "se", "nos", "na", "nas", "sen", "in", "with", "for", "if",
    "when", "after", "during",
];

/// How the last word of such a condition ends in Basque.
const BASQUE_OPENING: &[&str] = &[
    "bada", "badu", "badute", "badira", "badago", "ean", "etan", "ekin",
];

/// The things of substance in what a sentence opens with before its comma.
fn opening(text: &str, language: Language, analyzer: &Analyzer) -> Vec<Vec<Vec<String>>> {
    let decimal = |at: usize| text[at + 1..].starts_with(|c: char| c.is_ascii_digit());
    let Some((end, _)) = text
        .char_indices()
        .find(|(at, c)| *c == ',' && !decimal(*at))
    else {
        return Vec::new();
    };
    let head = &text[..end];
    let first = fold(head.split_whitespace().next().unwrap_or_default());
    let last = fold(head.split_whitespace().next_back().unwrap_or_default());
    let basque =
        language == Language::Basque && BASQUE_OPENING.iter().any(|ending| last.ends_with(ending));
    if !OPENING.contains(&first.as_str()) && !basque {
        return Vec::new();
    }
    analyzer
        .concepts(head, language)
        .into_iter()
        .filter(|concept| concept.weight >= 1.0)
        .filter(|concept| {
            matches!(
                concept.kind,
                TermKind::Stem | TermKind::Word | TermKind::Code
            )
        })
        .map(|concept| concept.alternatives)
        .collect()
}
