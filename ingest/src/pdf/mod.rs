//! PDF: what is painted (hayro) and how the file is built (lopdf), made into pages of blocks.

mod aligned;
mod blocks;
mod columns;
mod continued;
mod furniture;
mod glyphs;
mod grid;
mod headings;
mod join;
mod structure;
mod style;
mod symbols;
mod words;

use crate::{
    Block, BlockKind, ExtractError, ExtractLimits, Extracted, MediaType, Page, PageSource, Warning,
    WarningCode,
};
use blocks::Draft;
use furniture::Zone;
use glyphs::PagePaint;
use style::Style;
use words::{Frame, Row, frames};

/// Pictures over this share of a page make it a scan, whose invisible text is its recognised text.
const SCAN_SHARE: f32 = 0.6;
/// More unknown letters than this share make a page doubtful.
const DOUBTFUL_SHARE: f32 = 0.02;

/// A page before its document is known as a whole.
struct RawPage {
    width: f32,
    height: f32,
    frames: Vec<Frame>,
}

/// Reads a PDF.
pub(crate) fn extract(bytes: &[u8], limits: &ExtractLimits) -> Result<Extracted, ExtractError> {
    let structure = structure::read(bytes, limits)?;
    let ended = is_ended(bytes);
    let pdf = glyphs::open(bytes.to_vec()).map_err(|error| match error {
        ExtractError::Damaged if !ended => ExtractError::Truncated,
        other => other,
    })?;
    // Pages found in a file without its end are some of its pages; nobody could tell which.
    if !ended {
        return Err(ExtractError::Truncated);
    }
    let count = pdf.pages().len().max(structure.pages);
    if count > limits.max_pages as usize {
        return Err(ExtractError::TooLarge {
            what: "número de páginas".to_owned(),
            limit: format!("{} páginas", limits.max_pages),
        });
    }
    if pdf.pages().is_empty() {
        return Err(if structure.pages > 0 {
            ExtractError::Damaged
        } else {
            ExtractError::NoPages
        });
    }
    let mut warnings = structure.warnings;
    let mut pages = Vec::new();
    glyphs::paint_pages(&pdf, limits.max_page_glyphs, |index, mut paint| {
        let number = index as u32 + 1;
        if paint.overflow {
            return Err(ExtractError::TooLarge {
                what: "texto en una página".to_owned(),
                limit: format!("{} caracteres", limits.max_page_glyphs),
            });
        }
        show_recognised_text(&mut paint, number, &mut warnings);
        drop_unknown_letters(&mut paint);
        let frames = frames(&paint);
        warn(&paint, &frames, number, &mut warnings);
        pages.push(RawPage {
            width: paint.width,
            height: paint.height,
            frames,
        });
        Ok(())
    })?;
    if pages.iter().all(|page| page.frames.is_empty()) {
        return Err(ExtractError::NoText);
    }
    let style = Style::measure(
        pages
            .iter()
            .flat_map(|page| &page.frames)
            .map(|f| f.rows.as_slice()),
    );
    let mut drafts = layout(&mut pages, &style);
    headings::set_levels(&mut drafts, &structure.outline);
    continued::join_tables(&mut drafts);
    let title = structure.title.or_else(|| first_title(&drafts));
    let pages = pages
        .into_iter()
        .zip(drafts)
        .enumerate()
        .map(|(index, (page, drafts))| Page {
            number: index as u32 + 1,
            label: structure
                .labels
                .get(index)
                .filter(|label| !label.is_empty())
                .cloned(),
            width: Some(page.width),
            height: Some(page.height),
            source: PageSource::Text,
            blocks: drafts.into_iter().map(|draft| draft.block).collect(),
        })
        .collect();
    Ok(Extracted {
        media_type: MediaType::Pdf,
        title,
        language: structure.language,
        pages,
        has_pages: true,
        warnings,
    })
}

/// Whether the file has its end. A file that was cut while it was copied has not.
fn is_ended(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(4096)..];
    structure::find(tail, b"startxref").is_some() || structure::find(tail, b"%%EOF").is_some()
}

/// A scan with recognised text carries it invisibly under the picture: there it is the text.
fn show_recognised_text(paint: &mut PagePaint, page: u32, warnings: &mut Vec<Warning>) {
    let visible = paint.glyphs.iter().filter(|glyph| glyph.visible).count();
    let invisible = paint
        .glyphs
        .iter()
        .filter(|glyph| glyph.invisible_mode)
        .count();
    if paint.image_share < SCAN_SHARE || invisible < 20 || visible * 4 > invisible {
        return;
    }
    for glyph in paint.glyphs.iter_mut().filter(|glyph| glyph.invisible_mode) {
        glyph.visible = true;
    }
    warnings.push(Warning {
        code: WarningCode::DoubtfulPage,
        page: Some(page),
        detail: "La página es un escaneado con texto reconocido: compruebe cifras y signos en la imagen."
            .to_owned(),
    });
}

/// A page most of whose letters the fonts do not tell has no text worth quoting.
fn drop_unknown_letters(paint: &mut PagePaint) {
    if 2 * paint.unmapped as usize <= paint.glyphs.len() {
        return;
    }
    let glyphs = std::mem::take(&mut paint.glyphs);
    paint.glyphs = glyphs
        .into_iter()
        .filter(|g| paint.letters(g) != "\u{fffd}")
        .collect();
}

fn warn(paint: &PagePaint, frames: &[Frame], page: u32, warnings: &mut Vec<Warning>) {
    let letters = |glyph: &&glyphs::Glyph| paint.letters(glyph).chars().any(|c| !c.is_whitespace());
    let hidden = paint
        .glyphs
        .iter()
        .filter(|glyph| !glyph.visible)
        .filter(letters)
        .count()
        + frames.iter().map(|frame| frame.tiny_letters).sum::<usize>();
    let mut push = |code, detail: String| {
        warnings.push(Warning {
            code,
            page: Some(page),
            detail,
        })
    };
    if hidden > 0 {
        push(
            WarningCode::HiddenText,
            format!("La página tiene {hidden} caracteres que no se ven; no se han leído."),
        );
    }
    let visible: usize = frames.iter().map(|frame| frame.letters).sum();
    if visible == 0 && (paint.has_pictures || !paint.glyphs.is_empty()) {
        push(
            WarningCode::PageWithoutText,
            "La página no tiene texto: puede ser una imagen.".to_owned(),
        );
    }
    if paint.unmapped as f32 > DOUBTFUL_SHARE * paint.glyphs.len() as f32 {
        push(
            WarningCode::DoubtfulPage,
            format!(
                "En la página hay {} caracteres que la fuente no deja reconocer: puede faltar texto.",
                paint.unmapped
            ),
        );
    }
}

/// The blocks of every page.
fn layout(pages: &mut [RawPage], style: &Style) -> Vec<Vec<Draft>> {
    let furniture = {
        let rows: Vec<(&[Row], f32, f32)> = pages
            .iter()
            .map(|page| match page.frames.first() {
                Some(frame) => (frame.rows.as_slice(), frame.page.y0, frame.page.y1),
                None => (&[] as &[Row], 0.0, 1.0),
            })
            .collect();
        furniture::find(&rows)
    };
    pages
        .iter_mut()
        .zip(furniture)
        .map(|(page, furniture)| {
            let mut drafts = Vec::new();
            let (mut head, mut foot) = (Vec::new(), Vec::new());
            for (index, frame) in page.frames.iter_mut().enumerate() {
                let mut rows = std::mem::take(&mut frame.rows);
                if index == 0 {
                    let mut at = 0;
                    rows.retain(|row| {
                        let zone = furniture
                            .iter()
                            .find(|(row, _)| *row == at)
                            .map(|(_, z)| *z);
                        at += 1;
                        match zone {
                            Some(Zone::Head) => head.push(row.clone()),
                            Some(Zone::Foot) => foot.push(row.clone()),
                            None => return true,
                        }
                        false
                    });
                }
                if index == 0 || frame.is_upright() || frame.letters > 20 {
                    drafts.extend(blocks::blocks(frame, rows, style));
                } else {
                    // A few letters at an angle are a label of a drawing, never a heading.
                    drafts.extend(
                        rows.iter()
                            .map(|row| line(row, frame, style, BlockKind::Paragraph)),
                    );
                }
            }
            if let Some(frame) = page.frames.first() {
                let heads = head
                    .iter()
                    .map(|row| line(row, frame, style, BlockKind::Header));
                let mut all: Vec<Draft> = heads.collect();
                all.append(&mut drafts);
                all.extend(
                    foot.iter()
                        .map(|row| line(row, frame, style, BlockKind::Footer)),
                );
                drafts = all;
            }
            drafts
        })
        .collect()
}

fn line(row: &Row, frame: &Frame, style: &Style, kind: BlockKind) -> Draft {
    let (text, words) = join::join(std::slice::from_ref(row), frame, style);
    Draft {
        block: Block {
            kind,
            level: None,
            text,
            bbox: Some(frame.on_page(row.bbox)),
            rows: None,
            header_rows: 0,
            headers: Vec::new(),
            words,
        },
        size: row.size,
        bold: false,
        xs: Vec::new(),
    }
}

/// The largest heading of the first page that has one.
fn first_title(pages: &[Vec<Draft>]) -> Option<String> {
    let headings = |page: &&Vec<Draft>| page.iter().any(|d| d.block.kind == BlockKind::Heading);
    let page = pages.iter().take(3).find(headings)?;
    page.iter()
        .filter(|draft| draft.block.kind == BlockKind::Heading)
        // Of several of one size, the first.
        .rev()
        .max_by(|a, b| a.size.total_cmp(&b.size))
        .map(|draft| draft.block.text.clone())
}
