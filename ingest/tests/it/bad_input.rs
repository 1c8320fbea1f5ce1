//! Files that cannot be read: each ends in a clear error, with its code and its message.

use ingest::{ExtractLimits, extract};

use crate::files::{Pdf, docx, paragraph, raw_pdf, read, zip};

fn check(name: &str, bytes: &[u8], code: &str, says: &str) {
    let error = read(name, bytes).expect_err("the file is refused");
    assert_eq!(error.code(), code, "{name}: {error}");
    let message = error.to_string();
    assert!(
        message.contains(says),
        "{name}: «{message}» does not say «{says}»"
    );
}

fn pdf() -> Vec<u8> {
    Pdf::new()
        .page()
        .text(72.0, 100.0, 11.0, "Inicie bisoprolol 1,25 mg")
        .build()
}

/// A PDF whose page content is this stream.
fn pdf_with_stream(dictionary: &str, stream: &[u8]) -> Vec<u8> {
    let mut file = raw_pdf(
        &[
            "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
            "<</Type/Pages/Count 1/Kids[3 0 R]>>".to_owned(),
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>".to_owned(),
            format!(
                "<<{dictionary}/Length {}>>stream\n@@\nendstream",
                stream.len()
            ),
        ],
        "",
    );
    let at = file
        .windows(2)
        .position(|window| window == b"@@")
        .expect("the stream's place");
    file.splice(at..at + 2, stream.iter().copied());
    file
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    // The parts of a zip are deflated; a zlib stream is that with a head and a sum.
    let archive = zip(&[("x", bytes)]);
    let mut reader = zip::ZipArchive::new(std::io::Cursor::new(&archive)).expect("a zip");
    let part = reader.by_index_raw(0).expect("its part");
    let (start, size) = (
        part.data_start().expect("its place") as usize,
        part.compressed_size() as usize,
    );
    let mut stream = vec![0x78, 0x9c];
    stream.extend(&archive[start..start + size]);
    stream.extend([0; 4]);
    stream
}

#[test]
fn an_empty_file_is_refused() {
    check("protocolo.pdf", b"", "empty_file", "vacío");
}

#[test]
fn an_encrypted_pdf_asks_for_a_version_without_password() {
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Count 1/Kids[3 0 R]>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>".to_owned(),
        format!(
            "<</Filter/Standard/V 2/R 3/Length 128/P -3904/O<{}>/U<{}>>>",
            "5a".repeat(32),
            "c3".repeat(32)
        ),
    ];
    let id = "ab".repeat(16);
    let file = raw_pdf(&objects, &format!("/Encrypt 4 0 R/ID[<{id}><{id}>]"));
    check("protocolo.pdf", &file, "encrypted", "contraseña");
}

#[test]
fn a_pdf_cut_while_it_was_copied_is_refused_whole() {
    let file = Pdf::new()
        .page()
        .text(72.0, 100.0, 11.0, "Página uno")
        .page()
        .text(72.0, 100.0, 11.0, "Página dos")
        .build();
    for share in [2, 3, 5, 9] {
        check(
            "protocolo.pdf",
            &file[..file.len() * (share - 1) / share],
            "truncated",
            "cortado",
        );
    }
}

#[test]
fn a_docx_cut_while_it_was_copied_is_refused() {
    let file = docx(&paragraph("Inicie bisoprolol"));
    check("via.docx", &file[..file.len() / 2], "truncated", "cortado");
}

#[test]
fn a_pdf_that_is_only_its_first_line_is_refused() {
    check("protocolo.pdf", b"%PDF-1.7\n%%EOF\n", "damaged", "dañado");
}

#[test]
fn a_pdf_without_pages_is_refused() {
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Count 0/Kids[]>>".to_owned(),
    ];
    check(
        "vacio.pdf",
        &raw_pdf(&objects, ""),
        "no_pages",
        "ninguna página",
    );
}

#[test]
fn a_pdf_without_text_is_refused() {
    let file = Pdf::new().page().rule(10.0, 10.0, 300.0, 300.0).build();
    check("escaneado.pdf", &file, "no_text", "no tiene texto");
}

#[test]
fn arrays_nested_ten_thousand_times_are_refused() {
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let objects = [
        format!("<</Type/Catalog/Pages 2 0 R/X {deep}>>"),
        "<</Type/Pages/Count 1/Kids[3 0 R]>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>".to_owned(),
    ];
    check("hondo.pdf", &raw_pdf(&objects, ""), "too_deep", "anidados");
}

#[test]
fn sixty_thousand_nested_tables_of_a_docx_are_refused() {
    let deep = "<w:tbl><w:tr><w:tc>".repeat(60_000);
    check("hondo.docx", &docx(&deep), "too_deep", "anidados");
}

#[test]
fn elements_of_html_nested_ten_thousand_times_are_refused() {
    let deep = format!("<html><body>{}x", "<ul><li>".repeat(10_000));
    check("hondo.html", deep.as_bytes(), "too_deep", "anidados");
}

#[test]
fn quotations_of_markdown_nested_ten_thousand_times_are_refused() {
    let deep = format!("{} x", ">".repeat(10_000));
    check("hondo.md", deep.as_bytes(), "too_deep", "anidados");
}

#[test]
fn a_stream_that_unpacks_without_end_is_refused() {
    let once = deflated(&vec![b' '; 80 << 20]);
    check(
        "bomba.pdf",
        &pdf_with_stream("/Filter/FlateDecode", &once),
        "bomb",
        "bombas",
    );
    let twice = deflated(&once);
    let file = pdf_with_stream("/Filter[/FlateDecode/FlateDecode]", &twice);
    check("bomba.pdf", &file, "bomb", "bombas");
}

#[test]
fn a_part_of_a_docx_that_unpacks_without_end_is_refused() {
    let body = "A".repeat(80 << 20);
    check("bomba.docx", &docx(&paragraph(&body)), "bomb", "bombas");
}

#[test]
fn the_content_wins_over_a_wrong_extension() {
    let extracted = read("protocolo.docx", &pdf()).expect("a PDF is read whatever its name");
    assert_eq!(extracted.media_type.mime(), "application/pdf");
    check(
        "protocolo.pdf",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "unsupported_type",
        "imagen PNG",
    );
}

#[test]
fn types_that_are_not_read_are_named() {
    check(
        "hoja.xlsx",
        &zip(&[("xl/workbook.xml", b"<x/>")]),
        "unsupported_type",
        "XLSX",
    );
    check(
        "fotos.zip",
        &zip(&[("a.jpg", b"x")]),
        "unsupported_type",
        "ZIP",
    );
    check(
        "carta.rtf",
        b"{\\rtf1\\ansi hola}",
        "unsupported_type",
        "RTF",
    );
    check(
        "datos.bin",
        b"\x01\x02\0\0\0\x05abc",
        "unsupported_type",
        "PDF con texto",
    );
}

#[test]
fn text_in_no_known_encoding_is_refused() {
    let noise: Vec<u8> = (0..5000_u32)
        .map(|i| (i.wrapping_mul(2_654_435_761).rotate_left(9) >> 24) as u8)
        .map(|byte| if byte == 0 { 1 } else { byte })
        .collect();
    check("notas.txt", &noise, "unreadable_encoding", "UTF-8");
}

#[test]
fn a_file_over_the_limit_is_refused() {
    let limits = ExtractLimits {
        max_file_bytes: 100,
        ..ExtractLimits::default()
    };
    let error = extract("a.txt", &[b'a'; 101], &limits).expect_err("over the limit");
    assert_eq!(error.code(), "too_large");
    assert!(error.to_string().contains("100 bytes"), "{error}");
}

#[test]
fn a_pdf_of_too_many_pages_is_refused() {
    let limits = ExtractLimits {
        max_pages: 1,
        ..ExtractLimits::default()
    };
    let file = Pdf::new()
        .page()
        .text(72.0, 100.0, 11.0, "uno")
        .page()
        .build();
    let error = extract("a.pdf", &file, &limits).expect_err("over the limit");
    assert_eq!(error.code(), "too_large");
}
