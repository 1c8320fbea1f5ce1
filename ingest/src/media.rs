//! What a file is: told by its content, never by its name alone.

use serde::{Deserialize, Serialize};

use crate::ExtractError;

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MediaType {
    /// PDF with a text layer.
    Pdf,
    /// Word document (Office Open XML).
    Docx,
    /// Web page.
    Html,
    /// Markdown.
    Markdown,
    /// Plain text.
    Text,
}

impl MediaType {
    /// The name that MIME gives it.
    #[must_use]
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Html => "text/html",
            Self::Markdown => "text/markdown",
            Self::Text => "text/plain",
        }
    }
}

/// How much of a file is looked at.
const HEAD: usize = 4096;

/// Beginnings of formats that are not read, and their names.
const OTHERS: [(&[u8], &str); 20] = [
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "documento antiguo de Office",
    ),
    (b"{\\rtf", "RTF"),
    (b"\x89PNG", "imagen PNG"),
    (b"\xff\xd8\xff", "imagen JPEG"),
    (b"GIF8", "imagen GIF"),
    (b"II*\0", "imagen TIFF"),
    (b"MM\0*", "imagen TIFF"),
    (b"BM", "imagen BMP"),
    (b"RIFF", "audio o vídeo"),
    (b"ID3", "audio MP3"),
    (b"OggS", "audio Ogg"),
    (b"\x1f\x8b", "archivo comprimido gzip"),
    (b"7z\xbc\xaf\x27\x1c", "archivo comprimido 7z"),
    (b"Rar!", "archivo comprimido RAR"),
    (b"BZh", "archivo comprimido bzip2"),
    (b"\xfd7zXZ", "archivo comprimido xz"),
    (b"\x7fELF", "programa"),
    (b"MZ", "programa"),
    (b"SQLite format 3\0", "base de datos SQLite"),
    (b"%!PS", "PostScript"),
];

/// Tells what `bytes` are. The content decides; the extension of `file_name` only tells text,
/// Markdown and HTML apart.
///
/// # Errors
/// When the file is empty or of no format that is read.
pub fn sniff(file_name: &str, bytes: &[u8]) -> Result<MediaType, ExtractError> {
    if bytes.is_empty() {
        return Err(ExtractError::Empty);
    }
    let head = &bytes[..bytes.len().min(HEAD)];
    // The standard lets up to 1,024 bytes stand before a PDF's mark.
    if contains(&head[..head.len().min(1024)], b"%PDF-") {
        return Ok(MediaType::Pdf);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return zipped(bytes);
    }
    if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| is(head, magic)) {
        return Err(ExtractError::Unsupported {
            found: Some((*name).to_owned()),
        });
    }
    let wide = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    if !wide && head.contains(&0) {
        return Err(ExtractError::Unsupported { found: None });
    }
    Ok(textual(file_name, head, wide))
}

/// Two letters are no mark by themselves: text begins with them too.
fn is(head: &[u8], magic: &[u8]) -> bool {
    head.starts_with(magic) && (magic.len() > 2 || magic[0] == 0x1f || head.contains(&0))
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// A zip is a Word document when its parts say so.
fn zipped(bytes: &[u8]) -> Result<MediaType, ExtractError> {
    let Ok(archive) = zip::ZipArchive::new(std::io::Cursor::new(bytes)) else {
        // The list of parts stands at the end: a file that was cut has lost it.
        return Err(ExtractError::Truncated);
    };
    let has = |name: &str| archive.index_for_name(name).is_some();
    let named = |found: &str| {
        Err(ExtractError::Unsupported {
            found: Some(found.to_owned()),
        })
    };
    if has("word/document.xml") {
        Ok(MediaType::Docx)
    } else if has("xl/workbook.xml") {
        named("hoja de cálculo XLSX")
    } else if has("ppt/presentation.xml") {
        named("presentación PPTX")
    } else if has("EncryptedPackage") || has("EncryptionInfo") {
        Err(ExtractError::Encrypted)
    } else if has("content.xml") && has("mimetype") {
        named("OpenDocument")
    } else if archive
        .file_names()
        .flatten()
        .any(|name| name.starts_with("word/"))
    {
        Ok(MediaType::Docx)
    } else {
        named("archivo comprimido ZIP")
    }
}

fn textual(file_name: &str, head: &[u8], wide: bool) -> MediaType {
    let extension = file_name
        .rsplit_once('.')
        .map(|(_, extension)| extension.to_lowercase());
    let letters: String = head
        .iter()
        .filter(|b| !(wide && **b == 0))
        .map(|b| char::from(b.to_ascii_lowercase()))
        .collect();
    let start = letters.trim_start_matches(|c: char| !c.is_ascii_graphic());
    let marked = ["<!doctype html", "<html", "<head", "<body"]
        .iter()
        .any(|mark| start.starts_with(mark))
        || (start.starts_with("<?xml") && letters.contains("<html"));
    match extension.as_deref() {
        _ if marked => MediaType::Html,
        Some("html" | "htm" | "xhtml") => MediaType::Html,
        Some("md" | "markdown") => MediaType::Markdown,
        _ => MediaType::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, bytes: &[u8], expected: Result<MediaType, &str>) {
        assert_eq!(
            sniff(name, bytes).map_err(|error| error.code()),
            expected,
            "{name}"
        );
    }

    #[test]
    fn the_content_tells_the_type_and_the_name_only_text_formats() {
        check("a.docx", b"%PDF-1.7\n", Ok(MediaType::Pdf));
        check("a.txt", b"<!DOCTYPE html><p>x", Ok(MediaType::Html));
        check("a.pdf", b"solo texto", Ok(MediaType::Text));
        check("a.md", b"# T\xc3\xadtulo", Ok(MediaType::Markdown));
        check("BM.txt", b"BMP bajo no es una imagen", Ok(MediaType::Text));
    }

    #[test]
    fn what_is_not_read_is_refused() {
        check("a.txt", b"", Err("empty_file"));
        check("a.pdf", b"\x89PNG\r\n\x1a\n", Err("unsupported_type"));
        check("a.txt", b"abc\0\0\0", Err("unsupported_type"));
        check("a.docx", b"PK\x03\x04 cut", Err("truncated"));
    }
}
