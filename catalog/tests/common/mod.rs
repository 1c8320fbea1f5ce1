//! Catalogues to test on, and documents to put in them.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]

pub mod postgres;

use catalog::{
    Activated, Catalog, CatalogConfig, Durability, Parsed, Receipt, Received, StoredWarning,
};
use domain::{
    BoundingBox, DocumentId, JobId, Language, PageBox, Passage, PassageId, Ranked, Scope, Segment,
    SegmentKind, Span, VersionId,
};
use jiff::civil::{Date, date};
use tempfile::TempDir;

/// A catalogue of its own for one test.
pub struct World {
    pub catalog: Catalog,
    pub url: String,
    pub folder: Option<TempDir>,
}

impl World {
    pub async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("catalog.sqlite").display());
        let config = CatalogConfig {
            durability: Durability::Scratch,
            ..CatalogConfig::new(&url)
        };
        let catalog = Catalog::open(&config).await.unwrap();
        Self {
            catalog,
            url,
            folder: Some(folder),
        }
    }
}

pub const TODAY: Date = date(2026, 11, 23);

/// A file with these contents, named as it is.
pub fn file(name: &str, contents: &str) -> Received {
    Received {
        file_name: name.to_owned(),
        source_key: Some(format!("/docs/{name}")),
        sha256: digest(contents),
        byte_size: contents.len() as u64,
        ..Received::default()
    }
}

/// Not SHA-256: any 32 bytes that differ with the contents.
pub fn digest(contents: &str) -> [u8; 32] {
    let mut digest = [contents.len() as u8; 32];
    for (index, byte) in contents.bytes().enumerate() {
        let place = &mut digest[index % 32];
        *place = place.rotate_left(3) ^ byte;
    }
    digest
}

/// What a new version was called.
#[derive(Debug, Clone, Copy)]
pub struct New {
    pub document: DocumentId,
    pub version: VersionId,
    pub number: u32,
    pub job: JobId,
}

pub async fn receive(catalog: &Catalog, file: &Received) -> New {
    match catalog.receive(file).await.unwrap() {
        Receipt::New {
            document_id,
            version_id,
            version,
            job_id,
        } => New {
            document: document_id,
            version: version_id,
            number: version,
            job: job_id,
        },
        known @ Receipt::Unchanged { .. } => panic!("not new: {known:?}"),
    }
}

/// A passage whose text is one paragraph, its words one after the other on a page.
pub fn passage(new: New, ordinal: u32, text: &str) -> Passage {
    let mut spans = Vec::new();
    let mut start = 0_u32;
    for (index, word) in text.split(' ').enumerate() {
        let end = start + u32::try_from(word.len()).unwrap();
        let x0 = 72.0 + 40.25 * index as f32;
        let bbox = BoundingBox {
            x0,
            y0: 100.0,
            x1: x0 + 35.5,
            y1: 112.3,
        };
        spans.push(Span {
            start,
            end,
            place: PageBox {
                page: ordinal + 1,
                bbox,
            },
        });
        start = end + 1;
    }
    let end = u32::try_from(text.len()).unwrap();
    Passage {
        id: PassageId::of(new.version, ordinal, text),
        document_id: new.document,
        version_id: new.version,
        ordinal,
        section: vec!["Tratamiento".into(), "Dosis".into()],
        text: text.to_owned(),
        language: Language::Spanish,
        segments: vec![Segment {
            start: 0,
            end,
            kind: SegmentKind::Paragraph,
            quote: None,
        }],
        spans,
    }
}

pub fn passages(new: New, texts: &[&str]) -> Vec<Passage> {
    (0..)
        .zip(texts)
        .map(|(ordinal, text)| passage(new, ordinal, text))
        .collect()
}

pub fn parsed<'a>(passages: &'a [Passage], warnings: &'a [StoredWarning]) -> Parsed<'a> {
    Parsed {
        title: Some("Protocolo de insuficiencia cardíaca"),
        language: Language::Spanish,
        page_count: Some(2),
        media_type: "application/pdf",
        warnings,
        passages,
    }
}

/// Takes a new version through every step; the passages it has.
pub async fn publish(catalog: &Catalog, new: New, texts: &[&str]) -> (Activated, Vec<Passage>) {
    let passages = index(catalog, new, texts).await;
    (catalog.activate(new.version).await.unwrap(), passages)
}

/// Takes a new version up to indexed.
pub async fn index(catalog: &Catalog, new: New, texts: &[&str]) -> Vec<Passage> {
    let passages = passages(new, texts);
    catalog.begin_attempt(new.version).await.unwrap();
    catalog
        .parsed(new.version, &parsed(&passages, &[]))
        .await
        .unwrap();
    catalog.mark_in_index(new.version, true).await.unwrap();
    catalog.indexed(new.version).await.unwrap();
    passages
}

/// Receives and publishes a file.
pub async fn add(catalog: &Catalog, file: &Received, texts: &[&str]) -> (New, Vec<Passage>) {
    let new = receive(catalog, file).await;
    let (_, passages) = publish(catalog, new, texts).await;
    (new, passages)
}

pub fn ranked<'a>(passages: impl IntoIterator<Item = &'a Passage>) -> Vec<Ranked> {
    passages
        .into_iter()
        .zip(0_u8..)
        .map(|(passage, place)| Ranked {
            passage_id: passage.id,
            score: 9.0 - f32::from(place) / 10.0,
        })
        .collect()
}

/// The texts that may answer today, of all that were ever indexed.
pub async fn answers(catalog: &Catalog, passages: &[Passage]) -> Vec<String> {
    answers_on(catalog, passages, &Scope::default(), TODAY).await
}

pub async fn answers_on(
    catalog: &Catalog,
    passages: &[Passage],
    scope: &Scope,
    day: Date,
) -> Vec<String> {
    let evidence = catalog
        .evidence(&ranked(passages), scope, day)
        .await
        .unwrap();
    evidence
        .passages
        .into_iter()
        .map(|offered| offered.passage.text)
        .collect()
}
