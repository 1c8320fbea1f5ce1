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
    let mut after_gap = true;
    for line in text.lines() {
        let (gap, marked, alone) = (line.trim().is_empty(), is_item(line), is_entry(line));
        let heading = after_gap && is_heading(line);
        if (gap || marked || alone || heading)
            && let Some((kind, text)) = open.take()
        {
            flow.push(kind, None, &text);
        }
        after_gap = gap;
        if gap {
            continue;
        }
        if heading {
            flow.push(BlockKind::Heading, Some(2), line.trim());
            continue;
        }
        let kind = if marked || alone {
            BlockKind::ListItem
        } else {
            BlockKind::Paragraph
        };
        let (_, text) = open.get_or_insert_with(|| (kind, String::new()));
        text.push_str(line);
        text.push('\n');
        if alone && let Some((kind, text)) = open.take() {
            flow.push(kind, None, &text);
        }
    }
    if let Some((kind, text)) = open {
        flow.push(kind, None, &text);
    }
    flow.finish(MediaType::Text)
}

/// A line that stands for itself: a name and its value, led by dots or set in columns.
fn is_entry(line: &str) -> bool {
    let line = line.trim();
    line.contains("....") || line.contains('\t') || line.contains("   ")
}

/// A short line in capitals after an empty one. Capitals alone tell a heading in plain text.
fn is_heading(line: &str) -> bool {
    let letters = line.chars().filter(|c| c.is_alphabetic()).count();
    let outside: String = line.split('(').next().unwrap_or_default().to_owned();
    letters >= 4
        && line.chars().count() <= 80
        && !line.trim_end().ends_with('.')
        && outside.chars().any(char::is_uppercase)
        && !outside.chars().any(char::is_lowercase)
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
    fn a_list_of_telephones_keeps_each_line_and_its_heading() {
        let text = "2. UNIDAD (planta 3)\n   Enfermería ........ 00417\n   Cardiólogo ........ 00420\n   La 00318 ya no está en uso.\n\nTexto normal que sigue\nen otra línea.\n";
        let extracted = extract(text.as_bytes()).unwrap();
        let blocks: Vec<_> = extracted.pages[0]
            .blocks
            .iter()
            .map(|b| (b.kind, b.text.as_str()))
            .collect();
        assert_eq!(
            blocks,
            [
                (BlockKind::Heading, "2. UNIDAD (planta 3)"),
                (BlockKind::ListItem, "Enfermería ........ 00417"),
                (BlockKind::ListItem, "Cardiólogo ........ 00420"),
                (BlockKind::Paragraph, "La 00318 ya no está en uso."),
                (
                    BlockKind::Paragraph,
                    "Texto normal que sigue en otra línea."
                ),
            ]
        );
    }

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
