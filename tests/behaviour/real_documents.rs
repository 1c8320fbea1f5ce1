//! Real public documents from the development data, where it is there.

use serde_json::Value;

use crate::harness::{Sistole, shared_data, squeezed};

#[test]
fn real_product_information_is_taken_whole_and_quoted_verbatim() {
    let Some(folder) = shared_data(
        "documents/aemps-html",
        "real product information is not ingested",
    ) else {
        return;
    };
    let sistole = Sistole::new();
    let first = sistole.ingest(&folder);
    let count = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(
        first["accepted"].as_array().unwrap().len(),
        count,
        "{first}"
    );
    let second = sistole.ingest(&folder);
    assert_eq!(second["unchanged"].as_array().unwrap().len(), count);
    let answer =
        sistole.ask("¿Cuántas aplicaciones al día de Recto Menaderm se recomiendan en adultos?");
    assert_eq!(answer["status"], "answered", "{answer}");
    quotes_stand(&sistole, &answer, &folder);
    sistole.must_agree();
}

#[test]
fn real_pdf_files_are_taken_whole_and_quoted_on_their_page() {
    let Some(folder) = shared_data("pdf-text/aemps", "real PDF leaflets are not ingested") else {
        return;
    };
    let sistole = Sistole::new();
    let report = sistole.ingest(&folder);
    assert_eq!(report["rejected"].as_array().unwrap().len(), 0, "{report}");
    for question in [
        "¿Cuáles son los posibles efectos adversos?",
        "¿Qué contiene cada comprimido?",
        "¿Cómo se debe conservar el medicamento?",
    ] {
        let answer = sistole.ask(question);
        quotes_stand(&sistole, &answer, &folder);
    }
}

fn quotes_stand(sistole: &Sistole, answer: &Value, folder: &std::path::Path) {
    for sentence in answer["sentences"].as_array().unwrap() {
        for citation in sentence["citations"].as_array().unwrap() {
            let path = folder.join(citation["file_name"].as_str().unwrap());
            let extracted = sistole.run(&["extract", path.to_str().unwrap()]).done();
            let page = citation["page"]
                .as_u64()
                .map_or(0, |page| usize::try_from(page).unwrap() - 1);
            let text = squeezed(extracted["pages"][page]["text"].as_str().unwrap());
            let quote = squeezed(citation["quote"].as_str().unwrap());
            assert!(
                text.contains(&quote),
                "«{quote}» does not stand on its page"
            );
        }
    }
}
