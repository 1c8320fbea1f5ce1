//! Passages: whole rows, whole sentences, their section, and quotes that stand on their page.

use domain::{DocumentId, Language, Passage, SegmentKind, VersionId};
use ingest::{ChunkConfig, Extracted, WordCounter, chunk};

use crate::files::{Pdf, read};

fn passages(extracted: &Extracted) -> Vec<Passage> {
    chunk(
        extracted,
        DocumentId::generate(),
        VersionId::generate(),
        Language::Spanish,
        &ChunkConfig::default(),
        &WordCounter,
    )
}

/// Every segment's quotes stand verbatim in the text of their page.
fn check_quotes(extracted: &Extracted) {
    for passage in passages(extracted) {
        for segment in &passage.segments {
            for quote in passage.segment_quotes(segment) {
                let page = quote.page.map_or(0, |page| page as usize - 1);
                let text = extracted.pages[page].text();
                assert!(
                    text.contains(&quote.text),
                    "«{}» is not on page {page}: {text}",
                    quote.text
                );
                assert_eq!(quote.boxes.is_empty(), !extracted.has_pages);
            }
        }
    }
}

fn protocol() -> Vec<u8> {
    let mut pdf = Pdf::new();
    pdf.page().bold(72.0, 80.0, 16.0, "4 Tratamiento");
    for line in 0..8 {
        pdf.text(
            72.0,
            100.0 + 13.0 * line as f32,
            10.0,
            "Se inician los cuatro grupos con el paciente estable y sin congestión, en",
        );
    }
    pdf.text(72.0, 204.0, 10.0, "menos de cuatro semanas.")
        .bold(72.0, 230.0, 12.0, "4.1 Dosis");
    pdf.text(72.0, 250.0, 9.0, "Tabla 1: Dosis de los betabloqueantes");
    pdf.table(
        &[72.0, 180.0, 300.0],
        &[260.0, 276.0, 292.0, 308.0],
        &[
            &["Fármaco", "Dosis"],
            &["Bisoprolol", "1,25 mg/24 h"],
            &["Carvedilol", "3,125 mg/12 h"],
        ],
    );
    pdf.text(
        72.0,
        700.0,
        10.0,
        "Espere dos semanas antes de doblar la dosis y mida siempre la frecuencia",
    );
    pdf.page()
        .text(72.0, 80.0, 10.0, "cardiaca y la tensión en reposo.");
    pdf.build()
}

#[test]
fn a_passage_knows_its_section_and_never_crosses_a_heading() {
    let passages = passages(&read("a.pdf", &protocol()).unwrap());
    let sections: Vec<_> = passages
        .iter()
        .map(|passage| passage.section.clone())
        .collect();
    let (above, below) = (
        vec!["4 Tratamiento".to_owned()],
        vec!["4 Tratamiento".to_owned(), "4.1 Dosis".to_owned()],
    );
    assert_eq!(sections, [above, below.clone(), below]);
}

#[test]
fn rows_of_a_table_stand_whole_after_its_caption() {
    let passages = passages(&read("a.pdf", &protocol()).unwrap());
    assert_eq!(
        passages[1].text,
        "Tabla 1: Dosis de los betabloqueantes\n\
         Fármaco: Bisoprolol; Dosis: 1,25 mg/24 h\n\
         Fármaco: Carvedilol; Dosis: 3,125 mg/12 h"
    );
    let row = &passages[1].segments[2];
    assert_eq!(
        (row.kind, row.quote.as_deref()),
        (SegmentKind::TableRow, Some("Carvedilol 3,125 mg/12 h"))
    );
}

#[test]
fn a_paragraph_over_a_page_break_is_one_and_is_quoted_page_by_page() {
    let passages = passages(&read("a.pdf", &protocol()).unwrap());
    let last = passages.last().unwrap();
    assert!(
        last.text.contains("la frecuencia cardiaca y la tensión"),
        "{}",
        last.text
    );
    assert_eq!(last.pages(), [1, 2]);
    assert_eq!(
        last.segment_quotes(&last.segments[0])[1].text,
        "cardiaca y la tensión en reposo."
    );
}

#[test]
fn every_quote_stands_on_its_page() {
    check_quotes(&read("a.pdf", &protocol()).unwrap());
    let markdown = "# Dosis\n\nTexto con 10^9^/l.\n\n| A | B |\n|---|---|\n| x | ≤ 5 |\n";
    check_quotes(&read("a.md", markdown.as_bytes()).unwrap());
}

#[test]
fn a_long_paragraph_is_cut_between_sentences() {
    let sentence =
        "El paciente se pesa cada mañana en ayunas y anota el peso en su libreta de control.";
    let text = [sentence; 60].join(" ");
    let passages = passages(&read("a.txt", text.as_bytes()).unwrap());
    assert!(passages.len() > 3);
    for passage in &passages {
        assert!(passage.text.starts_with("El paciente") && passage.text.ends_with("control."));
        assert!(passage.text.split_whitespace().count() < 300);
    }
}

#[test]
fn a_document_of_headings_alone_is_still_found() {
    let passages = passages(&read("a.md", b"# Uno\n\n## Dos\n\n# Tres\n").unwrap());
    let texts: Vec<_> = passages
        .iter()
        .map(|passage| passage.text.as_str())
        .collect();
    assert_eq!(texts, ["Dos", "Tres"]);
}

#[test]
fn the_same_version_gives_the_same_identifiers() {
    let extracted = read("a.pdf", &protocol()).unwrap();
    let (document, version) = (DocumentId::generate(), VersionId::generate());
    let cut = || {
        chunk(
            &extracted,
            document,
            version,
            Language::Spanish,
            &ChunkConfig::default(),
            &WordCounter,
        )
    };
    assert_eq!(cut(), cut());
}
