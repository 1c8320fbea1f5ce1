//! What the formats without pages share: blocks without places, one page that holds them.

use domain::{collapse_whitespace, printable};

use crate::table::{plain_cell, table_block};
use crate::{
    Block, BlockKind, Cell, ExtractError, Extracted, MediaType, Page, PageSource, Warning,
};

/// Blocks in reading order, of a format without pages.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    pub(crate) blocks: Vec<Block>,
    pub(crate) title: Option<String>,
    pub(crate) language: Option<domain::Language>,
    pub(crate) warnings: Vec<Warning>,
}

impl Flow {
    /// Adds a block of text; nothing where the text is empty.
    pub(crate) fn push(&mut self, kind: BlockKind, level: Option<u8>, text: &str) {
        let text = clean(text);
        if text.is_empty() {
            return;
        }
        self.blocks.push(Block {
            kind,
            level,
            text,
            bbox: None,
            rows: None,
            header_rows: 0,
            headers: Vec::new(),
            words: Vec::new(),
        });
    }

    /// Adds a table; nothing where no cell holds text.
    pub(crate) fn push_table(&mut self, rows: Vec<Vec<Cell>>, header_rows: usize) {
        if rows.iter().flatten().any(|cell| !cell.text.is_empty()) {
            self.blocks.push(table_block(rows, header_rows, None));
        }
    }

    /// The document of these blocks.
    pub(crate) fn finish(self, media_type: MediaType) -> Result<Extracted, ExtractError> {
        if self.blocks.iter().all(|block| block.text.is_empty()) {
            return Err(ExtractError::NoText);
        }
        let heading = || {
            let highest = self.blocks.iter().filter_map(|block| block.level).min()?;
            let first = self
                .blocks
                .iter()
                .find(|block| block.level == Some(highest))?;
            Some(first.text.clone())
        };
        Ok(Extracted {
            media_type,
            title: self.title.clone().or_else(heading),
            language: self.language,
            pages: vec![Page {
                number: 1,
                label: None,
                width: None,
                height: None,
                source: PageSource::Text,
                blocks: self.blocks,
            }],
            has_pages: false,
            warnings: self.warnings,
        })
    }
}

/// The text without what nobody sees, on one line.
pub(crate) fn clean(text: &str) -> String {
    collapse_whitespace(&printable(text))
}

/// A cell of cleaned text.
pub(crate) fn cell(text: &str, row_span: u32, column_span: u32) -> Cell {
    plain_cell(clean(text), row_span, column_span)
}
