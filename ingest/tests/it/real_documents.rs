//! Real documents of the development data, where they are at hand.

use std::io::Write;
use std::path::PathBuf;

use domain::{DocumentId, Language, VersionId};
use ingest::{ChunkConfig, WordCounter, chunk};

use crate::files::read;

/// The folder of development data, or why nothing is checked.
fn shared(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("SISTOLE_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")),
        PathBuf::from,
    );
    let path = root.join("data").join(folder);
    if path.is_dir() {
        return Some(path);
    }
    // The handle, not the macro: what the macro says is shown of failed tests only.
    let _ = writeln!(
        std::io::stderr(),
        "NOT RUN: {folder} of the development data is not here (set SISTOLE_SHARED)"
    );
    None
}

#[test]
fn every_quote_of_real_product_information_stands_in_its_document() {
    let Some(folder) = shared("documents/aemps-html") else {
        return;
    };
    let mut documents = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let extracted = read(&name, &std::fs::read(&path).unwrap()).unwrap();
        let text = extracted.pages[0].text();
        let passages = chunk(
            &extracted,
            DocumentId::generate(),
            VersionId::generate(),
            Language::Spanish,
            &ChunkConfig::default(),
            &WordCounter,
        );
        assert!(passages.len() > 20, "{name}: {} passages", passages.len());
        for passage in &passages {
            for segment in &passage.segments {
                for quote in passage.segment_quotes(segment) {
                    assert!(text.contains(&quote.text), "{name}: {}", quote.text);
                }
            }
        }
        documents += 1;
    }
    assert!(documents > 0);
}
