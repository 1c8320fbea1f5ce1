//! A small hospital's worth of passages.

use std::path::Path;
use std::sync::Arc;

use domain::{
    Analyzer, DocumentId, DomainPack, Language, Passage, PassageId, Question, Scope, VersionId,
};
use retriever::{
    EdgeIndex, IndexConfig, IndexError, IndexPassage, Opened, PassageIndex, Retriever,
};

pub(crate) const PACK: &str = include_str!("../../../configs/domain/heart-failure.toml");

pub(crate) fn analyzer() -> Arc<Analyzer> {
    let pack: DomainPack = toml::from_str(PACK).expect("the pack of the repository parses");
    Arc::new(Analyzer::new(Arc::new(pack)))
}

pub(crate) fn passage(version: VersionId, ordinal: u32, text: &str) -> Passage {
    Passage {
        id: PassageId::of(version, ordinal, text),
        document_id: DocumentId::from_uuid(*version.as_uuid()),
        version_id: version,
        ordinal,
        section: Vec::new(),
        text: text.to_owned(),
        language: Language::Spanish,
        segments: Vec::new(),
        spans: Vec::new(),
    }
}

/// An index in `dir` and a retriever over it.
pub(crate) struct Bench {
    pub(crate) retriever: Retriever,
    pub(crate) opened: Opened,
}

impl Bench {
    pub(crate) fn open(dir: &Path) -> Result<Self, IndexError> {
        Self::open_with(dir, IndexConfig::default())
    }

    pub(crate) fn open_with(dir: &Path, config: IndexConfig) -> Result<Self, IndexError> {
        let (index, opened) = EdgeIndex::open(dir, config.clone())?;
        let retriever = Retriever::new(Arc::new(index), analyzer(), config);
        Ok(Self { retriever, opened })
    }

    pub(crate) fn index(&self) -> &Arc<dyn PassageIndex> {
        self.retriever.index()
    }

    pub(crate) async fn add(&self, passages: &[Passage]) {
        self.add_to(passages, "protocolos", &[]).await;
    }

    pub(crate) async fn add_to(&self, passages: &[Passage], collection: &str, groups: &[String]) {
        self.retriever
            .index_passages(&indexed(passages, collection, groups))
            .await
            .unwrap();
    }

    pub(crate) async fn ask(&self, question: &str, scope: &Scope) -> Vec<PassageId> {
        let question = Question::parse(question, Some(Language::Spanish)).unwrap();
        let found = self.retriever.retrieve(&question, scope, 20).await.unwrap();
        found
            .ranked
            .into_iter()
            .map(|ranked| ranked.passage_id)
            .collect()
    }
}

pub(crate) fn indexed<'a>(
    passages: &'a [Passage],
    collection: &'a str,
    groups: &'a [String],
) -> Vec<IndexPassage<'a>> {
    let indexed = passages.iter().map(|passage| IndexPassage {
        passage,
        title: "Protocolo de insuficiencia cardíaca",
        collection,
        groups,
    });
    indexed.collect()
}
