//! From a question to ranked passages, and from passages to what the index holds of them.

use std::sync::Arc;
use std::time::Instant;

use domain::{Analyzer, Passage, Question, Ranked, Scope};

use crate::vector::Field;
use crate::{IndexConfig, IndexError, IndexPoint, PassageIndex, Rebuild, SparseVector};

/// A passage to be indexed, with what its document adds.
#[derive(Debug, Clone, Copy)]
pub struct IndexPassage<'a> {
    /// The passage.
    pub passage: &'a Passage,
    /// The document's title.
    pub title: &'a str,
    /// The document's collection.
    pub collection: &'a str,
    /// The groups the document is open to; none: open to everyone.
    pub groups: &'a [String],
}

/// What was found for a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrieved {
    /// Best first.
    pub ranked: Vec<Ranked>,
    /// Milliseconds to make the question's vector.
    pub embed_ms: f64,
    /// Milliseconds in the index.
    pub search_ms: f64,
}

/// Why nothing could be looked for.
#[derive(Debug, thiserror::Error)]
pub enum RetrieveError {
    /// The index failed.
    #[error("no se puede buscar ahora en los documentos")]
    Index(#[from] IndexError),
}

/// Searches an index with the words of a question, and fills it with passages.
#[derive(Clone)]
pub struct Retriever {
    index: Arc<dyn PassageIndex>,
    analyzer: Arc<Analyzer>,
    config: IndexConfig,
}

impl Retriever {
    /// A retriever over `index`, with the tokenizer and domain pack of `analyzer`.
    #[must_use]
    pub fn new(index: Arc<dyn PassageIndex>, analyzer: Arc<Analyzer>, config: IndexConfig) -> Self {
        Self {
            index,
            analyzer,
            config,
        }
    }

    /// The index behind it.
    #[must_use]
    pub fn index(&self) -> &Arc<dyn PassageIndex> {
        &self.index
    }

    /// The passages in `scope` that fit the question best, at most `limit`. A question with
    /// nothing to look for finds nothing.
    ///
    /// # Errors
    /// When the index fails.
    pub async fn retrieve(
        &self,
        question: &Question,
        scope: &Scope,
        limit: usize,
    ) -> Result<Retrieved, RetrieveError> {
        let started = Instant::now();
        let query = self.query(question);
        let embed_ms = started.elapsed().as_secs_f64() * 1_000.0;
        let started = Instant::now();
        let ranked = if query.is_empty() || limit == 0 {
            Vec::new()
        } else {
            self.index.search(query, scope, limit).await?
        };
        let search_ms = started.elapsed().as_secs_f64() * 1_000.0;
        Ok(Retrieved {
            ranked,
            embed_ms,
            search_ms,
        })
    }

    /// Adds passages to the index, or replaces them. Not safe from a crash before a flush.
    ///
    /// # Errors
    /// When the index fails.
    pub async fn index_passages(&self, passages: &[IndexPassage<'_>]) -> Result<(), IndexError> {
        self.index.upsert(self.points(passages)).await
    }

    /// Adds passages to an index being built.
    ///
    /// # Errors
    /// When the index fails.
    pub async fn push_passages(
        &self,
        rebuild: &mut dyn Rebuild,
        passages: &[IndexPassage<'_>],
    ) -> Result<(), IndexError> {
        rebuild.push(self.points(passages)).await
    }

    fn points(&self, passages: &[IndexPassage<'_>]) -> Vec<IndexPoint> {
        passages.iter().map(|passage| self.point(passage)).collect()
    }

    fn point(&self, indexed: &IndexPassage<'_>) -> IndexPoint {
        let passage = indexed.passage;
        let text = self.analyzer.terms(&passage.text, passage.language);
        let title = self.analyzer.terms(indexed.title, passage.language);
        let section = self
            .analyzer
            .terms(&passage.section.join("\n"), passage.language);
        let headings = [
            Field {
                terms: &title,
                weight: self.config.title_weight,
            },
            Field {
                terms: &section,
                weight: self.config.section_weight,
            },
        ];
        IndexPoint {
            passage_id: passage.id,
            version_id: passage.version_id,
            collection: indexed.collection.to_owned(),
            groups: indexed.groups.to_vec(),
            lexical: SparseVector::of_passage(&text, &headings, &self.config),
        }
    }

    fn query(&self, question: &Question) -> SparseVector {
        let concepts = self.analyzer.concepts(question.text(), question.language());
        SparseVector::of_question(&concepts, |key| self.analyzer.is_general(key), &self.config)
    }
}
