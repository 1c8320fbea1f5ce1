//! The rows and cells of a table while the walk is inside it.

use scraper::node::Element;

use crate::flow::{Flow, cell};
use crate::{BlockKind, Cell};

/// A cell never covers more places than this.
const MAX_SPAN: u32 = 1000;

/// Collects the cells of one table; a table inside a cell is text of that cell.
#[derive(Default)]
pub(super) struct TableReader {
    depth: u32,
    caption: String,
    rows: Vec<Vec<Cell>>,
    /// For each row: whether its cells are all headers, whether they are all bold.
    looks: Vec<(bool, bool)>,
    head_rows: usize,
    in_head: bool,
    /// Row and column span of the open cell.
    open: Option<(u32, u32)>,
    light: usize,
    heavy: usize,
    done: bool,
}

impl TableReader {
    /// Enters an element with the text read so far; gives back text that is not yet a cell.
    pub(super) fn open(&mut self, element: &Element, text: String) -> Option<String> {
        let name = element.name();
        if name == "table" {
            self.depth += 1;
            return Some(text);
        }
        if self.depth > 0 {
            return Some(if matches!(name, "td" | "th" | "tr") {
                text + " "
            } else {
                text
            });
        }
        match name {
            "thead" => self.in_head = true,
            "tr" => {
                self.end_cell(text);
                self.rows.push(Vec::new());
                self.looks.push((true, true));
                return None;
            }
            "td" | "th" => {
                self.end_cell(text);
                if self.rows.is_empty() {
                    self.rows.push(Vec::new());
                    self.looks.push((true, true));
                }
                let span = |name| {
                    element
                        .attr(name)
                        .and_then(|span| span.trim().parse().ok())
                        .unwrap_or(1_u32)
                };
                self.open = Some((
                    span("rowspan").clamp(1, MAX_SPAN),
                    span("colspan").clamp(1, MAX_SPAN),
                ));
                if let Some(look) = self.looks.last_mut() {
                    look.0 &= name == "th";
                }
                (self.light, self.heavy) = (0, 0);
                return None;
            }
            _ => {}
        }
        Some(text)
    }

    /// Leaves an element with the text read so far; gives back text that is not yet a cell.
    pub(super) fn close(&mut self, name: &str, text: String) -> Option<String> {
        if name == "table" {
            if self.depth == 0 {
                self.end_cell(text);
                self.done = true;
                return None;
            }
            self.depth -= 1;
            return Some(text + " ");
        }
        if self.depth > 0 {
            return Some(text);
        }
        match name {
            "td" | "th" => {
                self.end_cell(text);
                None
            }
            "thead" => {
                self.in_head = false;
                self.head_rows = self.rows.len();
                Some(text)
            }
            "caption" => {
                self.caption = text;
                None
            }
            _ => Some(text),
        }
    }

    /// Whether the table's end was met.
    pub(super) fn is_done(&self) -> bool {
        self.done
    }

    /// Counts letters of the open cell by their weight.
    pub(super) fn note_weight(&mut self, text: &str, bold: bool) {
        let letters = text.chars().filter(|c| c.is_alphanumeric()).count();
        if bold {
            self.heavy += letters
        } else {
            self.light += letters
        }
    }

    fn end_cell(&mut self, text: String) {
        let Some((row_span, column_span)) = self.open.take() else {
            return;
        };
        if let Some(look) = self.looks.last_mut() {
            look.1 &= self.light == 0;
        }
        if let Some(row) = self.rows.last_mut() {
            row.push(cell(&text, row_span, column_span));
        }
    }

    /// Adds the table to the document.
    pub(super) fn finish(mut self, flow: &mut Flow) {
        flow.push(BlockKind::Caption, None, &self.caption);
        let looks = std::mem::take(&mut self.looks);
        let mut kept = Vec::new();
        let mut rows = Vec::new();
        for (row, look) in self.rows.into_iter().zip(looks) {
            if !row.is_empty() {
                rows.push(row);
                kept.push(look);
            }
        }
        if crate::table::column_count(&rows).max(rows.iter().map(Vec::len).max().unwrap_or(0)) <= 1
        {
            // One column is a frame around text.
            for cell in rows.iter().flatten() {
                flow.push(BlockKind::Paragraph, None, &cell.text);
            }
            return;
        }
        let header_rows = header_rows(&rows, &kept, self.head_rows);
        flow.push_table(rows, header_rows);
    }
}

/// Rows of `<thead>` or `<th>`, else bold ones above others, else words above numbers.
fn header_rows(rows: &[Vec<Cell>], looks: &[(bool, bool)], head_rows: usize) -> usize {
    let all_headers = looks.iter().take_while(|(headers, _)| *headers).count();
    let mut count = head_rows.max(all_headers);
    if count == 0 {
        let some = |row: &Vec<Cell>| row.iter().any(|cell| !cell.text.is_empty());
        count = rows
            .iter()
            .zip(looks)
            .take_while(|(row, (_, bold))| *bold && some(row))
            .count();
    }
    if count >= rows.len() {
        count = usize::from(rows.len() > 1 && all_headers == rows.len());
    }
    if count == 0 {
        count = usize::from(words_above_numbers(rows));
    }
    let reach = rows
        .iter()
        .take(count)
        .enumerate()
        .flat_map(|(index, row)| row.iter().map(move |cell| index + cell.row_span as usize))
        .max()
        .unwrap_or(0);
    count.max(reach).min(rows.len().saturating_sub(1))
}

/// Whether the first row names what the numbers below it are.
pub(crate) fn words_above_numbers(rows: &[Vec<Cell>]) -> bool {
    let Some((first, rest)) = rows.split_first() else {
        return false;
    };
    let numeric = |cell: &Cell| {
        cell.text.chars().any(|c| c.is_ascii_digit())
            && cell.text.chars().filter(|c| c.is_alphabetic()).count() * 2
                < cell.text.chars().count()
    };
    let named = first.len() > 1
        && first
            .iter()
            .all(|cell| !cell.text.is_empty() && !numeric(cell));
    let below: Vec<&Cell> = rest
        .iter()
        .flat_map(|row| row.iter().skip(1))
        .filter(|cell| !cell.text.is_empty())
        .collect();
    let numbers = below.iter().filter(|cell| numeric(cell)).count();
    named && numbers > 0 && 3 * numbers >= below.len()
}
