//! The pieces of the evidence that can be shown by themselves, each with what must be read with it.

use std::ops::Range;

use domain::{Analyzer, Evidence, EvidencePassage, Passage, SegmentKind, sentences};

use crate::extractive::asked::{Asked, Concepts, Hit};
use crate::extractive::cues;
use crate::verify::{Quotation, is_sound};

/// A sentence, a list item's sentence, a table row, a form field or a note.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// Place of its passage in the evidence.
    pub(crate) passage: usize,
    /// Place of its segment in the passage.
    pub(crate) segment: usize,
    /// What its segment is.
    pub(crate) kind: SegmentKind,
    /// Bytes of the passage's text.
    pub(crate) range: Range<usize>,
    /// The run of list items or rows it belongs to, one number for each run in the evidence.
    pub(crate) run: Option<usize>,
    /// The unit that opens its list, or its table's caption, where there is one.
    pub(crate) lead: Option<usize>,
    /// It opens the list or table that follows.
    pub(crate) opens: Option<usize>,
    /// Concepts its own words write out.
    pub(crate) own: Concepts,
    /// It states a range for a value asked about, and the value is outside.
    pub(crate) shut_out: bool,
    /// Concepts that it or what it stands under writes out: headings, title, caption, lead-in.
    pub(crate) under: Concepts,
    /// The same, with the sentence before it.
    pub(crate) near: Concepts,
    /// Concepts of which it or what it stands under writes out the class: of a drug, its group.
    pub(crate) classed: Concepts,
    /// Concepts that the headings it stands under write out, without the document's title.
    pub(crate) headed: Concepts,
    /// Concepts that the headings above its passage or the document's title write out.
    pub(crate) titled: Concepts,
    /// Concepts that follow one another in the question and stand side by side here, as a share.
    pub(crate) side_by_side: f32,
    /// Concepts written out anywhere in its passage, its headings or its title.
    pub(crate) around: Concepts,
}

/// All units of the evidence, passage by passage, in reading order.
pub(crate) fn units(asked: &Asked, evidence: &Evidence, analyzer: &Analyzer) -> Vec<Unit> {
    let mut units = Vec::new();
    let mut runs = 0;
    for (index, offered) in evidence.passages.iter().enumerate() {
        if is_sound(&offered.passage) {
            Reader::new(asked, offered, index, analyzer).read(&mut units, &mut runs);
        }
    }
    units
}

/// The segments of a passage; one paragraph where none are told.
fn segments(passage: &Passage) -> Vec<(Range<usize>, SegmentKind, bool)> {
    if passage.segments.is_empty() {
        return vec![(0..passage.text.len(), SegmentKind::Paragraph, false)];
    }
    passage
        .segments
        .iter()
        .map(|segment| (segment.range(), segment.kind, segment.quote.is_some()))
        .collect()
}

struct Reader<'a> {
    asked: &'a Asked,
    passage: &'a Passage,
    index: usize,
    hits: Vec<Hit>,
    titled: Concepts,
    sectioned: Concepts,
    titled_class: Concepts,
    around: Concepts,
}

impl<'a> Reader<'a> {
    fn new(
        asked: &'a Asked,
        offered: &'a EvidencePassage,
        index: usize,
        analyzer: &Analyzer,
    ) -> Self {
        let passage = &offered.passage;
        let hits_of = |text: &str| asked.hits(&analyzer.terms(text, passage.language));
        let titles = format!(
            "{}\n{}",
            offered.passage.section.join("\n"),
            offered.source.title
        );
        let title_hits = hits_of(&titles);
        let hits = hits_of(&passage.text);
        // A long form may begin in one heading and end in the next: they are read as one text.
        let titled = asked.within(&title_hits, &(0..titles.len()));
        let section_end = titles.len() - offered.source.title.len();
        let sectioned = asked.within(&title_hits, &(0..section_end));
        let titled_class = asked.classes_within(&title_hits, &(0..titles.len()));
        let around = titled | asked.within(&hits, &(0..passage.text.len()));
        Self {
            asked,
            passage,
            index,
            hits,
            titled,
            sectioned,
            titled_class,
            around,
        }
    }

    fn read(&self, units: &mut Vec<Unit>, runs: &mut usize) {
        let first = units.len();
        let mut heading = self.titled;
        let mut headed = self.sectioned;
        let mut caption: Option<usize> = None;
        // The line before a run of items or rows, and the run being read.
        let mut lead: Option<usize> = None;
        let mut run: Option<(SegmentKind, usize)> = None;
        for (segment, (range, kind, is_row)) in segments(self.passage).into_iter().enumerate() {
            let concepts = self.asked.within(&self.hits, &range);
            let in_run = matches!(kind, SegmentKind::ListItem | SegmentKind::TableRow);
            match run {
                Some((open, _)) if open == kind => {}
                _ if in_run => {
                    *runs += 1;
                    run = Some((kind, *runs));
                    lead = (first..units.len()).last().filter(|last| {
                        units.get(*last).is_some_and(|unit| {
                            unit.kind == SegmentKind::Paragraph && self.may_open(unit)
                        })
                    });
                    if let Some(unit) = lead.and_then(|lead| units.get_mut(lead)) {
                        unit.opens = Some(*runs);
                    }
                }
                _ => {
                    run = None;
                    lead = None;
                }
            }
            match kind {
                SegmentKind::Heading => {
                    heading = self.titled | concepts;
                    headed = self.sectioned | concepts;
                    caption = None;
                    continue;
                }
                SegmentKind::Caption => caption = Some(units.len()),
                _ => {}
            }
            let led = lead
                .and_then(|lead| units.get(lead))
                .map_or(0, |unit| unit.own);
            for range in self.pieces(&range, kind, is_row) {
                // Between rows nothing is shared: a dose belongs to its own row alone.
                let before = units[first..]
                    .last()
                    .filter(|unit| {
                        unit.kind != SegmentKind::TableRow && kind != SegmentKind::TableRow
                    })
                    .filter(|unit| kind != SegmentKind::ListItem || unit.segment == segment)
                    .map_or(0, |unit| unit.own);
                let written = self.asked.within(&self.hits, &range);
                let captioned = caption.filter(|caption| *caption < units.len() && in_run);
                let caption_own = captioned
                    .and_then(|at| units.get(at))
                    .map_or(0, |unit| unit.own);
                let under = heading | led | caption_own;
                let text = self.passage.text.get(range.clone()).unwrap_or_default();
                let own = self.asked.with_values(text, written, written | under);
                let class = self.asked.classes_within(&self.hits, &range) | self.titled_class;
                units.push(Unit {
                    passage: self.index,
                    segment,
                    kind,
                    run: run.map(|(_, run)| run),
                    lead: lead.or(captioned),
                    opens: None,
                    shut_out: self.asked.shut_out(text, written | under),
                    own,
                    under: own | under,
                    near: own | under | before,
                    classed: class,
                    headed,
                    titled: self.titled,
                    side_by_side: self.asked.side_by_side(&self.hits, &range),
                    around: self.around,
                    range,
                });
            }
        }
    }

    /// Whether the line may open the list or table after it.
    fn may_open(&self, unit: &Unit) -> bool {
        self.passage
            .text
            .get(unit.range.clone())
            .is_some_and(cues::opens_a_list)
    }

    /// What of a segment is shown by itself: a row whole, other segments by sentences.
    fn pieces(&self, range: &Range<usize>, kind: SegmentKind, is_row: bool) -> Vec<Range<usize>> {
        let Some(text) = self.passage.text.get(range.clone()) else {
            return Vec::new();
        };
        let pieces = if is_row || matches!(kind, SegmentKind::TableRow | SegmentKind::FormField) {
            let start = text.len() - text.trim_start().len();
            std::iter::once(start..start + text.trim().len()).collect()
        } else {
            joined_leaders(text, sentences(text))
        };
        pieces
            .into_iter()
            .map(|piece| range.start + piece.start..range.start + piece.end)
            .filter(|piece| Quotation::at_sound(self.passage, piece.clone()).is_some())
            .collect()
    }
}

/// Sentences with those joined that dots only lead across: `Consulta .......... 00417`.
fn joined_leaders(text: &str, pieces: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match joined.last_mut() {
            Some(last)
                if text
                    .get(last.clone())
                    .is_some_and(|text| text.ends_with("....")) =>
            {
                last.end = piece.end;
            }
            _ => joined.push(piece),
        }
    }
    joined
}
