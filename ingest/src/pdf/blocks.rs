//! From the rows of a region to blocks: paragraphs, items, headings, captions, notes, tables.

use domain::{BoundingBox, fold};

use super::aligned::{Piece, is_leader, pieces};
use super::columns::{Item, regions};
use super::grid::{Grid, GridCell, take_grids};
use super::join::join;
use super::style::Style;
use super::symbols::is_list_marker;
use super::words::{Frame, Row};
use crate::scripts::is_superscript_digit;
use crate::table::table_block;
use crate::{Block, BlockKind, Cell};

/// A block, and what its look tells.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) block: Block,
    /// Type size.
    pub(super) size: f32,
    pub(super) bold: bool,
    /// Where the columns of a table begin and end.
    pub(super) xs: Vec<f32>,
}

/// The blocks of the rows of a frame, in reading order.
pub(super) fn blocks(frame: &Frame, mut rows: Vec<Row>, style: &Style) -> Vec<Draft> {
    let grids = take_grids(&mut rows, &frame.rules);
    let mut items: Vec<Item> = rows.into_iter().map(Item::Row).collect();
    items.extend(grids.into_iter().map(Item::Grid));
    let mut drafts = Vec::new();
    for region in regions(items, style.body_size) {
        let mut plain = Vec::new();
        for item in region {
            match item {
                Item::Row(row) => plain.push(row),
                Item::Grid(grid) => {
                    region_blocks(std::mem::take(&mut plain), frame, style, &mut drafts);
                    drafts.push(table(&grid, frame, style));
                }
            }
        }
        region_blocks(plain, frame, style, &mut drafts);
    }
    drafts
}

fn region_blocks(rows: Vec<Row>, frame: &Frame, style: &Style, drafts: &mut Vec<Draft>) {
    if rows.is_empty() {
        return;
    }
    for piece in pieces(rows, &frame.rules, style) {
        match piece {
            Piece::Table(grid) => drafts.push(table(&grid, frame, style)),
            Piece::Rows(rows) => {
                let right = rows.iter().fold(f32::MIN, |x, row| x.max(row.bbox.x1));
                let left = rows.iter().fold(f32::MAX, |x, row| x.min(row.bbox.x0));
                let mut groups = Groups {
                    style,
                    left,
                    right,
                    groups: Vec::new(),
                };
                rows.into_iter().for_each(|row| groups.push(row));
                for group in groups.groups {
                    drafts.push(text_block(&group, frame, style));
                }
            }
        }
    }
}

/// Rows that are read as one.
struct Group {
    rows: Vec<Row>,
    bold: bool,
    marked: bool,
}

struct Groups<'a> {
    style: &'a Style,
    left: f32,
    right: f32,
    groups: Vec<Group>,
}

impl Groups<'_> {
    fn push(&mut self, row: Row) {
        let bold = self.style.is_bold(&row.words);
        let marked = row.words.len() > 1 && is_list_marker(&row.words[0].text);
        let apart = self
            .groups
            .last()
            .is_none_or(|group| self.apart(group, &row, bold, marked));
        match self.groups.last_mut().filter(|_| !apart) {
            Some(group) => {
                group.bold &= bold;
                group.rows.push(row);
            }
            None => self.groups.push(Group {
                rows: vec![row],
                bold,
                marked,
            }),
        }
    }

    /// Whether `row` begins something new after `group`.
    fn apart(&self, group: &Group, row: &Row, bold: bool, marked: bool) -> bool {
        let Some(last) = group.rows.last() else {
            return true;
        };
        let size = last.size.max(row.size);
        let step = row.baseline - last.baseline;
        if step > 1.22 * self.style.leading * size || step < -0.5 * size {
            return true;
        }
        if (row.size - last.size).abs() > 0.08 * size || marked {
            return true;
        }
        let width = self.right - self.left;
        let short = last.bbox.x1 < self.right - 0.12 * width;
        let last_word = last.words.last().map_or("", |word| word.text.as_str());
        let ended = last_word.ends_with(['.', ':', ';', '!', '?', '»', ')']);
        // A line of a table of contents is one by itself.
        if last.words.iter().any(|word| is_leader(&word.text)) {
            return true;
        }
        if group.bold != bold && (short || ended) && (group.bold || short) && starts_sentence(row) {
            return true;
        }
        // A title number at the beginning of a bold line.
        if bold && group.bold && starts_with_number(row) && !starts_inside(&group.rows, row) {
            return true;
        }
        let first = group.rows.first().unwrap_or(last);
        if group.marked {
            // Back to the left of the item's mark, or level with it after a hanging indent.
            let hanging = group.rows.len() > 1 && last.bbox.x0 > first.bbox.x0 + 0.5 * size;
            if hanging && row.bbox.x0 < first.bbox.x0 + 0.3 * size {
                return true;
            }
            if group.rows.len() == 1 && row.bbox.x0 < first.bbox.x0 + 0.3 * size && (short || ended)
            {
                return short && starts_sentence(row);
            }
            return false;
        }
        // A term and its explanation under a hanging indent.
        let hanging = group.rows.len() > 1 && last.bbox.x0 > first.bbox.x0 + 0.6 * size;
        if hanging && row.bbox.x0 < first.bbox.x0 + 0.3 * size {
            return true;
        }
        if row.bbox.x0 > last.bbox.x0 + 0.8 * size && ended && group.rows.len() > 1 {
            return true;
        }
        let very_short = last.bbox.x1 < self.right - 0.3 * width;
        (short && ended && starts_sentence(row))
            || (very_short && starts_sentence(row) && ended)
            || (very_short && starts_line(row))
    }
}

fn starts_sentence(row: &Row) -> bool {
    row.words[0]
        .text
        .chars()
        .find(|c| c.is_alphanumeric())
        .is_some_and(|c| !c.is_lowercase())
}

/// Whether a row after a much shorter one begins with a capital letter, as lines of their own do.
fn starts_line(row: &Row) -> bool {
    row.words[0]
        .text
        .chars()
        .next()
        .is_some_and(char::is_uppercase)
}

fn starts_inside(rows: &[Row], row: &Row) -> bool {
    rows.first()
        .is_some_and(|first| row.bbox.x0 > first.bbox.x0 + 0.8 * row.size)
}

/// `4`, `4.2`, `4.2.1.` before words.
fn starts_with_number(row: &Row) -> bool {
    row.words.len() > 1 && section_number(&row.words[0].text).is_some()
}

/// How many parts a section's number has: 2 for `4.2` or `4.2.`.
pub(super) fn section_number(word: &str) -> Option<u8> {
    let parts: Vec<&str> = word.strip_suffix('.').unwrap_or(word).split('.').collect();
    let numbers = parts.iter().all(|part| {
        !part.is_empty() && part.len() <= 2 && part.bytes().all(|b| b.is_ascii_digit())
    });
    (numbers && parts.len() <= 6).then_some(parts.len() as u8)
}

fn text_block(group: &Group, frame: &Frame, style: &Style) -> Draft {
    let (text, words) = join(&group.rows, frame, style);
    let size = group.rows.iter().map(|row| row.size).fold(0.0, f32::max);
    let bbox = group
        .rows
        .iter()
        .map(|row| row.bbox)
        .reduce(BoundingBox::union);
    let kind = kind(group, &text, size, bbox, frame, style);
    Draft {
        block: Block {
            kind,
            level: (kind == BlockKind::Heading).then_some(1),
            text,
            bbox: bbox.map(|bbox| frame.on_page(bbox)),
            rows: None,
            header_rows: 0,
            headers: Vec::new(),
            words,
        },
        size,
        bold: group.bold,
        xs: Vec::new(),
    }
}

fn kind(
    group: &Group,
    text: &str,
    size: f32,
    bbox: Option<BoundingBox>,
    frame: &Frame,
    style: &Style,
) -> BlockKind {
    let first = group.rows[0].words[0].text.as_str();
    if is_caption(text) && (group.rows.len() <= 4) {
        return BlockKind::Caption;
    }
    if is_heading(group, text, size, style) {
        return BlockKind::Heading;
    }
    let height = frame.page.y1 - frame.page.y0;
    let low = bbox.is_some_and(|bbox| bbox.y0 > frame.page.y0 + 0.5 * height);
    let noted = first.starts_with(is_superscript_digit)
        || first.starts_with(['*', '†', '‡'])
        || (first.len() <= 3 && first.ends_with(')') && group.marked);
    if low && noted && size < 0.95 * style.body_size {
        return BlockKind::Footnote;
    }
    if group.marked {
        BlockKind::ListItem
    } else {
        BlockKind::Paragraph
    }
}

fn is_heading(group: &Group, text: &str, size: f32, style: &Style) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let length = text.chars().count();
    if letters < 2 || length > 180 || group.rows.len() > 4 || text.contains(".....") {
        return false;
    }
    let numbered = starts_with_number(&group.rows[0]);
    let bulleted = group.marked && !numbered && !text.starts_with(|c: char| c.is_alphanumeric());
    if bulleted {
        return false;
    }
    let ends = text.ends_with(['.', ';', ',']) && !text.ends_with("etc.");
    if size >= 1.13 * style.body_size {
        return !ends || (length <= 80 && group.rows.len() <= 2);
    }
    if size < 0.95 * style.body_size {
        return false;
    }
    let capitals = text.chars().filter(|c| c.is_uppercase()).count();
    let shouted = capitals == letters && letters >= 6 && group.rows.len() <= 2 && length <= 100;
    // A bold sentence that leads to a list is something to read and to quote.
    let leads = text.ends_with(':') && length > 50;
    (group.bold && group.rows.len() <= 3 && !ends && !leads && length <= 140)
        || (shouted && !ends && !group.marked)
}

/// `Tabla 3. Dosis`, `Figura 2:`
fn is_caption(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let (Some(first), Some(second)) = (words.next(), words.next()) else {
        return false;
    };
    let named = matches!(
        fold(first.trim_end_matches('.')).as_str(),
        "tabla"
            | "cuadro"
            | "figura"
            | "fig"
            | "grafico"
            | "table"
            | "figure"
            | "taula"
            | "quadre"
            | "taboa"
            | "cadro"
            | "irudia"
            | "esquema"
            | "algoritmo"
    );
    let number = second.trim_end_matches(['.', ':', ')', '-', '–']);
    let counted = !number.is_empty()
        && number.len() <= 5
        && number
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | '-' | 'I' | 'V' | 'X'));
    // «La Tabla 3 muestra…» begins otherwise; «Tabla 3 muestra» has no mark and goes on long.
    let marked = second.ends_with([':', '.', ')']) || words.next().is_none_or(starts_title);
    first.starts_with(char::is_uppercase) && named && counted && marked
}

fn starts_title(word: &str) -> bool {
    word.starts_with(|c: char| c.is_uppercase() || matches!(c, '-' | '–' | '—' | '|' | ':'))
}

fn table(grid: &Grid, frame: &Frame, style: &Style) -> Draft {
    let header_rows = header_rows(grid, style);
    let mut size = 0.0_f32;
    let rows: Vec<Vec<Cell>> = grid
        .cells
        .iter()
        .map(|line| {
            line.iter()
                .map(|cell| {
                    let (text, words) = join(&cell.rows, frame, style);
                    size = cell.rows.iter().fold(size, |size, row| size.max(row.size));
                    Cell {
                        text,
                        row_span: cell.row_span as u32,
                        column_span: cell.column_span as u32,
                        column: cell.column as u32,
                        bbox: Some(frame.on_page(cell.bbox)),
                        words,
                    }
                })
                .collect()
        })
        .collect();
    let block = table_block(rows, header_rows, Some(frame.on_page(grid.bbox)));
    Draft {
        block,
        size,
        bold: false,
        xs: grid.xs.clone(),
    }
}

/// Whether a cell holds a value rather than a name: digits, few letters.
fn is_numeric(rows: &[Row]) -> bool {
    let (mut digits, mut letters) = (0, 0);
    for c in rows
        .iter()
        .flat_map(|row| &row.words)
        .flat_map(|word| word.text.chars())
    {
        digits += usize::from(c.is_ascii_digit());
        letters += usize::from(c.is_alphabetic());
    }
    digits > 0 && letters <= 2 * digits + 4
}

/// How many of the first rows are words above columns of numbers. Only the first may have a word
/// over the column of row names.
fn words_above_numbers(grid: &Grid) -> usize {
    let lines = &grid.cells;
    let filled = |cell: &&GridCell| !cell.rows.is_empty();
    let count = lines
        .iter()
        .enumerate()
        .take_while(|(index, line)| {
            let own = line
                .iter()
                .find(|cell| cell.column == 0)
                .is_some_and(|cell| !cell.rows.is_empty());
            (*index == 0 || !own)
                && line
                    .iter()
                    .filter(filled)
                    .all(|cell| !is_numeric(&cell.rows))
                && line
                    .iter()
                    .filter(|cell| cell.column > 0)
                    .all(|cell| !cell.rows.is_empty())
        })
        .count();
    let below = &lines[count..];
    let numbers = below
        .iter()
        .filter(|line| {
            line.iter()
                .any(|cell| cell.column > 0 && is_numeric(&cell.rows))
        })
        .count();
    let columns = grid.xs.len() - 1;
    if columns > 1 && numbers > 0 && 2 * numbers >= below.len() {
        count
    } else {
        0
    }
}

/// How many of the first rows name the columns: bold ones above others, or words above numbers.
fn header_rows(grid: &Grid, style: &Style) -> usize {
    let lines = &grid.cells;
    if lines.len() < 2 {
        return 0;
    }
    let bold = |line: &Vec<GridCell>| {
        let mut filled = line.iter().filter(|cell| !cell.rows.is_empty()).peekable();
        filled.peek().is_some()
            && filled.all(|cell| cell.rows.iter().all(|row| style.is_bold(&row.words)))
    };
    let mut count = lines.iter().take_while(|line| bold(line)).count();
    if count == lines.len() {
        count = 0;
    }
    if count == 0 {
        count = words_above_numbers(grid);
    }
    // A header cell that reaches down takes the rows beside it along.
    let reach = lines
        .iter()
        .take(count)
        .enumerate()
        .flat_map(|(row, line)| line.iter().map(move |cell| row + cell.row_span))
        .max()
        .unwrap_or(0);
    count.max(reach).min(lines.len() - 1)
}
