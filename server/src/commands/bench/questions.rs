//! How long a search and an answer take over many passages.

use std::time::Instant;

use catalog::{Parsed, Receipt, Received};
use domain::{Language, Passage, PassageId, Question, Segment, SegmentKind};
use retriever::IndexPassage;
use serde_json::{Map, Value, json};

use super::text::TextSource;
use crate::answering::{self, View};
use crate::app::App;
use crate::commands::eval::Latency;
use crate::error::Failure;
use crate::failures::{catalog_failure, index_failure};
use crate::output::Output;
use crate::settings::Settings;

const QUESTIONS: usize = 500;
const PASSAGES_PER_DOCUMENT: usize = 50;

pub(super) async fn measure(
    settings: &Settings,
    passages: usize,
    (search, ask): (bool, bool),
    output: Output,
) -> Result<Map<String, Value>, Failure> {
    let (_folder, settings) = super::temporary(settings)?;
    let app = App::open_scratch(settings).await?;
    let mut source = TextSource::new(&app)?;
    output.say(&format!("Preparando {passages} pasajes…"));
    let started = Instant::now();
    fill(&app, &mut source, passages).await?;
    let build_s = started.elapsed().as_secs_f64();
    let asked: Vec<Question> = (0..QUESTIONS)
        .filter_map(|_| Question::parse(&source.question(), Some(Language::Spanish)).ok())
        .collect();
    let mut report = Map::new();
    let view = View::default();
    // Warmed by the first tenth, as a server is.
    for question in asked.iter().take(QUESTIONS / 10) {
        answering::ask(&app, question, &view, None).await?;
    }
    if search {
        let (mut index, mut whole) = (Vec::new(), Vec::new());
        for question in &asked {
            let started = Instant::now();
            app.retriever()
                .retrieve(question, &domain::Scope::default(), 10)
                .await
                .map_err(crate::failures::retrieve_failure)?;
            index.push(started.elapsed().as_secs_f64() * 1e3);
            let started = Instant::now();
            answering::search(&app, question, &view, 10).await?;
            whole.push(started.elapsed().as_secs_f64() * 1e3);
        }
        report.insert(
            "search".to_owned(),
            json!({
                "passages": passages,
                "build_s": crate::wire::round_ms(build_s),
                "index_ms": Latency::of(index),
                "search_ms": Latency::of(whole),
            }),
        );
    }
    if ask {
        let mut times = Vec::new();
        for question in &asked {
            let started = Instant::now();
            answering::ask(&app, question, &view, None).await?;
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        report.insert(
            "ask".to_owned(),
            json!({"passages": passages, "ask_ms": Latency::of(times)}),
        );
    }
    app.close().await?;
    Ok(report)
}

/// Fills catalogue and index with documents of fifty passages, past the readers of files.
pub(super) async fn fill(
    app: &App,
    source: &mut TextSource,
    passages: usize,
) -> Result<(), Failure> {
    let mut left = passages;
    let mut number = 0_u64;
    while left > 0 {
        let count = left.min(PASSAGES_PER_DOCUMENT);
        left -= count;
        number += 1;
        let mut sha256 = [0; 32];
        sha256[..8].copy_from_slice(&number.to_be_bytes());
        let received = Received {
            file_name: format!("{number}.txt"),
            sha256,
            title: Some(source.rare_word()),
            collection: Some("bench".to_owned()),
            ..Received::default()
        };
        let Receipt::New {
            document_id,
            version_id,
            ..
        } = app
            .catalog()
            .receive(&received)
            .await
            .map_err(catalog_failure)?
        else {
            continue;
        };
        let made: Vec<Passage> = (0..count)
            .map(|ordinal| {
                let ordinal = u32::try_from(ordinal).unwrap_or(0);
                let text = source.paragraph(120);
                let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
                Passage {
                    id: PassageId::of(version_id, ordinal, &text),
                    document_id,
                    version_id,
                    ordinal,
                    section: vec![source.rare_word()],
                    segments: vec![Segment {
                        start: 0,
                        end,
                        kind: SegmentKind::Paragraph,
                        quote: None,
                    }],
                    text,
                    language: Language::Spanish,
                    spans: Vec::new(),
                }
            })
            .collect();
        let parsed = Parsed {
            title: None,
            language: Language::Spanish,
            page_count: None,
            media_type: "text/plain",
            warnings: &[],
            passages: &made,
        };
        app.catalog()
            .parsed(version_id, &parsed)
            .await
            .map_err(catalog_failure)?;
        app.catalog()
            .mark_in_index(version_id, true)
            .await
            .map_err(catalog_failure)?;
        let title = received.title.unwrap_or_default();
        let points: Vec<IndexPassage<'_>> = made
            .iter()
            .map(|passage| IndexPassage {
                passage,
                title: &title,
                collection: "bench",
                groups: &[],
            })
            .collect();
        app.retriever()
            .index_passages(&points)
            .await
            .map_err(index_failure)?;
        app.catalog()
            .indexed(version_id)
            .await
            .map_err(catalog_failure)?;
        app.catalog()
            .activate(version_id)
            .await
            .map_err(catalog_failure)?;
    }
    app.index().optimize().await.map_err(index_failure)?;
    app.index().flush().await.map_err(index_failure)
}
