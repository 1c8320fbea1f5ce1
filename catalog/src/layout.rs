//! How a passage's section path, segments and boxes are stored: one compact value per passage.
//!
//! One byte of format, then postcard (variable-length integers, zigzag for signed ones). Places
//! are kept in tenths of a point, each as its difference from the word before, so that a word
//! takes about eight bytes instead of forty.

use domain::{BoundingBox, PageBox, Segment, SegmentKind, Span};
use serde::{Deserialize, Serialize};

use crate::error::CatalogError;

/// The first byte. Another number is another form.
const FORMAT: u8 = 1;

/// Steps per point.
const STEPS: f64 = 10.0;

/// Beyond this many points from the corner nothing is drawn (PDF allows 14,400).
const FARTHEST: f64 = 1_000_000.0;

/// A passage's parts beside its text.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Layout {
    pub(crate) section: Vec<String>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) spans: Vec<Span>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    section: Vec<String>,
    segments: Vec<StoredSegment>,
    spans: Vec<StoredSpan>,
}

/// Gap from the end of the segment before, length, kind, quote.
#[derive(Serialize, Deserialize)]
struct StoredSegment(u32, u32, u8, Option<String>);

/// Start after the end of the span before, length, page and left edge after the page and right
/// edge of the span before, top below the top before, width, height above the height before.
#[derive(Serialize, Deserialize)]
struct StoredSpan(u32, u32, i64, i64, i64, i64, i64);

/// The span before: what the next one is told from.
#[derive(Default)]
struct Pen {
    end: u32,
    page: i64,
    right: i64,
    top: i64,
    height: i64,
}

const KINDS: [SegmentKind; 7] = [
    SegmentKind::Heading,
    SegmentKind::Paragraph,
    SegmentKind::ListItem,
    SegmentKind::TableRow,
    SegmentKind::Caption,
    SegmentKind::Footnote,
    SegmentKind::FormField,
];

/// The value to store for a passage with this text.
///
/// # Errors
/// [`CatalogError::Invalid`] when segments or spans do not fit the text, or are not in order:
/// what is read back later must never point outside.
pub(crate) fn encode(
    text: &str,
    section: &[String],
    segments: &[Segment],
    spans: &[Span],
) -> Result<Vec<u8>, CatalogError> {
    if !fits(text, segments, spans) {
        return Err(CatalogError::Invalid {
            reason: "un pasaje tiene segmentos o recuadros que no corresponden a su texto",
        });
    }
    let mut end = 0;
    let stored_segments = segments
        .iter()
        .map(|segment| {
            let gap = segment.start - end;
            end = segment.end;
            let length = segment.end - segment.start;
            StoredSegment(
                gap,
                length,
                kind_number(segment.kind),
                segment.quote.clone(),
            )
        })
        .collect();
    let mut pen = Pen::default();
    let stored_spans = spans
        .iter()
        .map(|span| {
            let BoundingBox { x0, y0, x1, y1 } = span.place.bbox;
            let (left, top, right, bottom) = (steps(x0), steps(y0), steps(x1), steps(y1));
            let page = i64::from(span.place.page);
            let stored = StoredSpan(
                span.start - pen.end,
                span.end - span.start,
                page - pen.page,
                left - pen.right,
                top - pen.top,
                right - left,
                (bottom - top) - pen.height,
            );
            pen = Pen {
                end: span.end,
                page,
                right,
                top,
                height: bottom - top,
            };
            stored
        })
        .collect();
    let stored = Stored {
        section: section.to_vec(),
        segments: stored_segments,
        spans: stored_spans,
    };
    postcard::to_extend(&stored, vec![FORMAT]).map_err(|_| CatalogError::Invalid {
        reason: "un pasaje no se puede guardar",
    })
}

/// Reads a stored value back for the passage with this text.
///
/// # Errors
/// [`CatalogError::Damaged`] when it is of another form or does not fit the text.
pub(crate) fn decode(text: &str, bytes: &[u8]) -> Result<Layout, CatalogError> {
    read(bytes)
        .filter(|layout| fits(text, &layout.segments, &layout.spans))
        .ok_or(CatalogError::damaged(
            "los recuadros de un pasaje no se pueden leer",
        ))
}

fn read(bytes: &[u8]) -> Option<Layout> {
    let (&FORMAT, rest) = bytes.split_first()? else {
        return None;
    };
    let (stored, tail) = postcard::take_from_bytes::<Stored>(rest).ok()?;
    if !tail.is_empty() {
        return None;
    }
    let mut end = 0_u32;
    let mut segments = Vec::with_capacity(stored.segments.len());
    for StoredSegment(gap, length, kind, quote) in stored.segments {
        let start = end.checked_add(gap)?;
        end = start.checked_add(length)?;
        segments.push(Segment {
            start,
            end,
            kind: *KINDS.get(usize::from(kind))?,
            quote,
        });
    }
    let mut pen = Pen::default();
    let mut spans = Vec::with_capacity(stored.spans.len());
    for StoredSpan(gap, length, page, left, top, width, height) in stored.spans {
        let start = pen.end.checked_add(gap)?;
        let end = start.checked_add(length)?;
        let page = pen.page.checked_add(page)?;
        let left = pen.right.checked_add(left)?;
        let top = pen.top.checked_add(top)?;
        let right = left.checked_add(width)?;
        let height = pen.height.checked_add(height)?;
        let bottom = top.checked_add(height)?;
        let bbox = BoundingBox {
            x0: points(left),
            y0: points(top),
            x1: points(right),
            y1: points(bottom),
        };
        spans.push(Span {
            start,
            end,
            place: PageBox {
                page: u32::try_from(page).ok()?,
                bbox,
            },
        });
        pen = Pen {
            end,
            page,
            right,
            top,
            height,
        };
    }
    Some(Layout {
        section: stored.section,
        segments,
        spans,
    })
}

/// Whether segments and spans lie in order and apart on character boundaries of the text.
fn fits(text: &str, segments: &[Segment], spans: &[Span]) -> bool {
    in_order(
        text,
        segments.iter().map(|segment| (segment.start, segment.end)),
    ) && in_order(text, spans.iter().map(|span| (span.start, span.end)))
}

fn in_order(text: &str, mut ranges: impl Iterator<Item = (u32, u32)>) -> bool {
    let mut previous = 0;
    ranges.all(|(start, end)| {
        let fits = previous <= start
            && start <= end
            && text.is_char_boundary(start as usize)
            && text.is_char_boundary(end as usize);
        previous = end;
        fits
    })
}

fn kind_number(kind: SegmentKind) -> u8 {
    match kind {
        SegmentKind::Heading => 0,
        SegmentKind::Paragraph => 1,
        SegmentKind::ListItem => 2,
        SegmentKind::TableRow => 3,
        SegmentKind::Caption => 4,
        SegmentKind::Footnote => 5,
        SegmentKind::FormField => 6,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped; a cast of NaN gives 0"
)]
fn steps(points: f32) -> i64 {
    (f64::from(points).clamp(-FARTHEST, FARTHEST) * STEPS).round() as i64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a page is a few thousand steps wide"
)]
fn points(steps: i64) -> f32 {
    (steps as f64 / STEPS) as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Words of one to eight letters, each with a place, some of them accented.
    fn passages() -> impl Strategy<Value = (String, Vec<Segment>, Vec<Span>)> {
        let word = (
            "[a-zñá≤]{1,8}",
            0_u32..400,
            -50.0_f32..3000.0,
            -50.0_f32..3000.0,
            0.0_f32..200.0,
            0.0_f32..60.0,
        );
        prop::collection::vec((word, 0_u8..7, prop::option::of("[a-z ]{0,12}")), 0..40).prop_map(
            |words| {
                let (mut text, mut segments, mut spans) = (String::new(), Vec::new(), Vec::new());
                for ((letters, page, x0, y0, width, height), kind, quote) in words {
                    let start = u32::try_from(text.len()).unwrap();
                    text.push_str(&letters);
                    let end = u32::try_from(text.len()).unwrap();
                    text.push('\n');
                    let bbox = BoundingBox {
                        x0,
                        y0,
                        x1: x0 + width,
                        y1: y0 + height,
                    };
                    segments.push(Segment {
                        start,
                        end,
                        kind: KINDS[usize::from(kind)],
                        quote,
                    });
                    spans.push(Span {
                        start,
                        end,
                        place: PageBox { page, bbox },
                    });
                }
                (text, segments, spans)
            },
        )
    }

    proptest! {
        #[test]
        fn places_come_back_within_a_twentieth_of_a_point((text, segments, spans) in passages()) {
            let section = vec!["Tratamiento".to_owned(), "ICFEr".to_owned()];
            let bytes = encode(&text, &section, &segments, &spans).unwrap();
            let layout = decode(&text, &bytes).unwrap();
            prop_assert_eq!(&layout.section, &section);
            prop_assert_eq!(&layout.segments, &segments);
            prop_assert_eq!(layout.spans.len(), spans.len());
            for (read, given) in layout.spans.iter().zip(&spans) {
                prop_assert_eq!((read.start, read.end, read.place.page), (given.start, given.end, given.place.page));
                let (a, b) = (read.place.bbox, given.place.bbox);
                for (a, b) in [(a.x0, b.x0), (a.y0, b.y0), (a.x1, b.x1), (a.y1, b.y1)] {
                    // A thousandth more for what an f32 cannot tell at this size.
                    prop_assert!((a - b).abs() <= 0.051, "{} became {}", b, a);
                }
                prop_assert!(a.x0 <= a.x1 && a.y0 <= a.y1);
            }
            // Stored again it is the same, byte for byte.
            prop_assert_eq!(encode(&text, &layout.section, &layout.segments, &layout.spans).unwrap(), bytes);
        }

        #[test]
        fn garbage_is_refused_or_fits_the_text(mut bytes in prop::collection::vec(any::<u8>(), 0..200), text in "[a-zñ]{0,30}") {
            if let Some(first) = bytes.first_mut() {
                *first = FORMAT;
            }
            if let Ok(layout) = decode(&text, &bytes) {
                for segment in &layout.segments {
                    let _ = &text[segment.range()];
                }
                for span in &layout.spans {
                    let _ = &text[span.start as usize..span.end as usize];
                }
            }
        }

        #[test]
        fn a_cut_value_is_refused((text, segments, spans) in passages(), keep in 0.0_f64..1.0) {
            let bytes = encode(&text, &[], &segments, &spans).unwrap();
            let kept = (bytes.len() as f64 * keep) as usize;
            prop_assert!(decode(&text, &bytes[..kept]).is_err());
        }
    }

    #[test]
    fn a_segment_outside_the_text_is_never_stored() {
        let segment = |start, end| Segment {
            start,
            end,
            kind: SegmentKind::Paragraph,
            quote: None,
        };
        assert!(encode("dosis", &[], &[segment(0, 6)], &[]).is_err());
        assert!(encode("ñ", &[], &[segment(0, 1)], &[]).is_err());
        assert!(encode("uno dos", &[], &[segment(0, 5), segment(4, 7)], &[]).is_err());
    }

    #[test]
    fn an_unknown_form_is_refused_with_what_to_do() {
        let refused = decode("", &[9, 0, 0, 0]).unwrap_err();
        assert_eq!(refused.code(), "catalog_damaged");
    }
}
