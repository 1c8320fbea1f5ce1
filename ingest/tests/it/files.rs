//! Files made for tests.

use std::fmt::Write as _;
use std::io::{Cursor, Write as _};

use ingest::{ExtractError, ExtractLimits, Extracted, extract};
use zip::write::SimpleFileOptions;

/// Reads bytes with the usual limits.
pub(crate) fn read(name: &str, bytes: &[u8]) -> Result<Extracted, ExtractError> {
    extract(name, bytes, &ExtractLimits::default())
}

/// Characters beyond ASCII that [`Pdf`] can set, and the glyph names fonts know them by.
const GLYPHS: [(char, &str); 34] = [
    ('á', "aacute"),
    ('é', "eacute"),
    ('í', "iacute"),
    ('ó', "oacute"),
    ('ú', "uacute"),
    ('ñ', "ntilde"),
    ('ü', "udieresis"),
    ('Á', "Aacute"),
    ('É', "Eacute"),
    ('Í', "Iacute"),
    ('Ó', "Oacute"),
    ('≤', "lessequal"),
    ('≥', "greaterequal"),
    ('±', "plusminus"),
    ('µ', "mu"),
    ('²', "twosuperior"),
    ('³', "threesuperior"),
    ('¹', "onesuperior"),
    ('‰', "perthousand"),
    ('º', "ordmasculine"),
    ('ª', "ordfeminine"),
    ('½', "onehalf"),
    ('–', "endash"),
    ('•', "bullet"),
    ('°', "degree"),
    ('«', "guillemotleft"),
    ('»', "guillemotright"),
    ('¿', "questiondown"),
    ('⁺', "uni207A"),
    ('⁹', "uni2079"),
    ('à', "agrave"),
    ('è', "egrave"),
    ('ç', "ccedilla"),
    ('·', "periodcentered"),
];

/// Every glyph is half an em wide: layout is then easy to reckon.
const WIDTH: f32 = 0.5;

/// Writes PDF files, page by page.
#[derive(Default)]
pub(crate) struct Pdf {
    pages: Vec<String>,
}

impl Pdf {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Begins a page.
    pub(crate) fn page(&mut self) -> &mut Self {
        self.pages.push(String::new());
        self
    }

    /// Raw operators.
    pub(crate) fn raw(&mut self, operators: &str) -> &mut Self {
        let page = self.pages.last_mut().expect("a page was begun");
        page.push_str(operators);
        page.push('\n');
        self
    }

    /// Text of regular weight, `y` from the top of the page.
    pub(crate) fn text(&mut self, x: f32, y: f32, size: f32, text: &str) -> &mut Self {
        self.set("F1", x, y, size, text)
    }

    /// Bold text.
    pub(crate) fn bold(&mut self, x: f32, y: f32, size: f32, text: &str) -> &mut Self {
        self.set("F2", x, y, size, text)
    }

    fn set(&mut self, font: &str, x: f32, y: f32, size: f32, text: &str) -> &mut Self {
        let hex = text.chars().fold(String::new(), |mut hex, c| {
            let code = match GLYPHS.iter().position(|(glyph, _)| *glyph == c) {
                Some(index) => 128 + index as u32,
                None => c as u32,
            };
            assert!(code < 256, "no glyph for {c}");
            let _ = write!(hex, "{code:02x}");
            hex
        });
        self.raw(&format!(
            "BT /{font} {size} Tf 1 0 0 1 {x} {} Tm <{hex}> Tj ET",
            842.0 - y
        ))
    }

    /// A straight line.
    pub(crate) fn rule(&mut self, x0: f32, y0: f32, x1: f32, y1: f32) -> &mut Self {
        self.raw(&format!(
            "0.5 w {x0} {} m {x1} {} l S",
            842.0 - y0,
            842.0 - y1
        ))
    }

    /// A ruled table: columns begin and end at `xs`, rows at `ys`, text of size 9 in the cells.
    pub(crate) fn table(&mut self, xs: &[f32], ys: &[f32], rows: &[&[&str]]) -> &mut Self {
        for y in ys {
            self.rule(xs[0], *y, xs[xs.len() - 1], *y);
        }
        for x in xs {
            self.rule(*x, ys[0], *x, ys[ys.len() - 1]);
        }
        for (row, cells) in rows.iter().enumerate() {
            for (column, cell) in cells.iter().enumerate() {
                for (line, text) in cell.split('\n').enumerate() {
                    let y = ys[row] + 11.0 + 11.0 * line as f32;
                    if row == 0 {
                        self.bold(xs[column] + 3.0, y, 9.0, text);
                    } else {
                        self.text(xs[column] + 3.0, y, 9.0, text);
                    }
                }
            }
        }
        self
    }

    /// The file.
    pub(crate) fn build(&self) -> Vec<u8> {
        self.build_with("")
    }

    /// The file, with entries added to its catalogue.
    pub(crate) fn build_with(&self, catalog: &str) -> Vec<u8> {
        let differences: String = GLYPHS.iter().map(|(_, name)| format!("/{name} ")).collect();
        let widths = "500 ".repeat(224);
        let font = |name: &str| {
            format!(
                "<</Type/Font/Subtype/Type1/BaseFont/{name}/FirstChar 32/LastChar 255/Widths[{widths}]/Encoding<</Type/Encoding/BaseEncoding/WinAnsiEncoding/Differences[128 {differences}]>>>>"
            )
        };
        let mut objects = vec![
            format!("<</Type/Catalog/Pages 2 0 R {catalog}>>"),
            String::new(),
            font("Helvetica"),
            font("Helvetica-Bold"),
        ];
        let mut kids = String::new();
        for page in &self.pages {
            let id = objects.len() + 1;
            let _ = write!(kids, "{id} 0 R ");
            objects.push(format!(
                "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R/F2 4 0 R>>>>/Contents {} 0 R>>",
                id + 1
            ));
            objects.push(format!(
                "<</Length {}>>stream\n{page}\nendstream",
                page.len()
            ));
        }
        objects[1] = format!("<</Type/Pages/Count {}/Kids[{kids}]>>", self.pages.len());
        raw_pdf(&objects, "")
    }
}

/// How wide the builder sets a text.
pub(crate) fn width(size: f32, text: &str) -> f32 {
    WIDTH * size * text.chars().count() as f32
}

/// A file of these objects, the first of which is the catalogue.
pub(crate) fn raw_pdf(objects: &[String], trailer: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend(format!("{} 0 obj\n{object}\nendobj\n", index + 1).bytes());
    }
    let start = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).bytes());
    for offset in offsets {
        file.extend(format!("{offset:010} 00000 n \n").bytes());
    }
    file.extend(
        format!(
            "trailer\n<</Size {}/Root 1 0 R {trailer}>>\nstartxref\n{start}\n%%EOF\n",
            objects.len() + 1
        )
        .bytes(),
    );
    file
}

/// A zip of these parts.
pub(crate) fn zip(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .expect("a part is begun");
        writer.write_all(bytes).expect("a part is written");
    }
    writer.finish().expect("the zip is ended").into_inner()
}

/// A Word document with this body.
pub(crate) fn docx(body: &str) -> Vec<u8> {
    let document = format!(
        r#"<?xml version="1.0" encoding="UTF-8"?><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>{body}</w:body></w:document>"#
    );
    zip(&[
        (
            "[Content_Types].xml",
            br#"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"#,
        ),
        (
            "_rels/.rels",
            br#"<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>"#,
        ),
        ("word/document.xml", document.as_bytes()),
    ])
}

/// A paragraph of a Word document.
pub(crate) fn paragraph(text: &str) -> String {
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    format!(r#"<w:p><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>"#)
}
