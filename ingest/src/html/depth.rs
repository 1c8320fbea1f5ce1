//! How deep a page nests, counted before it is parsed: html5ever needs time that grows with the
//! square of the depth (its issue 788), and trees of any depth overflow stacks elsewhere.

use std::collections::HashMap;

use crate::ExtractError;

/// Refuses a page whose open elements reach `limit`.
pub(super) fn check(html: &str, limit: u32) -> Result<(), ExtractError> {
    let bytes = html.as_bytes();
    let mut open: HashMap<String, u32> = HashMap::new();
    let mut depth = 0_u32;
    let mut at = 0;
    while let Some(offset) = bytes[at..].iter().position(|b| *b == b'<') {
        at += offset + 1;
        if bytes[at..].starts_with(b"!--") {
            at += html[at..].find("-->").unwrap_or(html.len() - at);
            continue;
        }
        let closing = bytes.get(at) == Some(&b'/');
        let from = at + usize::from(closing);
        let length = bytes[from..]
            .iter()
            .position(|b| !b.is_ascii_alphanumeric())
            .unwrap_or(bytes.len() - from);
        if length == 0 || !bytes[from].is_ascii_alphabetic() {
            continue;
        }
        let name = html[from..from + length.min(32)].to_ascii_lowercase();
        at = from + length;
        if is_implied(&name) {
            continue;
        }
        let count = open.entry(name.clone()).or_default();
        if closing {
            if *count > 0 {
                *count -= 1;
                depth -= 1;
            }
            continue;
        }
        if matches!(
            name.as_str(),
            "script" | "style" | "textarea" | "title" | "xmp"
        ) {
            // Its content is text up to its own end tag.
            let end = format!("</{name}");
            at += find_ignoring_case(&bytes[at..], end.as_bytes()).unwrap_or(bytes.len() - at);
            continue;
        }
        *count += 1;
        depth += 1;
        if depth > limit {
            return Err(ExtractError::TooDeep { limit });
        }
    }
    Ok(())
}

fn find_ignoring_case(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .position(|window| window.eq_ignore_ascii_case(needle))
}

/// Elements that hold nothing, or that the next of their kind ends.
fn is_implied(name: &str) -> bool {
    matches!(
        name,
        "area"
            | "base"
            | "br"
            | "col"
            | "embed"
            | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "param"
            | "source"
            | "track"
            | "wbr"
            | "p"
            | "li"
            | "td"
            | "th"
            | "tr"
            | "dt"
            | "dd"
            | "option"
            | "optgroup"
            | "tbody"
            | "thead"
            | "tfoot"
            | "colgroup"
            | "body"
            | "html"
            | "head"
            | "rt"
            | "rp"
            | "rb"
    )
}
