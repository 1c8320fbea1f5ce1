//! How long a long PDF takes from file to searchable.

use std::fmt::Write as _;
use std::time::Instant;

use futures::StreamExt;
use serde_json::{Value, json};

use super::text::TextSource;
use crate::app::App;
use crate::error::{Failure, FailureClass};
use crate::ingestion::{self, Ended, ReadIn, Submission, Taken};
use crate::output::Output;
use crate::settings::Settings;

const PAGES: usize = 270;
const LINES: usize = 46;

pub(super) async fn measure(settings: &Settings, output: Output) -> Result<Value, Failure> {
    let (folder, settings) = super::temporary(settings)?;
    let app = App::open(settings).await?;
    let mut source = TextSource::new(&app)?;
    let path = folder.path().join("largo.pdf");
    let failed = |error: std::io::Error| {
        Failure::new(
            FailureClass::Failed,
            "temporary_dir",
            "no se puede escribir en la carpeta temporal",
        )
        .caused_by(error)
    };
    std::fs::write(&path, long_pdf(&mut source)).map_err(failed)?;
    output.say(&format!("Cargando un PDF de {PAGES} páginas…"));
    let started = Instant::now();
    let submission = Submission {
        path,
        shown: "largo.pdf".to_owned(),
        file_name: "largo.pdf".to_owned(),
        ..Submission::default()
    };
    let taken = ingestion::take(&app, submission).await;
    let Ok(Taken::New(work)) = taken else {
        return Err(Failure::new(
            FailureClass::Failed,
            "bench_failed",
            "el PDF de la medida no se ha podido guardar",
        ));
    };
    let works = futures::stream::iter([work]);
    let ended = std::pin::pin!(ingestion::process(app.clone(), works, ReadIn::Worker))
        .next()
        .await;
    let ms = crate::wire::milliseconds(started);
    app.close().await?;
    match ended {
        Some(Ended::Accepted(accepted)) => Ok(
            json!({"pages": accepted.pages, "passages": accepted.passages, "file_to_searchable_ms": ms}),
        ),
        _ => Err(Failure::new(
            FailureClass::Failed,
            "bench_failed",
            "el PDF de la medida no se ha podido leer",
        )),
    }
}

/// A PDF of one font and `PAGES` pages of `LINES` lines, as plain as the format allows.
fn long_pdf(source: &mut TextSource) -> Vec<u8> {
    let mut pdf = b"%PDF-1.4\n".to_vec();
    let mut offsets = Vec::new();
    let mut object = |body: &[u8], pdf: &mut Vec<u8>| {
        offsets.push(pdf.len());
        pdf.extend_from_slice(format!("{} 0 obj\n", offsets.len()).as_bytes());
        pdf.extend_from_slice(body);
        pdf.extend_from_slice(b"\nendobj\n");
    };
    let kids: String = (0..PAGES)
        .map(|page| format!("{} 0 R ", 4 + 2 * page))
        .collect();
    object(b"<</Type/Catalog/Pages 2 0 R>>", &mut pdf);
    object(
        format!("<</Type/Pages/Count {PAGES}/Kids[{kids}]>>").as_bytes(),
        &mut pdf,
    );
    object(
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        &mut pdf,
    );
    for page in 0..PAGES {
        let page_object = format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>/Contents {} 0 R>>",
            5 + 2 * page
        );
        object(page_object.as_bytes(), &mut pdf);
        let content = page_content(source);
        let mut stream = format!("<</Length {}>>\nstream\n", content.len()).into_bytes();
        stream.extend_from_slice(&content);
        stream.extend_from_slice(b"\nendstream");
        object(&stream, &mut pdf);
    }
    let start = pdf.len();
    let mut end = format!("xref\n0 {}\n0000000000 65535 f \n", offsets.len() + 1);
    for offset in &offsets {
        let _ = writeln!(end, "{offset:010} 00000 n ");
    }
    let _ = write!(
        end,
        "trailer<</Size {}/Root 1 0 R>>\nstartxref\n{start}\n%%EOF\n",
        offsets.len() + 1
    );
    pdf.extend_from_slice(end.as_bytes());
    pdf
}

fn page_content(source: &mut TextSource) -> Vec<u8> {
    let mut content = b"BT /F1 10 Tf 15 TL 60 780 Td".to_vec();
    let text = source.paragraph(LINES * 13);
    let words: Vec<&str> = text.split_whitespace().collect();
    for line in words.chunks(13).take(LINES) {
        content.extend_from_slice(b" (");
        for c in line.join(" ").chars() {
            match c {
                '(' | ')' | '\\' => content.extend_from_slice(&[b'\\', c as u8]),
                // Latin-1 is WinAnsi from 0xA0 on; other signs have no place in this font.
                _ => content.push(u8::try_from(u32::from(c)).unwrap_or(b'-')),
            }
        }
        content.extend_from_slice(b") Tj T*");
    }
    content.extend_from_slice(b" ET");
    content
}
