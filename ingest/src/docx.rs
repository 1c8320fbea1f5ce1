//! DOCX: its parts checked before they are read, then read by office_oxide.

mod guard;

use office_oxide::ir::{Element, InlineContent, List, ListStyle, Note, Table, VerticalAlign};
use office_oxide::{Document, DocumentFormat};

use crate::flow::{Flow, cell, clean};
use crate::html::words_above_numbers;
use crate::scripts::{subscript, superscript};
use crate::{BlockKind, Cell, ExtractError, ExtractLimits, Extracted, MediaType};

/// Reads a Word document.
pub(crate) fn extract(bytes: &[u8], limits: &ExtractLimits) -> Result<Extracted, ExtractError> {
    guard::check(bytes, limits)?;
    let cursor = std::io::Cursor::new(bytes.to_vec());
    let document =
        Document::from_reader(cursor, DocumentFormat::Docx).map_err(|_| ExtractError::Damaged)?;
    let ir = document.to_ir();
    let mut reader = Reader::default();
    reader.flow.title = ir
        .metadata
        .title
        .as_deref()
        .map(clean)
        .filter(|title| !title.is_empty());
    reader.flow.language = ir
        .metadata
        .language
        .as_deref()
        .and_then(|code| code.parse().ok());
    for (index, section) in ir.sections.iter().enumerate() {
        let ends = [&section.first_page_header, &section.header];
        let feet = [&section.first_page_footer, &section.footer];
        if index == 0 {
            for header in ends.into_iter().flatten() {
                reader.furniture(BlockKind::Header, &header.content);
            }
        }
        reader.elements(&section.elements, 0);
        if index == 0 {
            for footer in feet.into_iter().flatten() {
                reader.furniture(BlockKind::Footer, &footer.content);
            }
        }
    }
    let notes = std::mem::take(&mut reader.notes);
    for (mark, text) in notes {
        reader.flow.push(
            BlockKind::Footnote,
            None,
            &format!("{} {text}", superscript(&mark)),
        );
    }
    reader.flow.finish(MediaType::Docx)
}

/// The guard bounds how deep a document nests; the tree is followed no deeper than this.
const MAX_DEPTH: u32 = 64;

#[derive(Default)]
struct Reader {
    flow: Flow,
    notes: Vec<(String, String)>,
}

impl Reader {
    fn furniture(&mut self, kind: BlockKind, elements: &[Element]) {
        let text = text_of(elements, 0);
        self.flow.push(kind, None, &text);
    }

    fn elements(&mut self, elements: &[Element], depth: u32) {
        if depth > MAX_DEPTH {
            return;
        }
        for element in elements {
            match element {
                Element::Heading(heading) => {
                    let level = heading.level.clamp(1, 6);
                    self.flow
                        .push(BlockKind::Heading, Some(level), &inline(&heading.content));
                }
                Element::Paragraph(paragraph) => self.paragraph(paragraph),
                Element::Table(table) => self.table(table),
                Element::List(list) => self.list(list, depth),
                Element::TextBox(text_box) => self.elements(&text_box.content, depth + 1),
                Element::Footnote(note) | Element::Endnote(note) => self.note(note),
                Element::CodeBlock(code) => {
                    self.flow.push(BlockKind::Paragraph, None, &code.content);
                }
                _ => {}
            }
        }
    }

    fn paragraph(&mut self, paragraph: &office_oxide::ir::Paragraph) {
        let text = inline(&paragraph.content);
        let style = paragraph
            .style
            .as_deref()
            .unwrap_or_default()
            .to_lowercase();
        if let Some(level) = paragraph.outline_level.filter(|level| *level < 9) {
            self.flow
                .push(BlockKind::Heading, Some(level.min(5) + 1), &text);
        } else if style.contains("caption") || style.contains("descripci") {
            self.flow.push(BlockKind::Caption, None, &text);
        } else if style == "title" || style == "ttulo" {
            self.flow.push(BlockKind::Heading, Some(1), &text);
        } else {
            self.flow.push(BlockKind::Paragraph, None, &text);
        }
    }

    fn note(&mut self, note: &Note) {
        let mark = note.marker.clone().unwrap_or_else(|| note.id.to_string());
        // Comments of reviewers are not part of the document.
        if mark.to_lowercase().starts_with("comment") {
            return;
        }
        let text = text_of(&note.content, 0);
        if !text.trim().is_empty() {
            self.notes.push((mark, text));
        }
    }

    fn list(&mut self, list: &List, depth: u32) {
        if depth > MAX_DEPTH {
            return;
        }
        let mut number = list.start_number.unwrap_or(1);
        for item in &list.items {
            let mark = if list.ordered {
                marker(list, number)
            } else {
                "•".to_owned()
            };
            number = number.saturating_add(1);
            let mut first = true;
            for element in &item.content {
                let text = text_of(std::slice::from_ref(element), depth + 1);
                if let Element::Table(table) = element {
                    self.table(table);
                } else if first && !text.trim().is_empty() {
                    self.flow
                        .push(BlockKind::ListItem, None, &format!("{mark} {text}"));
                    first = false;
                } else {
                    self.flow.push(BlockKind::ListItem, None, &text);
                }
            }
            if let Some(nested) = &item.nested {
                self.list(nested, depth + 1);
            }
        }
    }

    fn table(&mut self, table: &Table) {
        if let Some(caption) = &table.caption {
            self.flow.push(BlockKind::Caption, None, caption);
        }
        let mut marked = 0;
        let mut heavy = Vec::new();
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        for row in &table.rows {
            let cells: Vec<Cell> = row
                .cells
                .iter()
                .map(|c| {
                    cell(
                        &text_of(&c.content, 0),
                        c.row_span.max(1),
                        c.col_span.max(1),
                    )
                })
                .collect();
            if row.is_header && marked == rows.len() {
                marked += 1;
            }
            let filled = row
                .cells
                .iter()
                .filter(|cell| !text_of(&cell.content, 0).trim().is_empty());
            heavy.push(filled.clone().count() > 0 && filled.clone().all(|c| is_bold(&c.content)));
            rows.push(cells);
        }
        let width = |row: &Vec<Cell>| row.iter().map(|cell| cell.column_span).sum::<u32>();
        if rows.iter().map(width).max().unwrap_or(0) <= 1 {
            for cell in rows.iter().flatten() {
                self.flow.push(BlockKind::Paragraph, None, &cell.text);
            }
            return;
        }
        // office_oxide calls the first row a header where nothing says so.
        let bold = heavy.iter().take_while(|heavy| **heavy).count();
        let mut count = if marked > 1 { marked } else { bold };
        if count >= rows.len() {
            count = 0;
        }
        if count == 0 && (words_above_numbers(&rows) || is_declared(table)) {
            count = 1;
        }
        let reach = rows
            .iter()
            .take(count)
            .enumerate()
            .flat_map(|(index, row)| row.iter().map(move |cell| index + cell.row_span as usize))
            .max()
            .unwrap_or(0);
        let header_rows = count.max(reach).min(rows.len().saturating_sub(1));
        self.flow.push_table(rows, header_rows);
    }
}

/// Whether the author marked the first row to be repeated on every page.
fn is_declared(table: &Table) -> bool {
    table.rows.first().is_some_and(|row| row.repeat_as_header)
}

fn is_bold(elements: &[Element]) -> bool {
    elements.iter().all(|element| match element {
        Element::Paragraph(paragraph) => paragraph.content.iter().all(|content| match content {
            InlineContent::Text(span) => span.bold || span.text.trim().is_empty(),
            _ => true,
        }),
        Element::Heading(_) => true,
        _ => false,
    })
}

/// The text of elements on one line, as a cell or a note has it.
fn text_of(elements: &[Element], depth: u32) -> String {
    let mut parts: Vec<String> = Vec::new();
    if depth > MAX_DEPTH {
        return String::new();
    }
    for element in elements {
        match element {
            Element::Heading(heading) => parts.push(inline(&heading.content)),
            Element::Paragraph(paragraph) => parts.push(inline(&paragraph.content)),
            Element::Table(table) => {
                for cell in table.rows.iter().flat_map(|row| &row.cells) {
                    parts.push(text_of(&cell.content, depth + 1));
                }
            }
            Element::List(list) => list_text(list, depth + 1, &mut parts),
            Element::TextBox(text_box) => parts.push(text_of(&text_box.content, depth + 1)),
            Element::CodeBlock(code) => parts.push(code.content.clone()),
            _ => {}
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts.join(" ")
}

fn list_text(list: &List, depth: u32, parts: &mut Vec<String>) {
    if depth > MAX_DEPTH {
        return;
    }
    let mut number = list.start_number.unwrap_or(1);
    for item in &list.items {
        let mark = if list.ordered {
            marker(list, number)
        } else {
            "•".to_owned()
        };
        number = number.saturating_add(1);
        parts.push(format!("{mark} {}", text_of(&item.content, depth + 1)));
        if let Some(nested) = &item.nested {
            list_text(nested, depth + 1, parts);
        }
    }
}

/// A list's mark as it is printed: `3.`, `c)`, `(iv)`.
fn marker(list: &List, number: u32) -> String {
    let letter = |from: u8| char::from(from + ((number.max(1) - 1) % 26) as u8).to_string();
    let counter = match list.style {
        Some(ListStyle::LowerAlpha) => letter(b'a'),
        Some(ListStyle::UpperAlpha) => letter(b'A'),
        _ => number.to_string(),
    };
    match list.marker_pattern.as_deref() {
        Some(pattern) if pattern.matches('%').count() == 1 => {
            let digit = pattern.find('%').and_then(|at| pattern.get(at..at + 2));
            digit.map_or_else(
                || format!("{counter}."),
                |digit| pattern.replace(digit, &counter),
            )
        }
        _ => format!("{counter}."),
    }
}

fn inline(content: &[InlineContent]) -> String {
    let mut text = String::new();
    for item in content {
        match item {
            InlineContent::Text(span) => match span.vertical_align {
                Some(VerticalAlign::Superscript) => text.push_str(&superscript(&span.text)),
                Some(VerticalAlign::Subscript) => text.push_str(&subscript(&span.text)),
                // Struck text says the contrary of what it said.
                _ if span.strikethrough => {
                    text.push_str("[tachado: ");
                    text.push_str(&span.text);
                    text.push(']');
                }
                _ => text.push_str(&span.text),
            },
            InlineContent::LineBreak => text.push(' '),
            InlineContent::FootnoteRef(note) | InlineContent::EndnoteRef(note) => {
                let mark = note
                    .marker
                    .clone()
                    .unwrap_or_else(|| note.note_id.to_string());
                text.push_str(&superscript(&mark));
            }
            _ => {}
        }
    }
    text
}
