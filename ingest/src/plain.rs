//! Plain text: paragraphs between empty lines.

use crate::encoding::decode;
use crate::flow::Flow;
use crate::{BlockKind, ExtractError, Extracted, MediaType};

/// Reads a plain text file.
pub(crate) fn extract(bytes: &[u8]) -> Result<Extracted, ExtractError> {
    let text = decode(bytes, None)?
        .replace("\r\n", "\n")
        .replace(['\r', '\u{c}', '\u{85}'], "\n");
    let mut flow = Flow::default();
    let mut open: Option<(BlockKind, String)> = None;
    for line in text.lines() {
        let marked = is_item(line);
        if line.trim().is_empty() || marked {
            if let Some((kind, text)) = open.take() {
                flow.push(kind, None, &text);
            }
            if !marked {
                continue;
            }
        }
        let kind = if marked {
            BlockKind::ListItem
        } else {
            BlockKind::Paragraph
        };
        let (_, text) = open.get_or_insert_with(|| (kind, String::new()));
        text.push_str(line);
        text.push('\n');
    }
    if let Some((kind, text)) = open {
        flow.push(kind, None, &text);
    }
    flow.finish(MediaType::Text)
}

/// A line that begins with a dash, a bullet or `1)` and goes on.
fn is_item(line: &str) -> bool {
    let Some((mark, rest)) = line.trim_start().split_once(' ') else {
        return false;
    };
    let counter = mark.strip_suffix([')', '.']).is_some_and(|number| {
        !number.is_empty() && number.len() <= 2 && number.bytes().all(|b| b.is_ascii_digit())
    });
    !rest.trim().is_empty() && (matches!(mark, "-" | "*" | "•" | "–" | "·") || counter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_end_at_empty_lines_and_items_stand_alone() {
        let text = "Inicio.\r\nSigue aquí.\r\n\r\nPasos:\n- Pese al paciente\n- Mida la TA\n  en ambos brazos\n";
        let extracted = extract(text.as_bytes()).unwrap();
        let blocks: Vec<_> = extracted.pages[0]
            .blocks
            .iter()
            .map(|b| (b.kind, b.text.as_str()))
            .collect();
        assert_eq!(
            blocks,
            [
                (BlockKind::Paragraph, "Inicio. Sigue aquí."),
                (BlockKind::Paragraph, "Pasos:"),
                (BlockKind::ListItem, "- Pese al paciente"),
                (BlockKind::ListItem, "- Mida la TA en ambos brazos"),
            ]
        );
    }
}
