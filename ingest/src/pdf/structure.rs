//! How the file is built: limits, title, outline, page labels, actions. The one module that
//! knows lopdf.

use std::collections::HashSet;

use domain::{Language, collapse_whitespace, printable};
use lopdf::{
    DecompressError, Dictionary, Document, Error, LoadOptions, Object, decode_text_string,
};

use crate::{ExtractError, ExtractLimits, Warning, WarningCode};

/// An entry of the file's own table of contents.
#[derive(Debug, Clone)]
pub(super) struct OutlineItem {
    pub(super) title: String,
    /// From 1.
    pub(super) level: u8,
}

/// What the file says of itself.
#[derive(Debug, Default)]
pub(super) struct Structure {
    pub(super) title: Option<String>,
    pub(super) language: Option<Language>,
    pub(super) outline: Vec<OutlineItem>,
    /// What is printed as page number, page by page; empty where the file does not say.
    pub(super) labels: Vec<String>,
    /// How many pages the page tree names.
    pub(super) pages: usize,
    pub(super) warnings: Vec<Warning>,
}

/// Outline entries read at most, and how deep.
const MAX_OUTLINE: usize = 10_000;
const MAX_OUTLINE_DEPTH: u8 = 12;

/// Reads the structure. A file whose structure cannot be followed, but which holds no danger,
/// gives an empty one: its pages may still be painted.
pub(super) fn read(bytes: &[u8], limits: &ExtractLimits) -> Result<Structure, ExtractError> {
    check_nesting(bytes, limits.max_depth)?;
    let options = LoadOptions {
        max_decompressed_size: usize::try_from(limits.max_stream_bytes).ok(),
        ..LoadOptions::default()
    };
    let document = match Document::load_mem_with_options(bytes, options) {
        Ok(document) => document,
        Err(Error::Decompress(DecompressError::MemoryLimitExceeded { .. })) => {
            return Err(ExtractError::Bomb);
        }
        Err(Error::InvalidPassword | Error::Decryption(_)) => return Err(ExtractError::Encrypted),
        Err(Error::RecursionLimit) => {
            return Err(ExtractError::TooDeep {
                limit: limits.max_depth,
            });
        }
        Err(_) => return Ok(Structure::default()),
    };
    check_streams(&document, limits)?;
    let pages = document.get_pages().len();
    let mut structure = Structure {
        title: title(&document),
        language: language(&document),
        outline: outline(&document),
        labels: labels(&document, pages.min(limits.max_pages as usize)),
        pages,
        warnings: actions(&document),
    };
    if document.was_encrypted() {
        structure.warnings.push(Warning {
            code: WarningCode::OpenEncryption,
            page: None,
            detail: "El archivo está cifrado, pero se abre sin contraseña.".to_owned(),
        });
    }
    if document.xref_recovery.is_some() {
        structure.warnings.push(Warning {
            code: WarningCode::Repaired,
            page: None,
            detail: "El índice interno del archivo está dañado; se ha reconstruido para leerlo."
                .to_owned(),
        });
    }
    Ok(structure)
}

/// Refuses arrays and dictionaries nested deeper than any file needs: every parser of PDF goes
/// down them by recursion. Streams are left out; what they hold is read with limits of its own.
fn check_nesting(bytes: &[u8], limit: u32) -> Result<(), ExtractError> {
    let (mut depth, mut at) = (0_u32, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'[' => depth += 1,
            b'<' if bytes.get(at + 1) == Some(&b'<') => {
                depth += 1;
                at += 1;
            }
            b']' => depth = depth.saturating_sub(1),
            b'>' if bytes.get(at + 1) == Some(&b'>') => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            b'e' if bytes[at..].starts_with(b"endobj") => depth = 0,
            b's' if bytes[at..].starts_with(b"stream") && depth < 8 => {
                let body = &bytes[at + 6..];
                at += 6 + find(body, b"endstream").unwrap_or(body.len());
                depth = 0;
            }
            _ => {}
        }
        if depth > limit {
            return Err(ExtractError::TooDeep { limit });
        }
        at += 1;
    }
    Ok(())
}

pub(super) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(offset) = bytes.get(from..)?.iter().position(|b| *b == first) {
        let at = from + offset;
        if bytes[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// Unpacks every stream that painting may unpack, and counts. Pictures are never unpacked.
fn check_streams(document: &Document, limits: &ExtractLimits) -> Result<(), ExtractError> {
    let each = usize::try_from(limits.max_stream_bytes).unwrap_or(usize::MAX);
    let mut total = 0_u64;
    for object in document.objects.values() {
        let Object::Stream(stream) = object else {
            continue;
        };
        let picture = stream.dict.get(b"Subtype").and_then(Object::as_name).ok() == Some(b"Image");
        if picture || !stream.dict.has(b"Filter") {
            continue;
        }
        match stream.decompressed_content_with_limit(each) {
            Ok(content) => total += content.len() as u64,
            Err(Error::Decompress(
                DecompressError::MemoryLimitExceeded { .. }
                | DecompressError::TooManyFilters { .. },
            )) => return Err(ExtractError::Bomb),
            Err(_) => {}
        }
        if total > limits.max_total_bytes {
            return Err(ExtractError::Bomb);
        }
    }
    Ok(())
}

fn clean(object: &Object) -> Option<String> {
    let text = collapse_whitespace(&printable(&decode_text_string(object).ok()?));
    (!text.is_empty()).then_some(text)
}

fn title(document: &Document) -> Option<String> {
    let info = document
        .trailer
        .get_deref(b"Info", document)
        .ok()?
        .as_dict()
        .ok()?;
    let title = clean(info.get_deref(b"Title", document).ok()?)?;
    let lower = title.to_lowercase();
    // What word processors write there when nobody does.
    let made = [
        "microsoft word",
        "untitled",
        "sin título",
        "documento",
        "presentación",
        "title",
    ]
    .iter()
    .any(|junk| lower == *junk || lower.starts_with(&format!("{junk} - ")));
    let file = [
        ".doc", ".docx", ".pdf", ".odt", ".indd", ".tex", ".dvi", ".qxd", ".rtf",
    ]
    .iter()
    .any(|extension| lower.ends_with(extension));
    (!made && !file && title.chars().filter(|c| c.is_alphabetic()).count() >= 3).then_some(title)
}

fn language(document: &Document) -> Option<Language> {
    let language = document.catalog().ok()?.get_deref(b"Lang", document).ok()?;
    clean(language)?.parse().ok()
}

fn outline(document: &Document) -> Vec<OutlineItem> {
    let mut items = Vec::new();
    let mut seen = HashSet::new();
    let root = document
        .catalog()
        .and_then(|catalog| catalog.get(b"Outlines"))
        .and_then(|root| document.dereference(root))
        .and_then(|(_, root)| root.as_dict());
    let mut stack: Vec<(Object, u8)> = Vec::new();
    if let Ok(root) = root
        && let Ok(first) = root.get(b"First")
    {
        stack.push((first.clone(), 1));
    }
    while let Some((object, level)) = stack.pop() {
        let Object::Reference(id) = object else {
            continue;
        };
        if !seen.insert(id) || items.len() >= MAX_OUTLINE {
            continue;
        }
        let Ok(item) = document.get_dictionary(id) else {
            continue;
        };
        if let Some(title) = item.get_deref(b"Title", document).ok().and_then(clean) {
            items.push(OutlineItem { title, level });
        }
        if let Ok(next) = item.get(b"Next") {
            stack.push((next.clone(), level));
        }
        if let Ok(first) = item.get(b"First")
            && level < MAX_OUTLINE_DEPTH
        {
            stack.push((first.clone(), level + 1));
        }
    }
    items
}

/// The label of each page, from the number tree of the catalogue.
fn labels(document: &Document, pages: usize) -> Vec<String> {
    let mut ranges: Vec<(usize, Dictionary)> = Vec::new();
    let mut stack: Vec<Object> = document
        .catalog()
        .and_then(|catalog| catalog.get(b"PageLabels"))
        .into_iter()
        .cloned()
        .collect();
    let mut visited = 0;
    while let Some(node) = stack.pop() {
        visited += 1;
        if visited > 1_000 {
            return Vec::new();
        }
        let Ok(node) = document
            .dereference(&node)
            .and_then(|(_, node)| node.as_dict())
        else {
            continue;
        };
        if let Ok(kids) = node.get_deref(b"Kids", document).and_then(Object::as_array) {
            stack.extend(kids.iter().cloned());
        }
        if let Ok(numbers) = node.get_deref(b"Nums", document).and_then(Object::as_array) {
            for pair in numbers.chunks_exact(2) {
                let from = pair[0]
                    .as_i64()
                    .ok()
                    .and_then(|from| usize::try_from(from).ok());
                let range = document
                    .dereference(&pair[1])
                    .and_then(|(_, range)| range.as_dict());
                if let (Some(from), Ok(range)) = (from, range) {
                    ranges.push((from, range.clone()));
                }
            }
        }
    }
    if ranges.is_empty() {
        return Vec::new();
    }
    ranges.sort_by_key(|(from, _)| *from);
    (0..pages)
        .map(|page| {
            let last = ranges.partition_point(|(from, _)| *from <= page);
            let Some((from, range)) = last.checked_sub(1).and_then(|last| ranges.get(last)) else {
                return (page + 1).to_string();
            };
            let start = range
                .get(b"St")
                .and_then(Object::as_i64)
                .unwrap_or(1)
                .clamp(1, 100_000);
            let number = start as usize + page - from;
            let prefix = range.get(b"P").ok().and_then(clean).unwrap_or_default();
            let style = range
                .get(b"S")
                .and_then(Object::as_name)
                .unwrap_or_default();
            let number = match style {
                b"D" => number.to_string(),
                b"R" => roman(number).to_uppercase(),
                b"r" => roman(number),
                b"A" => letters(number).to_uppercase(),
                b"a" => letters(number),
                _ => String::new(),
            };
            format!("{prefix}{number}")
        })
        .collect()
}

fn roman(mut number: usize) -> String {
    const SIGNS: [(usize, &str); 13] = [
        (1000, "m"),
        (900, "cm"),
        (500, "d"),
        (400, "cd"),
        (100, "c"),
        (90, "xc"),
        (50, "l"),
        (40, "xl"),
        (10, "x"),
        (9, "ix"),
        (5, "v"),
        (4, "iv"),
        (1, "i"),
    ];
    if number > 10_000 {
        return number.to_string();
    }
    let mut text = String::new();
    for (value, sign) in SIGNS {
        while number >= value {
            text.push_str(sign);
            number -= value;
        }
    }
    text
}

fn letters(number: usize) -> String {
    let number = number.max(1) - 1;
    let letter = char::from(b'a' + (number % 26) as u8);
    std::iter::repeat_n(letter, (number / 26 + 1).min(20)).collect()
}

/// What the file would do if a viewer let it.
fn actions(document: &Document) -> Vec<Warning> {
    let (mut script, mut launch, mut embedded) = (false, false, false);
    let mut look = |dictionary: &Dictionary| {
        match dictionary
            .get(b"S")
            .and_then(Object::as_name)
            .unwrap_or_default()
        {
            b"JavaScript" => script = true,
            b"Launch" | b"SubmitForm" | b"ImportData" => launch = true,
            _ => {}
        }
        script |= dictionary.has(b"JS");
        embedded |= dictionary.has(b"EF") || dictionary.has(b"EmbeddedFiles");
    };
    for object in document.objects.values() {
        let dictionary = match object {
            Object::Dictionary(dictionary) => dictionary,
            Object::Stream(stream) => &stream.dict,
            _ => continue,
        };
        look(dictionary);
        for (_, value) in dictionary.iter() {
            if let Object::Dictionary(inner) = value {
                look(inner);
            }
        }
    }
    let found = [
        (
            script,
            WarningCode::JavaScript,
            "El archivo contiene JavaScript; no se ha ejecutado.",
        ),
        (
            launch,
            WarningCode::LaunchAction,
            "El archivo pide abrir un programa o enviar datos; no se ha hecho.",
        ),
        (
            embedded,
            WarningCode::EmbeddedFiles,
            "El archivo lleva otros archivos adjuntos; no se han leído.",
        ),
    ];
    found
        .into_iter()
        .filter(|(present, ..)| *present)
        .map(|(_, code, detail)| Warning {
            code,
            page: None,
            detail: detail.to_owned(),
        })
        .collect()
}
