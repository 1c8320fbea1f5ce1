//! Markdown: headings, paragraphs, items, tables and notes as its grammar has them.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::encoding::decode;
use crate::flow::{Flow, cell};
use crate::scripts::{subscript, superscript};
use crate::{BlockKind, Cell, ExtractError, Extracted, MediaType};

/// Reads a Markdown file.
pub(crate) fn extract(bytes: &[u8], max_depth: u32) -> Result<Extracted, ExtractError> {
    let text = decode(bytes, None)?;
    check_depth(&text, max_depth)?;
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_SUPERSCRIPT
        | Options::ENABLE_SUBSCRIPT
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut reader = Reader::default();
    for event in Parser::new_ext(&text, options) {
        reader.event(event);
    }
    reader.close();
    reader.flow.finish(MediaType::Markdown)
}

/// Quotations nest by their marks at the beginning of a line.
fn check_depth(text: &str, limit: u32) -> Result<(), ExtractError> {
    let deep = text.lines().any(|line| {
        let marks = line
            .chars()
            .take_while(|c| matches!(c, '>' | ' ' | '\t' | '-' | '*' | '+'));
        marks.filter(|c| !c.is_whitespace()).count() > limit as usize && line.contains(['>', ' '])
    });
    if deep {
        Err(ExtractError::TooDeep { limit })
    } else {
        Ok(())
    }
}

#[derive(Default)]
struct Reader {
    flow: Flow,
    text: String,
    level: Option<u8>,
    /// Lists that are open: the number of the next item where they count.
    lists: Vec<Option<u64>>,
    item: bool,
    note: bool,
    /// Text that is not read: metadata, HTML comments.
    skipped: bool,
    raised: Option<(bool, usize)>,
    rows: Vec<Vec<Cell>>,
    header_rows: usize,
    in_table: bool,
}

impl Reader {
    /// Ends the block of text that is open.
    fn close(&mut self) {
        let text = std::mem::take(&mut self.text);
        let kind = match self.level {
            Some(_) => BlockKind::Heading,
            None if self.note => BlockKind::Footnote,
            None if self.item => BlockKind::ListItem,
            None => BlockKind::Paragraph,
        };
        self.flow.push(kind, self.level.take(), &text);
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            // Struck out: it no longer holds.
            Event::Start(Tag::Strikethrough) => self.skipped = true,
            Event::End(TagEnd::Strikethrough) => self.skipped = false,
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Code(text) if !self.skipped => self.text.push_str(&text),
            Event::InlineHtml(html) => {
                // The only tags that change what is read.
                match html.trim().to_lowercase().as_str() {
                    "<sup>" => self.raised = Some((true, self.text.len())),
                    "<sub>" => self.raised = Some((false, self.text.len())),
                    "</sup>" | "</sub>" => self.lower(),
                    "<br>" | "<br/>" | "<br />" => self.text.push(' '),
                    _ => {}
                }
            }
            Event::Html(html) if !self.skipped => {
                let plain = crate::html::plain_text(&html);
                self.text.push_str(&plain);
            }
            Event::SoftBreak | Event::HardBreak => self.text.push(' '),
            Event::TaskListMarker(done) => self.text.push_str(if done { "☑ " } else { "☐ " }),
            Event::FootnoteReference(name) => self.text.push_str(&superscript(&name)),
            _ => {}
        }
    }

    fn lower(&mut self) {
        if let Some((raised, from)) = self.raised.take() {
            let text = self.text.split_off(from.min(self.text.len()));
            self.text.push_str(&if raised {
                superscript(&text)
            } else {
                subscript(&text)
            });
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.close();
                self.level = Some(*level as u8);
            }
            Tag::List(first) => {
                self.close();
                self.lists.push(*first);
            }
            Tag::Item => {
                self.close();
                self.item = true;
                match self.lists.last_mut() {
                    Some(Some(number)) => {
                        self.text = format!("{number}. ");
                        *number += 1;
                    }
                    _ => self.text = "• ".to_owned(),
                }
            }
            Tag::FootnoteDefinition(name) => {
                self.close();
                self.note = true;
                self.text = format!("{} ", superscript(name));
            }
            Tag::Table(_) => {
                self.close();
                self.in_table = true;
                self.header_rows = 0;
            }
            Tag::TableHead => {
                self.rows.push(Vec::new());
                self.header_rows = 1;
            }
            Tag::TableRow => self.rows.push(Vec::new()),
            Tag::Superscript => self.raised = Some((true, self.text.len())),
            Tag::Subscript => self.raised = Some((false, self.text.len())),
            Tag::MetadataBlock(_) => {
                self.close();
                self.skipped = true;
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented)
            | Tag::BlockQuote(_)
            | Tag::HtmlBlock => self.close(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) | TagEnd::CodeBlock | TagEnd::HtmlBlock | TagEnd::BlockQuote(_) => {
                self.close();
            }
            // An item's mark waits for its text, whatever stands around it.
            TagEnd::Paragraph => self.close(),
            TagEnd::Item => {
                self.close();
                self.item = false;
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.item = !self.lists.is_empty();
            }
            TagEnd::FootnoteDefinition => {
                self.close();
                self.note = false;
            }
            TagEnd::TableCell => {
                let text = std::mem::take(&mut self.text);
                if let Some(row) = self.rows.last_mut() {
                    row.push(cell(&text, 1, 1));
                }
            }
            TagEnd::Table => {
                self.in_table = false;
                let rows = std::mem::take(&mut self.rows);
                self.flow.push_table(rows, self.header_rows);
            }
            TagEnd::Superscript | TagEnd::Subscript => self.lower(),
            TagEnd::MetadataBlock(_) => self.skipped = false,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(markdown: &str, expected: &[(BlockKind, &str)]) {
        let extracted = extract(markdown.as_bytes(), 256).unwrap();
        let blocks: Vec<_> = extracted.pages[0]
            .blocks
            .iter()
            .map(|b| (b.kind, b.text.as_str()))
            .collect();
        assert_eq!(blocks, expected);
    }

    #[test]
    fn headings_items_notes_and_tables_are_told() {
        check(
            "# Dosis\n\nInicie **bajo**[^1].\n\n- Uno\n- Dos\n\n1. Primero\n\n| Fármaco | Dosis |\n|---|---|\n| Bisoprolol | 1,25 mg |\n\n[^1]: Según ficha.\n",
            &[
                (BlockKind::Heading, "Dosis"),
                (BlockKind::Paragraph, "Inicie bajo¹."),
                (BlockKind::ListItem, "• Uno"),
                (BlockKind::ListItem, "• Dos"),
                (BlockKind::ListItem, "1. Primero"),
                (BlockKind::Table, "Fármaco: Bisoprolol; Dosis: 1,25 mg"),
                (BlockKind::Footnote, "¹ Según ficha."),
            ],
        );
    }
}
