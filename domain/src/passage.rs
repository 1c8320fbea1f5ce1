//! A passage: what is indexed, ranked, shown and cited, with the place of each of its words.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{DocumentId, Language, PassageId, VersionId};

/// A rectangle in points (1/72 inch) from the top left corner of the page, after the page's own
/// rotation; `x0 <= x1` and `y0 <= y1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoundingBox {
    /// Left edge.
    pub x0: f32,
    /// Top edge.
    pub y0: f32,
    /// Right edge.
    pub x1: f32,
    /// Bottom edge.
    pub y1: f32,
}

impl BoundingBox {
    /// The smallest rectangle that holds both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self {
            x0: self.x0.min(other.x0),
            y0: self.y0.min(other.y0),
            x1: self.x1.max(other.x1),
            y1: self.y1.max(other.y1),
        }
    }

    /// Height in points.
    #[must_use]
    pub fn height(self) -> f32 {
        self.y1 - self.y0
    }

    /// Whether both stand on one line of text: they share at least half of the lower one's height.
    #[must_use]
    pub fn same_line(self, other: Self) -> bool {
        let shared = self.y1.min(other.y1) - self.y0.max(other.y0);
        shared > 0.5 * self.height().min(other.height())
    }
}

/// A rectangle on a numbered page.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PageBox {
    /// Page number, from 1.
    pub page: u32,
    /// Where on it.
    pub bbox: BoundingBox,
}

/// Where a word (or run of words on one line) of a passage's text stands in the document.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// First byte in the passage's text.
    pub start: u32,
    /// Byte after the last in the passage's text.
    pub end: u32,
    /// Page and rectangle.
    pub place: PageBox,
}

/// What a segment of a passage is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SegmentKind {
    /// A heading that the passage repeats or contains.
    Heading,
    /// Running text; may hold several sentences.
    Paragraph,
    /// One item of a list; may hold several sentences.
    ListItem,
    /// One data row of a table, each value after its header's name.
    TableRow,
    /// The caption of a table or figure.
    Caption,
    /// A note at the foot of a page or table.
    Footnote,
    /// A label and value of a form.
    FormField,
}

/// A stretch of a passage that must stay whole when it is read: a paragraph, a list item, a row.
/// Segments are in order, do not overlap, and are separated by `\n` in the passage's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// First byte in the passage's text.
    pub start: u32,
    /// Byte after the last in the passage's text.
    pub end: u32,
    /// What it is.
    pub kind: SegmentKind,
    /// The words exactly as they stand in the document, where the text adds to them: a table
    /// row's cells joined by single spaces, without the header names that the text repeats.
    /// `None` where the text itself stands in the document.
    pub quote: Option<String>,
}

impl Segment {
    /// The bytes of the passage's text that it covers.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Words as they stand on one page (or in a document without pages), and where.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedQuote {
    /// The words, exactly as in the document's text.
    pub text: String,
    /// The page, from 1; `None` for formats without pages.
    pub page: Option<u32>,
    /// One rectangle per line of text; empty for formats without pages.
    pub boxes: Vec<PageBox>,
}

/// A stretch of a document that is indexed, ranked and cited as one.
#[derive(Clone, PartialEq)]
pub struct Passage {
    /// Identity, made from version, ordinal and text.
    pub id: PassageId,
    /// The document it belongs to.
    pub document_id: DocumentId,
    /// The version it belongs to.
    pub version_id: VersionId,
    /// Its place among the passages of the version, from 0.
    pub ordinal: u32,
    /// The headings above it, outermost first.
    pub section: Vec<String>,
    /// Its text: segments joined by `\n`.
    pub text: String,
    /// Its language.
    pub language: Language,
    /// Its segments, in order.
    pub segments: Vec<Segment>,
    /// The places of its words, in order of `start`; empty for formats without pages.
    pub spans: Vec<Span>,
}

impl Passage {
    /// The pages it stands on, in order, each once. Empty for formats without pages.
    #[must_use]
    pub fn pages(&self) -> Vec<u32> {
        let mut pages: Vec<u32> = self.spans.iter().map(|span| span.place.page).collect();
        pages.sort_unstable();
        pages.dedup();
        pages
    }

    /// The rectangles of the words in `range` (bytes of the text), one for each line of text.
    #[must_use]
    pub fn boxes(&self, range: Range<usize>) -> Vec<PageBox> {
        let mut lines: Vec<PageBox> = Vec::new();
        for span in self.spans_in(&range) {
            match lines.last_mut() {
                Some(line)
                    if line.page == span.place.page
                        && line.bbox.same_line(span.place.bbox)
                        // A jump to the left on the same height is another column, not this line.
                        && span.place.bbox.x0 >= line.bbox.x0 - 1.0
                        && span.place.bbox.x0 - line.bbox.x1 < 3.0 * line.bbox.height() =>
                {
                    line.bbox = line.bbox.union(span.place.bbox);
                }
                _ => lines.push(span.place),
            }
        }
        lines
    }

    /// The words of `range` as they stand in the document, one quote per page: a sentence that
    /// runs over a page break is two quotations, each of which stands on its page.
    #[must_use]
    pub fn quotes(&self, range: Range<usize>) -> Vec<PlacedQuote> {
        let whole = |page| PlacedQuote {
            text: self.text[range.clone()].trim().to_owned(),
            page,
            boxes: self.boxes(range.clone()),
        };
        let mut pages: Vec<(u32, Range<usize>)> = Vec::new();
        for span in self.spans_in(&range) {
            match pages.last_mut() {
                Some((page, covered)) if *page == span.place.page => {
                    covered.end = span.end as usize
                }
                _ => pages.push((span.place.page, span.start as usize..span.end as usize)),
            }
        }
        match pages.as_slice() {
            [] => vec![whole(None)],
            [(page, _)] => vec![whole(Some(*page))],
            _ => pages
                .into_iter()
                .map(|(page, covered)| {
                    let start = covered.start.max(range.start);
                    let end = covered.end.min(range.end);
                    PlacedQuote {
                        text: self.text[start..end].trim().to_owned(),
                        page: Some(page),
                        boxes: self.boxes(start..end),
                    }
                })
                .collect(),
        }
    }

    /// The quotes of a whole segment: for a table row the cells as they stand on the page.
    #[must_use]
    pub fn segment_quotes(&self, segment: &Segment) -> Vec<PlacedQuote> {
        let Some(quote) = &segment.quote else {
            return self.quotes(segment.range());
        };
        let boxes = self.boxes(segment.range());
        vec![PlacedQuote {
            text: quote.clone(),
            page: boxes.first().map(|place| place.page),
            boxes,
        }]
    }

    fn spans_in(&self, range: &Range<usize>) -> impl Iterator<Item = &Span> {
        let first = self
            .spans
            .partition_point(|span| span.end as usize <= range.start);
        let end = range.end;
        self.spans[first..]
            .iter()
            .take_while(move |span| (span.start as usize) < end)
    }
}

/// Text is told by its length: a passage's words never reach a log by way of `{:?}`.
impl fmt::Debug for Passage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passage")
            .field("id", &self.id)
            .field("document_id", &self.document_id)
            .field("ordinal", &self.ordinal)
            .field("language", &self.language)
            .field("chars", &self.text.chars().count())
            .field("segments", &self.segments.len())
            .field("spans", &self.spans.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(start: u32, end: u32, page: u32, x0: f32, y0: f32) -> Span {
        let bbox = BoundingBox {
            x0,
            y0,
            x1: x0 + 20.0,
            y1: y0 + 10.0,
        };
        Span {
            start,
            end,
            place: PageBox { page, bbox },
        }
    }

    fn passage(text: &str, spans: Vec<Span>) -> Passage {
        let version_id = VersionId::generate();
        Passage {
            id: PassageId::of(version_id, 0, text),
            document_id: DocumentId::generate(),
            version_id,
            ordinal: 0,
            section: vec![],
            text: text.to_owned(),
            language: Language::Spanish,
            segments: vec![],
            spans,
        }
    }

    #[test]
    fn the_boxes_of_a_quote_are_one_for_each_line_of_text() {
        let passage = passage(
            "uno dos tres",
            vec![
                word(0, 3, 1, 10.0, 100.0),
                word(4, 7, 1, 34.0, 100.5),
                word(8, 12, 1, 10.0, 114.0),
            ],
        );
        let boxes = passage.boxes(0..12);
        assert_eq!(boxes.len(), 2);
        assert_eq!((boxes[0].bbox.x0, boxes[0].bbox.x1), (10.0, 54.0));
        assert_eq!(passage.boxes(4..7).len(), 1);
    }

    #[test]
    fn a_sentence_over_a_page_break_is_quoted_once_for_each_page() {
        let passage = passage(
            "uno dos tres",
            vec![
                word(0, 3, 4, 10.0, 700.0),
                word(4, 7, 5, 10.0, 60.0),
                word(8, 12, 5, 34.0, 60.0),
            ],
        );
        let quotes = passage.quotes(0..12);
        assert_eq!(quotes.len(), 2);
        assert_eq!((quotes[0].text.as_str(), quotes[0].page), ("uno", Some(4)));
        assert_eq!(
            (quotes[1].text.as_str(), quotes[1].page),
            ("dos tres", Some(5))
        );
    }

    #[test]
    fn a_format_without_pages_has_a_quote_without_a_page() {
        let quotes = passage("uno dos", vec![]).quotes(0..7);
        assert_eq!(
            (quotes.len(), quotes[0].page, quotes[0].boxes.len()),
            (1, None, 0)
        );
    }
}
