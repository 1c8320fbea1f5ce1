//! Signs that change what a doctor does must come through every format.

use ingest::Extracted;

use crate::files::{Pdf, docx, paragraph, read};

const SIGNS: &str = "≤ ≥ < > ± µ ⁺ ² ‰ º ½ & –";
const VALUES: &str = "10⁹/l y 1,25 mg y 24/26 mg";

fn check(extracted: &Extracted) {
    let text = extracted.pages[0].text();
    for sign in SIGNS
        .split(' ')
        .chain(["10⁹/l", "1,25 mg", "24/26 mg", "K+ > 5,0", "TFGe < 30"])
    {
        assert!(
            text.contains(sign),
            "{} lost {sign}: {text}",
            extracted.media_type.mime()
        );
    }
}

#[test]
fn plain_text_keeps_them() {
    let text = format!("{SIGNS}\n{VALUES}\nK+ > 5,0 y TFGe < 30");
    check(&read("a.txt", text.as_bytes()).unwrap());
}

#[test]
fn markdown_keeps_them() {
    let text = format!("{SIGNS}\n\n10^9^/l y {VALUES}\n\nK+ > 5,0 y TFGe < 30\n");
    check(&read("a.md", text.as_bytes()).unwrap());
}

#[test]
fn html_keeps_them() {
    let html = format!(
        "<html><body><p>{}</p><p>10<sup>9</sup>/l y 1,25&nbsp;mg y 24/26 mg</p><p>K+ &gt; 5,0 y TFGe &lt; 30</p></body></html>",
        SIGNS
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    );
    check(&read("a.html", html.as_bytes()).unwrap());
}

#[test]
fn docx_keeps_them() {
    let raised = r#"<w:p><w:r><w:t xml:space="preserve">10</w:t></w:r><w:r><w:rPr><w:vertAlign w:val="superscript"/></w:rPr><w:t>9</w:t></w:r><w:r><w:t xml:space="preserve">/l y 1,25 mg y 24/26 mg</w:t></w:r></w:p>"#;
    let body = format!(
        "{}{raised}{}",
        paragraph(SIGNS),
        paragraph("K+ > 5,0 y TFGe < 30")
    );
    check(&read("a.docx", &docx(&body)).unwrap());
}

#[test]
fn pdf_keeps_them() {
    let mut pdf = Pdf::new();
    pdf.page().text(72.0, 100.0, 11.0, SIGNS);
    pdf.text(72.0, 120.0, 11.0, "10")
        .text(83.0, 115.0, 7.0, "9")
        .text(86.5, 120.0, 11.0, "/l y 1,25 mg y 24/26 mg");
    pdf.text(72.0, 140.0, 11.0, "K+ > 5,0 y TFGe < 30");
    check(&read("a.pdf", &pdf.build()).unwrap());
}

#[test]
fn text_struck_out_in_a_docx_is_not_read_as_if_it_stood() {
    let body = r#"<w:p><w:r><w:t xml:space="preserve">Usar </w:t></w:r><w:r><w:rPr><w:strike/></w:rPr><w:t>digoxina</w:t></w:r></w:p>"#;
    let text = read("a.docx", &docx(body)).unwrap().pages[0].text();
    assert_eq!(text, "Usar [tachado: digoxina]");
}

#[test]
fn what_a_tracked_change_deleted_is_not_read() {
    let body = r#"<w:p><w:r><w:t xml:space="preserve">Dosis </w:t></w:r><w:del w:id="1" w:author="a"><w:r><w:delText>5 mg</w:delText></w:r></w:del><w:ins w:id="2" w:author="a"><w:r><w:t>2,5 mg</w:t></w:r></w:ins></w:p>"#;
    assert_eq!(
        read("a.docx", &docx(body)).unwrap().pages[0].text(),
        "Dosis 2,5 mg"
    );
}
