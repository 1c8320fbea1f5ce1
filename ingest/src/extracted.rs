//! What is read from one file: pages of blocks, in reading order, with the place of each word.

use domain::{BoundingBox, Language};
use serde::{Deserialize, Serialize};

use crate::MediaType;

/// What was read from one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extracted {
    /// What the file turned out to be.
    pub media_type: MediaType,
    /// The title the file gives itself, or its first heading.
    pub title: Option<String>,
    /// The language the file says it is in; see [`crate::document_language`] for one told from
    /// the words.
    pub language: Option<Language>,
    /// The pages, in order. Formats without pages have one.
    pub pages: Vec<Page>,
    /// Whether pages are real: `false` for formats that have none.
    pub has_pages: bool,
    /// What a person should know about the file before trusting it.
    pub warnings: Vec<Warning>,
}

impl Extracted {
    /// Whether every range lies within its text: what a process sends is not trusted.
    pub(crate) fn is_sound(&self) -> bool {
        fn inside(text: &str, words: &[Word]) -> bool {
            words
                .iter()
                .all(|word| text.get(word.start as usize..word.end as usize).is_some())
        }
        self.pages
            .iter()
            .flat_map(|page| &page.blocks)
            .all(|block| {
                inside(&block.text, &block.words)
                    && block
                        .rows
                        .iter()
                        .flatten()
                        .flatten()
                        .all(|cell| inside(&cell.text, &cell.words))
            })
    }
}

/// Where a page's text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageSource {
    /// The file's own text.
    Text,
}

impl PageSource {
    /// The name in the outward contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
        }
    }
}

/// One page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Its number, from 1.
    pub number: u32,
    /// What is printed on it as its number (`iv`, `A-3`), where the file says so.
    pub label: Option<String>,
    /// Width in points after the page's own rotation; `None` for formats without pages.
    pub width: Option<f32>,
    /// Height in points after the page's own rotation; `None` for formats without pages.
    pub height: Option<f32>,
    /// Where its text comes from.
    pub source: PageSource,
    /// Its blocks, in reading order.
    pub blocks: Vec<Block>,
}

impl Page {
    /// The page's text in reading order: blocks separated by an empty line, a table as its rows
    /// as they stand. Every quotation of this page is a part of this text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        for block in &self.blocks {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            block.push_verbatim(&mut text);
        }
        text
    }
}

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BlockKind {
    /// A heading; its `level` tells how deep.
    Heading,
    /// Running text.
    Paragraph,
    /// One item of a list, with its mark.
    ListItem,
    /// A table; its `rows` hold the cells.
    Table,
    /// The caption of a table or figure.
    Caption,
    /// A note at the foot of a page or table.
    Footnote,
    /// What the head of every page repeats.
    Header,
    /// What the foot of every page repeats.
    Footer,
    /// A label and value of a form.
    FormField,
}

impl BlockKind {
    /// The name in the outward contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Heading => "heading",
            Self::Paragraph => "paragraph",
            Self::ListItem => "list_item",
            Self::Table => "table",
            Self::Caption => "caption",
            Self::Footnote => "footnote",
            Self::Header => "header",
            Self::Footer => "footer",
            Self::FormField => "form_field",
        }
    }
}

/// A word (or piece of one: a word hyphenated over two lines is two) of a text, and its place.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// First byte in the text of the block or cell.
    pub start: u32,
    /// Byte after the last.
    pub end: u32,
    /// Where it stands on the page.
    pub bbox: BoundingBox,
}

/// A stretch of a page that is read as one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// 1 for the outermost heading; `Some` for headings only.
    pub level: Option<u8>,
    /// Its text. Of a table: one line for each data row, each value after its header's name.
    pub text: String,
    /// Where it stands; `None` for formats without pages.
    pub bbox: Option<BoundingBox>,
    /// The cells of a table, row by row, each cell once, in the row where it begins.
    pub rows: Option<Vec<Vec<Cell>>>,
    /// How many of the first rows are header.
    pub header_rows: u32,
    /// The name of each column of a table, rows of header joined; empty where it has no header.
    /// A table continued from the page before has the names of its beginning.
    pub headers: Vec<String>,
    /// The places of the words of `text`; empty for tables (their cells have them) and for
    /// formats without pages.
    pub words: Vec<Word>,
}

impl Block {
    /// Adds the block's words as they stand on the page.
    fn push_verbatim(&self, text: &mut String) {
        let Some(rows) = &self.rows else {
            text.push_str(&self.text);
            return;
        };
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            text.push_str(&verbatim_row(row));
        }
    }
}

/// A row of a table as it stands on the page: its cells joined by single spaces.
pub(crate) fn verbatim_row(row: &[Cell]) -> String {
    let mut text = String::new();
    for cell in row.iter().filter(|cell| !cell.text.is_empty()) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&cell.text);
    }
    text
}

/// A cell of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Its text, on one line.
    pub text: String,
    /// How many rows it covers, from 1.
    pub row_span: u32,
    /// How many columns it covers, from 1.
    pub column_span: u32,
    /// The column it begins in, from 0.
    pub column: u32,
    /// Where it stands.
    pub bbox: Option<BoundingBox>,
    /// The places of the words of `text`.
    pub words: Vec<Word>,
}

/// What a warning is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WarningCode {
    /// Text that no reader of the page sees; it was left out.
    HiddenText,
    /// The file carries JavaScript; it was not run.
    JavaScript,
    /// The file asks to start a program or to send data; nothing was started.
    LaunchAction,
    /// Other files are inside; they were not read.
    EmbeddedFiles,
    /// Signs on the page could not be told as letters: its text may have gaps.
    DoubtfulPage,
    /// The page shows something but has no text: it may be a picture of text.
    PageWithoutText,
    /// The file is damaged and was read as far as it goes.
    Repaired,
    /// Encrypted, but opens without a password.
    OpenEncryption,
}

impl WarningCode {
    /// The name in the outward contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HiddenText => "hidden_text",
            Self::JavaScript => "javascript",
            Self::LaunchAction => "launch_action",
            Self::EmbeddedFiles => "embedded_files",
            Self::DoubtfulPage => "doubtful_page",
            Self::PageWithoutText => "page_without_text",
            Self::Repaired => "repaired",
            Self::OpenEncryption => "open_encryption",
        }
    }
}

/// What a person should know about the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What it is about.
    pub code: WarningCode,
    /// The page, from 1; `None` for the whole file.
    pub page: Option<u32>,
    /// One Spanish sentence.
    pub detail: String,
}
