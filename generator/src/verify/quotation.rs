//! Words of a passage that may be shown as they stand.

use std::collections::HashMap;
use std::ops::Range;

use domain::{Passage, PlacedQuote, Segment};

/// Words of a passage that may be shown, and the quotes they stand on.
pub(crate) struct Quotation<'a> {
    pub(super) text: &'a str,
    pub(super) quotes: Vec<PlacedQuote>,
    pub(super) adds_headers: bool,
    pub(super) segment: Option<usize>,
}

impl<'a> Quotation<'a> {
    /// The words at `range`, if it lies within one segment and they stand in the document. Part
    /// of a table row is never a quotation: its numbers would lose what they belong to.
    pub(crate) fn at(passage: &'a Passage, range: Range<usize>) -> Option<Self> {
        if is_sound(passage) {
            Self::at_sound(passage, range)
        } else {
            None
        }
    }

    /// As [`Quotation::at`], for a passage already known to be sound.
    pub(crate) fn at_sound(passage: &'a Passage, range: Range<usize>) -> Option<Self> {
        let text = passage.text.get(range.clone())?;
        if text.is_empty() || text.trim() != text {
            return None;
        }
        let segment = passage.segments.iter().position(|segment| {
            segment.range().start <= range.start && range.end <= segment.range().end
        });
        if segment.is_none() && !passage.segments.is_empty() {
            return None;
        }
        let row = segment
            .and_then(|index| passage.segments.get(index))
            .filter(|segment| segment.quote.is_some());
        let (quotes, adds_headers) = match row {
            Some(row) => (
                row_quotes(passage, row, &range, text)?,
                row.quote.as_deref() != Some(text),
            ),
            None => {
                let quotes = passage.quotes(range);
                let verbatim = quotes
                    .iter()
                    .all(|quote| !quote.text.is_empty() && text.contains(&quote.text));
                (if verbatim { quotes } else { return None }, false)
            }
        };
        (!quotes.is_empty()).then_some(Self {
            text,
            quotes,
            adds_headers,
            segment,
        })
    }
}

/// The quotes of a whole row whose every quoted word is in the text shown.
fn row_quotes(
    passage: &Passage,
    row: &Segment,
    range: &Range<usize>,
    text: &str,
) -> Option<Vec<PlacedQuote>> {
    let quote = row.quote.as_deref()?;
    let whole = passage.text.get(row.range())?.trim() == text && row.range().end >= range.end;
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in words(text) {
        *left.entry(word).or_default() += 1;
    }
    let all_shown = !quote.trim().is_empty()
        && words(quote).all(|word| match left.get_mut(word) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        });
    (whole && all_shown).then(|| passage.segment_quotes(row))
}

/// Words without the marks that join a header's name to its value.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_whitespace()
        .map(|word| word.trim_matches([':', ';', '|', '.', ',']))
        .filter(|word| !word.is_empty())
}

/// Whether segments and spans name whole characters of the text, in order. What the catalogue
/// gives is sound; a damaged row must cost one passage and not the process.
pub(crate) fn is_sound(passage: &Passage) -> bool {
    let whole = |start: u32, end: u32| {
        start < end
            && passage.text.is_char_boundary(start as usize)
            && passage.text.is_char_boundary(end as usize)
    };
    passage
        .segments
        .iter()
        .all(|segment| whole(segment.start, segment.end))
        && passage
            .segments
            .is_sorted_by(|one, next| one.end <= next.start)
        && passage.spans.iter().all(|span| whole(span.start, span.end))
        && passage
            .spans
            .is_sorted_by(|one, next| one.start <= next.start && one.end <= next.end)
}
