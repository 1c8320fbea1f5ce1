//! What `sistole extract` prints.

use ingest::{Block, BlockKind, Extracted, Page, Warning};
use serde::Serialize;

use super::{BoxJson, WarningJson, box_json};

/// What `sistole extract` prints.
#[derive(Debug, Serialize)]
pub(crate) struct ExtractJson {
    document: ExtractedDocumentJson,
    pages: Vec<PageJson>,
    warnings: Vec<WarningJson>,
}

#[derive(Debug, Serialize)]
struct ExtractedDocumentJson {
    file: String,
    sha256: String,
    media_type: &'static str,
    title: Option<String>,
    language: &'static str,
    page_count: usize,
}

/// One page of an extracted document.
#[derive(Debug, Serialize)]
pub(crate) struct PageJson {
    number: u32,
    label: Option<String>,
    width: Option<f32>,
    height: Option<f32>,
    source: &'static str,
    text: String,
    blocks: Vec<BlockJson>,
}

#[derive(Debug, Serialize)]
struct BlockJson {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<u8>,
    text: String,
    bbox: Option<BoxJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<Vec<CellJson>>>,
}

#[derive(Debug, Serialize)]
struct CellJson {
    text: String,
    row_span: u32,
    column_span: u32,
    bbox: Option<BoxJson>,
}

impl ExtractJson {
    /// `extracted` from a file of this name and these bytes' hash.
    #[must_use]
    pub(crate) fn new(file: &str, sha256: &str, extracted: &Extracted) -> Self {
        Self {
            document: ExtractedDocumentJson {
                file: file.to_owned(),
                sha256: sha256.to_owned(),
                media_type: extracted.media_type.mime(),
                title: extracted.title.clone(),
                language: ingest::document_language(extracted).code(),
                page_count: extracted.pages.len(),
            },
            pages: extracted.pages.iter().map(PageJson::from).collect(),
            warnings: extracted.warnings.iter().map(WarningJson::from).collect(),
        }
    }
}

impl From<&Page> for PageJson {
    fn from(page: &Page) -> Self {
        Self {
            number: page.number,
            label: page.label.clone(),
            width: page.width,
            height: page.height,
            source: page.source.as_str(),
            text: page.text(),
            blocks: page.blocks.iter().map(BlockJson::from).collect(),
        }
    }
}

impl From<&Block> for BlockJson {
    fn from(block: &Block) -> Self {
        let cells = |row: &Vec<ingest::Cell>| {
            let cell = |cell: &ingest::Cell| CellJson {
                text: cell.text.clone(),
                row_span: cell.row_span,
                column_span: cell.column_span,
                bbox: cell.bbox.map(box_json),
            };
            row.iter().map(cell).collect()
        };
        Self {
            kind: block.kind.as_str(),
            level: block.level.filter(|_| block.kind == BlockKind::Heading),
            text: block.text.clone(),
            bbox: block.bbox.map(box_json),
            rows: block
                .rows
                .as_ref()
                .map(|rows| rows.iter().map(cells).collect()),
        }
    }
}

impl From<&Warning> for WarningJson {
    fn from(warning: &Warning) -> Self {
        Self {
            code: warning.code.as_str().to_owned(),
            page: warning.page,
            detail: warning.detail.clone(),
        }
    }
}
