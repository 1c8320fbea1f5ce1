//! Files that are broken, hostile or not what they say: each a clear code and message, nothing
//! half done, and catalogue and index in agreement afterwards.

use std::fmt::Write as _;

use crate::harness::{Sistole, repository};

/// A PDF whose one page has this content stream; `extra` goes into the trailer, `objects` (numbered
/// from 6) stand beside its own.
fn pdf(content: &str, extra: &str, objects: &[&str]) -> Vec<u8> {
    let stream = format!(
        "<</Length {}>>\nstream\n{content}\nendstream",
        content.len()
    );
    let page = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]\
         /Resources<</Font<</F1 5 0 R>>>>/Contents 4 0 R>>";
    let mut bodies = vec![
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Count 1/Kids[3 0 R]>>",
        page,
        &stream,
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ];
    bodies.extend(objects);
    let mut pdf = String::from("%PDF-1.4\n");
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", bodies.len() + 1);
    for (number, body) in bodies.iter().enumerate() {
        let _ = writeln!(table, "{:010} 00000 n ", pdf.len());
        let _ = write!(pdf, "{} 0 obj\n{body}\nendobj\n", number + 1);
    }
    let start = pdf.len();
    let size = bodies.len() + 1;
    let _ = write!(
        pdf,
        "{table}trailer\n<</Size {size}/Root 1 0 R{extra}>>\nstartxref\n{start}\n%%EOF\n"
    );
    pdf.into_bytes()
}

fn text_page(words: &str) -> String {
    format!("BT /F1 12 Tf 72 700 Td ({words}) Tj ET")
}

/// Ingests one bad file beside a good one and checks code, message and agreement.
fn check(name: &str, bytes: &[u8], codes: &[&str]) {
    check_with(name, bytes, codes, &[]);
}

fn check_with(name: &str, bytes: &[u8], codes: &[&str], environment: &[(&str, &str)]) {
    let sistole = Sistole::new();
    let bad = sistole.write(name, bytes);
    sistole.write("bueno.txt", "El peso se anota cada mañana.");
    let folder = bad.parent().unwrap();
    let mut command = sistole.command(&["ingest", folder.to_str().unwrap()]);
    command.envs(environment.iter().copied());
    let ran = crate::harness::run(&mut command);
    assert_eq!(ran.code, Some(3), "{name}: {}{}", ran.stdout, ran.stderr);
    let report = ran.json();
    assert_eq!(report["accepted"].as_array().unwrap().len(), 1, "{report}");
    let rejected = &report["rejected"][0];
    let code = rejected["code"].as_str().unwrap();
    assert!(codes.contains(&code), "{name}: {rejected}");
    let message = rejected["message"].as_str().unwrap();
    assert!(
        message.chars().count() > 20 && !message.contains("blobs"),
        "{message}"
    );
    assert_eq!(
        sistole.ask("¿Cuándo se anota el peso?")["status"],
        "answered"
    );
    sistole.must_agree();
}

#[test]
fn an_encrypted_pdf_asks_for_its_password_to_be_removed() {
    // A key of 40 bits that no password we know opens (the O and U entries are noise).
    let encryption = "<</Filter/Standard/V 1/R 2/Length 40/P -4\
         /O(12345678901234567890123456789012)/U(abcdefghijklmnopqrstuvwxyzabcdef)>>";
    let extra = "/Encrypt 6 0 R/ID[(0123456789abcdef)(0123456789abcdef)]";
    let bytes = pdf(&text_page("secreto"), extra, &[encryption]);
    check("cifrado.pdf", &bytes, &["encrypted"]);
}

#[test]
fn a_truncated_pdf_says_that_it_is_incomplete_or_damaged() {
    let whole = std::fs::read(
        repository().join("configs/sample-corpus/hoja-paciente-insuficiencia-cardiaca.pdf"),
    )
    .unwrap();
    check(
        "cortado.pdf",
        &whole[..whole.len() / 10],
        &["truncated", "damaged", "no_pages", "no_text"],
    );
}

#[test]
fn an_empty_file_says_so() {
    check("vacio.pdf", b"", &["empty_file"]);
}

#[test]
fn a_pdf_without_pages_says_so() {
    let bytes = b"%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Count 0/Kids[]>>\nendobj\ntrailer\n<</Size 3/Root 1 0 R>>\n%%EOF\n";
    check("sin-paginas.pdf", bytes, &["no_pages", "damaged"]);
}

#[test]
fn a_pdf_without_text_says_so() {
    check(
        "sin-texto.pdf",
        &pdf("0 0 100 100 re f", "", &[]),
        &["no_text"],
    );
}

#[test]
fn ten_thousand_nested_arrays_cost_only_the_file_itself() {
    let nested = format!("{}{}", "[".repeat(20_000), "]".repeat(20_000));
    let bytes = pdf(&text_page("hola"), "/Info 6 0 R", &[&nested]);
    let sistole = Sistole::new();
    let path = sistole.write("anidado.pdf", bytes);
    let ran = sistole.run(&["ingest", path.to_str().unwrap()]);
    assert!(
        matches!(ran.code, Some(0 | 3)),
        "{:?}: {}",
        ran.code,
        ran.stderr
    );
    sistole.run(&["documents", "list"]).done();
    sistole.must_agree();
}

#[test]
fn ten_thousand_nested_elements_of_html_are_too_deep() {
    let html = format!(
        "<html><body>{}peso{}</body></html>",
        "<div>".repeat(10_000),
        "</div>".repeat(10_000)
    );
    check("anidado.html", html.as_bytes(), &["too_deep"]);
}

#[test]
fn a_flate_bomb_is_stopped() {
    let bomb = zlib_of_zeros(64 << 20);
    let mut bytes = b"%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n2 0 obj\n<</Type/Pages/Count 1/Kids[3 0 R]>>\nendobj\n3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>\nendobj\n".to_vec();
    bytes.extend_from_slice(
        format!(
            "4 0 obj\n<</Length {}/Filter/FlateDecode>>\nstream\n",
            bomb.len()
        )
        .as_bytes(),
    );
    bytes.extend_from_slice(&bomb);
    bytes.extend_from_slice(b"\nendstream\nendobj\ntrailer\n<</Size 5/Root 1 0 R>>\n%%EOF\n");
    check(
        "bomba.pdf",
        &bytes,
        &[
            "bomb",
            "parser_memory",
            "no_text",
            "damaged",
            "parser_timeout",
        ],
    );
}

/// A zlib stream of `length` zeros, about a thousandth of its size: deflate blocks with fixed
/// codes whose matches repeat the byte before (RFC 1951).
fn zlib_of_zeros(length: usize) -> Vec<u8> {
    let mut bits: Vec<bool> = vec![true, true, false];
    let push = |bits: &mut Vec<bool>, code: u32, width: u32| {
        bits.extend((0..width).rev().map(|bit| code >> bit & 1 == 1));
    };
    push(&mut bits, 0x30, 8); // the literal 0
    for _ in 0..(length / 258) {
        push(&mut bits, 0b1100_0101, 8); // length 258
        push(&mut bits, 0, 5); // distance 1
    }
    push(&mut bits, 0, 7); // end of block
    let mut stream = vec![0x78, 0x9c];
    for byte in bits.chunks(8) {
        stream.push(
            byte.iter()
                .enumerate()
                .fold(0, |byte, (place, bit)| byte | u8::from(*bit) << place),
        );
    }
    let length = u32::try_from(1 + length / 258 * 258).unwrap();
    // Adler-32 of zeros: the low half stays 1, the high half counts them modulo 65,521.
    let adler = (length % 65_521) << 16 | 1;
    stream.extend_from_slice(&adler.to_be_bytes());
    stream
}

#[test]
fn a_file_is_what_its_content_says_whatever_its_name() {
    let sistole = Sistole::new();
    let path = sistole.write(
        "es-un-pdf.docx",
        pdf(
            &text_page("La consulta abre los martes a las nueve"),
            "",
            &[],
        ),
    );
    let report = sistole.ingest(&path);
    assert_eq!(report["accepted"][0]["pages"], 1, "{report}");
    sistole.must_agree();
}

#[test]
fn an_unsupported_type_says_what_to_use_instead() {
    check(
        "foto.pdf",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0",
        &["unsupported_type"],
    );
    check(
        "programa.txt",
        b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0",
        &["unsupported_type", "unreadable_encoding"],
    );
}

#[test]
fn an_unreadable_encoding_asks_for_utf8() {
    let noise: Vec<u8> = (0..4_000_u32)
        .map(|n| u8::try_from(n.wrapping_mul(2_654_435_761) >> 24).unwrap())
        .collect();
    check(
        "ruido.txt",
        &noise,
        &["unreadable_encoding", "unsupported_type"],
    );
}

#[test]
fn a_file_over_the_limit_names_the_limit_and_its_key() {
    let limit = [("SISTOLE__INGEST__LIMITS__MAX_FILE_BYTES", "1000")];
    check_with(
        "largo.txt",
        "peso ".repeat(1_000).as_bytes(),
        &["too_large"],
        &limit,
    );
}

#[test]
fn a_zip_bomb_of_an_office_file_is_stopped() {
    let length = 96 << 20;
    let zlib = zlib_of_zeros(length);
    // A ZIP entry holds the deflate stream alone, without zlib's head and sum.
    let bomb = &zlib[2..zlib.len() - 4];
    let entries: [(&str, u16, &[u8], usize); 2] = [
        ("[Content_Types].xml", 0, b"<Types/>", 8),
        ("word/document.xml", 8, bomb, length / 258 * 258 + 1),
    ];
    check("bomba.docx", &zip(&entries), &["bomb"]);
}

#[test]
fn an_empty_archive_called_docx_is_refused() {
    let codes = ["unsupported_type", "damaged", "no_text"];
    check("vacio.docx", &zip(&[]), &codes);
}

/// The cyclic redundancy check of ZIP (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 * (sum & 1))
        })
    })
}

/// A ZIP archive of entries (name, method, bytes as stored, unpacked length).
fn zip(entries: &[(&str, u16, &[u8], usize)]) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, method, bytes, unpacked) in entries {
        let mut fields = Vec::new();
        fields.extend_from_slice(&[20, 0, 0, 0]);
        fields.extend_from_slice(&method.to_le_bytes());
        fields.extend_from_slice(&[0; 4]);
        // Of a packed entry the sum is over what it unpacks to, which nobody is to reach.
        fields.extend_from_slice(&crc32(bytes).to_le_bytes());
        fields.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
        fields.extend_from_slice(&u32::try_from(*unpacked).unwrap().to_le_bytes());
        fields.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
        fields.extend_from_slice(&[0; 2]);
        directory.extend_from_slice(b"PK\x01\x02\x14\0");
        directory.extend_from_slice(&fields);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&u32::try_from(archive.len()).unwrap().to_le_bytes());
        directory.extend_from_slice(name.as_bytes());
        archive.extend_from_slice(b"PK\x03\x04");
        archive.extend_from_slice(&fields);
        archive.extend_from_slice(name.as_bytes());
        archive.extend_from_slice(bytes);
    }
    let (start, size) = (archive.len(), directory.len());
    archive.extend_from_slice(&directory);
    archive.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
    archive.extend_from_slice(&count);
    archive.extend_from_slice(&count);
    archive.extend_from_slice(&u32::try_from(size).unwrap().to_le_bytes());
    archive.extend_from_slice(&u32::try_from(start).unwrap().to_le_bytes());
    archive.extend_from_slice(&[0; 2]);
    archive
}
