//! What must not be parted: a heading, a paragraph or its sentences, an item, a row of a table.

use domain::{PageBox, SegmentKind, Span, sentences};

use super::ChunkConfig;
use crate::extracted::verbatim_row;
use crate::scripts::is_superscript_digit;
use crate::table::{RowPart, row_parts};
use crate::{Block, BlockKind, Extracted, TokenCounter, Word};

/// A piece of text with what the packer needs to know of it.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) kind: UnitKind,
    pub(super) text: String,
    pub(super) quote: Option<String>,
    /// Ranges of `text`.
    pub(super) spans: Vec<Span>,
    pub(super) tokens: usize,
}

/// What a unit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnitKind {
    /// A heading of this level, from 1.
    Heading(u8),
    /// Running text and what is packed with it.
    Flow(SegmentKind),
    /// The caption of the table that follows.
    TableCaption,
    /// A row of a table; `true` for the first of its table.
    Row(bool),
    /// A note, which stands behind the text of its section.
    Note,
}

/// No tokenizer is given more than this at once, in bytes.
const MAX_UNIT_BYTES: usize = 8_000;

/// The units of a document, in reading order.
pub(super) fn units(
    extracted: &Extracted,
    config: &ChunkConfig,
    counter: &dyn TokenCounter,
) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    // Whether the last unit of running text is the end of its page.
    let mut open_end = false;
    for page in &extracted.pages {
        let number = extracted.has_pages.then_some(page.number);
        let body: Vec<&Block> = page
            .blocks
            .iter()
            .filter(|block| !matches!(block.kind, BlockKind::Header | BlockKind::Footer))
            .filter(|block| block.text.chars().any(char::is_alphanumeric))
            .filter(|block| !is_contents_entry(&block.text))
            .collect();
        let last_flow = body.iter().rposition(|block| is_flow(block.kind));
        let mut first = true;
        for (index, block) in body.iter().enumerate() {
            if block.kind == BlockKind::Table {
                let captioned = caption_before(&mut units);
                let after = body
                    .get(index + 1)
                    .filter(|next| !captioned && next.kind == BlockKind::Caption);
                if let Some(caption) = after {
                    let mut unit = text_unit(caption, UnitKind::TableCaption, number);
                    unit.tokens = counter.count(&unit.text);
                    units.push(unit);
                }
                units.extend(row_units(block, number, counter));
                (open_end, first) = (false, false);
                continue;
            }
            let behind_table = index > 0
                && body[index - 1].kind == BlockKind::Table
                && block.kind == BlockKind::Caption;
            if behind_table
                && units
                    .iter()
                    .any(|unit| unit.kind == UnitKind::TableCaption && unit.text == block.text)
            {
                continue;
            }
            let kind = match block.kind {
                BlockKind::Heading => UnitKind::Heading(block.level.unwrap_or(1)),
                BlockKind::ListItem => UnitKind::Flow(SegmentKind::ListItem),
                BlockKind::Caption => UnitKind::Flow(SegmentKind::Caption),
                BlockKind::FormField => UnitKind::Flow(SegmentKind::FormField),
                BlockKind::Footnote => UnitKind::Note,
                _ => UnitKind::Flow(SegmentKind::Paragraph),
            };
            let unit = text_unit(block, kind, number);
            let parted = extracted.has_pages
                && index > 0
                && body[index - 1].kind == BlockKind::Paragraph
                && is_cut(&body[index - 1].text)
                && block.text.starts_with(char::is_lowercase);
            let goes_on = block.kind == BlockKind::Paragraph && (open_end && first || parted);
            match units
                .iter_mut()
                .rfind(|unit| unit.kind != UnitKind::Note)
                .filter(|last| {
                    goes_on
                        && matches!(last.kind, UnitKind::Flow(_))
                        && continues(&last.text, &unit.text)
                }) {
                Some(last) => append(last, unit),
                None => units.push(unit),
            }
            first = first && block.kind == BlockKind::Footnote;
            if is_flow(block.kind) {
                open_end = last_flow == Some(index);
            } else if block.kind == BlockKind::Heading {
                open_end = false;
            }
        }
    }
    units
        .into_iter()
        .flat_map(|unit| divided(unit, config, counter))
        .collect()
}

fn is_flow(kind: BlockKind) -> bool {
    matches!(kind, BlockKind::Paragraph | BlockKind::ListItem)
}

/// A line of a table of contents: dots that lead to a page number.
fn is_contents_entry(text: &str) -> bool {
    let dots = text.contains(".....") || text.contains(". . . . .") || text.contains("……");
    dots && text
        .trim_end()
        .ends_with(|c: char| c.is_ascii_digit() || matches!(c, 'i' | 'v' | 'x'))
}

/// Makes the caption that stands before a table the table's own.
fn caption_before(units: &mut [Unit]) -> bool {
    match units.last_mut() {
        Some(last) if last.kind == UnitKind::Flow(SegmentKind::Caption) => {
            last.kind = UnitKind::TableCaption;
            true
        }
        _ => false,
    }
}

/// Whether a paragraph of the page before goes on with `next`.
fn continues(last: &str, next: &str) -> bool {
    let ended = last.ends_with(['.', '!', '?', ':', ';', '»', '…']);
    let small = next.starts_with(|c: char| c.is_lowercase() || c.is_ascii_digit() || c == '(');
    !ended && small && !next.starts_with(is_superscript_digit)
}

/// Whether a paragraph stops in the middle of a sentence: at the foot of a column, or around a
/// figure. A short line without a stop may be a line of its own.
fn is_cut(text: &str) -> bool {
    const OPEN_WORDS: &[&str] = &[
        "a", "al", "ante", "con", "de", "del", "desde", "durante", "e", "el", "en", "entre",
        "hasta", "la", "las", "lo", "los", "más", "menos", "ni", "no", "o", "para", "por", "que",
        "se", "si", "sin", "sobre", "su", "sus", "tras", "un", "una", "y", "amb", "els", "les",
        "i", "per", "eta", "edo", "na", "nas", "no", "nos", "da", "das", "do", "dos", "the", "of",
        "and", "or", "to",
    ];
    let text = text.trim_end();
    let last = text.split_whitespace().next_back().unwrap_or_default();
    text.ends_with(',')
        || OPEN_WORDS.contains(&last)
        || (text.chars().count() > 60 && !text.ends_with(['.', '!', '?', ':', ';', '»', '…', ')']))
}

fn append(last: &mut Unit, next: Unit) {
    last.text.push(' ');
    let shift = last.text.len() as u32;
    last.text.push_str(&next.text);
    last.spans.extend(next.spans.into_iter().map(|span| Span {
        start: span.start + shift,
        end: span.end + shift,
        ..span
    }));
}

fn span(word: &Word, shift: u32, page: u32) -> Span {
    Span {
        start: word.start + shift,
        end: word.end + shift,
        place: PageBox {
            page,
            bbox: word.bbox,
        },
    }
}

fn text_unit(block: &Block, kind: UnitKind, page: Option<u32>) -> Unit {
    let spans = match page {
        Some(page) => block.words.iter().map(|word| span(word, 0, page)).collect(),
        None => Vec::new(),
    };
    Unit {
        kind,
        text: block.text.clone(),
        quote: None,
        spans,
        tokens: 0,
    }
}

fn row_units(block: &Block, page: Option<u32>, counter: &dyn TokenCounter) -> Vec<Unit> {
    let rows = block.rows.as_deref().unwrap_or_default();
    let parts = row_parts(block);
    let mut units: Vec<Unit> = Vec::new();
    for (parts, row) in parts
        .iter()
        .zip(rows.iter().skip(block.header_rows as usize))
    {
        let verbatim = verbatim_row(row);
        if verbatim.is_empty() {
            continue;
        }
        let (text, spans) = row_text(parts, page);
        units.push(Unit {
            kind: UnitKind::Row(units.is_empty()),
            tokens: counter.count(&text),
            quote: (verbatim != text).then_some(verbatim),
            text,
            spans,
        });
    }
    if units.is_empty() && !block.text.is_empty() {
        // A table that is all header is still read.
        for row in rows {
            let parts: Vec<RowPart<'_>> = row
                .iter()
                .filter(|c| !c.text.is_empty())
                .map(|cell| RowPart { name: "", cell })
                .collect();
            let (text, spans) = row_text(&parts, page);
            if !text.is_empty() {
                let tokens = counter.count(&text);
                let kind = UnitKind::Row(units.is_empty());
                units.push(Unit {
                    kind,
                    text,
                    quote: None,
                    spans,
                    tokens,
                });
            }
        }
    }
    units
}

/// A row's text as [`crate::table::row_text`] tells it, with the places of the cells' words.
fn row_text(parts: &[RowPart<'_>], page: Option<u32>) -> (String, Vec<Span>) {
    let text = crate::table::row_text(parts);
    let mut spans = Vec::new();
    let named = parts.iter().any(|part| !part.name.is_empty());
    let mut at = 0;
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            at += if named { 2 } else { 1 };
        }
        if !part.name.is_empty() {
            at += part.name.len() + 2;
        }
        if let Some(page) = page {
            spans.extend(
                part.cell
                    .words
                    .iter()
                    .map(|word| span(word, at as u32, page)),
            );
        }
        at += part.cell.text.len();
    }
    (text, spans)
}

/// Counts the unit, and cuts it at sentences where it is longer than a passage may be.
fn divided(mut unit: Unit, config: &ChunkConfig, counter: &dyn TokenCounter) -> Vec<Unit> {
    if unit.tokens == 0 && unit.text.len() <= MAX_UNIT_BYTES {
        unit.tokens = counter.count(&unit.text);
    }
    let whole = matches!(
        unit.kind,
        UnitKind::Heading(_) | UnitKind::Row(_) | UnitKind::TableCaption
    );
    if whole || (unit.text.len() <= MAX_UNIT_BYTES && unit.tokens <= config.max_tokens) {
        return vec![unit];
    }
    let mut pieces: Vec<(usize, usize, usize)> = Vec::new();
    for range in sentences(&unit.text) {
        for (start, end) in bounded(&unit.text, range.start, range.end) {
            let tokens = counter.count(&unit.text[start..end]);
            match pieces.last_mut() {
                Some((_, last, sum)) if *sum + tokens <= config.target_tokens => {
                    *last = end;
                    *sum += tokens;
                }
                _ => pieces.push((start, end, tokens)),
            }
        }
    }
    pieces
        .into_iter()
        .map(|(start, end, tokens)| Unit {
            kind: unit.kind,
            text: unit.text[start..end].to_owned(),
            quote: None,
            spans: unit
                .spans
                .iter()
                .filter(|span| span.start as usize >= start && span.end as usize <= end)
                .map(|span| Span {
                    start: span.start - start as u32,
                    end: span.end - start as u32,
                    ..*span
                })
                .collect(),
            tokens,
        })
        .collect()
}

/// A stretch cut at white space where it is longer than any sentence.
fn bounded(text: &str, start: usize, end: usize) -> Vec<(usize, usize)> {
    let mut pieces = Vec::new();
    let mut from = start;
    while end - from > MAX_UNIT_BYTES {
        let mut limit = from + MAX_UNIT_BYTES;
        while !text.is_char_boundary(limit) {
            limit -= 1;
        }
        let cut = text[from..limit]
            .rfind(char::is_whitespace)
            .filter(|cut| *cut > 0);
        let to = cut.map_or(limit, |cut| from + cut);
        pieces.push((from, to));
        from = to + text[to..end].len() - text[to..end].trim_start().len();
    }
    if from < end {
        pieces.push((from, end));
    }
    pieces
}
