//! From a stored file to passages, in a process of its own.

use std::path::Path;
use std::sync::Arc;

use domain::{DocumentId, Language, Passage, VersionId};
use ingest::{
    ChunkConfig, ExtractError, ExtractLimits, Extracted, ParseWorker, TokenCounter,
    TokenizerCounter, WordCounter,
};

use crate::app::own_program;
use crate::error::{Failure, FailureClass};
use crate::settings::IngestSettings;

/// Reads files and cuts what was read into passages.
#[derive(Clone)]
pub(crate) struct Reader {
    worker: Arc<ParseWorker>,
    limits: ExtractLimits,
    chunk: ChunkConfig,
    counter: Arc<dyn TokenCounter + Send + Sync>,
}

/// What was read from one file.
#[derive(Debug)]
pub(crate) struct Readout {
    /// The file's pages, title and warnings.
    pub(crate) extracted: Extracted,
    /// Its language.
    pub(crate) language: Language,
    /// Its passages.
    pub(crate) passages: Vec<Passage>,
}

impl Reader {
    /// A reader with these settings.
    ///
    /// # Errors
    /// The tokenizer's file cannot be read.
    pub(crate) fn new(settings: &IngestSettings) -> Result<Self, Failure> {
        let counter: Arc<dyn TokenCounter + Send + Sync> = if settings.tokenizer.is_empty() {
            Arc::new(WordCounter)
        } else {
            Arc::new(
                TokenizerCounter::load(Path::new(&settings.tokenizer)).map_err(|error| {
                    let message = format!(
                        "no se puede leer el tokenizador {} (clave ingest.tokenizer)",
                        settings.tokenizer
                    );
                    Failure::new(FailureClass::Configuration, "tokenizer_unreadable", message)
                        .caused_by(error)
                })?,
            )
        };
        let limits = settings.limits.clone();
        let worker = ParseWorker::new(
            own_program()?,
            vec!["parse-worker".into()],
            settings.worker.clone(),
        );
        Ok(Self {
            worker: Arc::new(worker),
            limits,
            chunk: settings.chunk.clone(),
            counter,
        })
    }

    /// Reads the file at `path`, which its owner calls `file_name`, in a process of its own.
    ///
    /// # Errors
    /// The file cannot be read; the error names what to mend.
    pub(crate) async fn extract(
        &self,
        path: &Path,
        file_name: &str,
    ) -> Result<Extracted, ExtractError> {
        self.worker.extract(path, file_name, &self.limits).await
    }

    /// Reads bytes that are known to be harmless (an evaluation set's) in this process.
    ///
    /// # Errors
    /// As [`Reader::extract`].
    pub(crate) fn extract_here(
        &self,
        file_name: &str,
        bytes: &[u8],
    ) -> Result<Extracted, ExtractError> {
        ingest::extract(file_name, bytes, &self.limits)
    }

    /// Cuts what was read into the passages of a version. Where `language` is not given it is told
    /// from the words.
    #[must_use]
    pub(crate) fn passages(
        &self,
        extracted: Extracted,
        document_id: DocumentId,
        version_id: VersionId,
        language: Option<Language>,
    ) -> Readout {
        let language = language.unwrap_or_else(|| ingest::document_language(&extracted));
        let passages = ingest::chunk(
            &extracted,
            document_id,
            version_id,
            language,
            &self.chunk,
            self.counter.as_ref(),
        );
        Readout {
            extracted,
            language,
            passages,
        }
    }
}
