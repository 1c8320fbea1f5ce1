//! What a running process holds: settings, catalogue, files, index, tokenizer and the file reader.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use catalog::{BlobStore, Catalog, CatalogConfig, Durability};
use domain::{Analyzer, DomainPack};
use generator::{Tally, Writer};
use retriever::{EdgeIndex, Opened, PassageIndex, Retriever};
use tokio::sync::{Mutex, MutexGuard, Semaphore};

use crate::data_dir::DataDir;
use crate::error::{Failure, FailureClass};
use crate::failures::{blob_failure, catalog_failure, index_failure};
use crate::index_care;
use crate::output::Output;
use crate::reader::Reader;
use crate::settings::Settings;
use crate::writing;

/// The heart-failure pack, compiled in.
const HEART_FAILURE_PACK: &str = include_str!("../../configs/domain/heart-failure.toml");

/// A process at work. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Inner>);

struct Inner {
    settings: Settings,
    data: DataDir,
    catalog: Catalog,
    blobs: BlobStore,
    retriever: Retriever,
    analyzer: Arc<Analyzer>,
    reader: Reader,
    metrics: Metrics,
    questions: Arc<Semaphore>,
    writer: OnceLock<Option<Writer>>,
    writing: Mutex<()>,
    opened: Opened,
}

impl App {
    /// Opens the data directory of `settings` and everything in it. An index that is missing,
    /// was not closed or will not load is mended from the catalogue first.
    ///
    /// # Errors
    /// Another process holds the directory, the catalogue is damaged, a setting is at fault, or
    /// the disk refuses.
    pub(crate) async fn open(settings: Settings) -> Result<Self, Failure> {
        Self::open_with(settings, Durability::Full).await
    }

    /// As [`App::open`] for a measurement in a temporary folder, which no power cut need survive.
    ///
    /// # Errors
    /// As [`App::open`].
    pub(crate) async fn open_scratch(settings: Settings) -> Result<Self, Failure> {
        Self::open_with(settings, Durability::Scratch).await
    }

    async fn open_with(settings: Settings, durability: Durability) -> Result<Self, Failure> {
        let analyzer = Arc::new(Analyzer::new(Arc::new(load_pack(&settings.domain.pack)?)));
        let reader = Reader::new(&settings.ingest)?;
        let data = DataDir::open(&settings.storage.data_dir, settings.storage.min_free_bytes)?;
        let url = catalog_url(&settings, &data);
        let mut config = CatalogConfig::new(url);
        config.durability = durability;
        // Files without a catalogue are a loss to be told, not a new beginning.
        config.create = !holds_files(&data.blobs());
        let catalog = Catalog::open(&config).await.map_err(catalog_failure)?;
        let blobs = BlobStore::open(&data.blobs()).map_err(blob_failure)?;
        let (index, opened) = open_index(&data.index(), &settings)?;
        let index: Arc<dyn PassageIndex> = Arc::new(index);
        let retriever = Retriever::new(
            index,
            Arc::clone(&analyzer),
            settings.retriever.index.clone(),
        );
        let questions = Arc::new(Semaphore::new(settings.server.max_in_flight));
        let app = Self(Arc::new(Inner {
            settings,
            data,
            catalog,
            blobs,
            retriever,
            analyzer,
            reader,
            metrics: Metrics::default(),
            questions,
            writer: OnceLock::new(),
            writing: Mutex::new(()),
            opened,
        }));
        index_care::mend(&app).await?;
        index_care::shorten_log(&app).await?;
        crate::ingestion::activate_due(&app).await?;
        Ok(app)
    }

    /// Closes what has to be closed in order: the index with its mark, then the catalogue.
    ///
    /// # Errors
    /// The index could not be flushed; the next start compares it with the catalogue.
    pub(crate) async fn close(self) -> Result<(), Failure> {
        self.0
            .retriever
            .index()
            .close()
            .await
            .map_err(index_failure)?;
        self.0.catalog.clone().close().await;
        Ok(())
    }

    /// The settings.
    #[must_use]
    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The data directory.
    #[must_use]
    pub(crate) fn data(&self) -> &DataDir {
        &self.0.data
    }

    /// The truth.
    #[must_use]
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// The files as they came.
    #[must_use]
    pub(crate) fn blobs(&self) -> &BlobStore {
        &self.0.blobs
    }

    /// The search.
    #[must_use]
    pub(crate) fn retriever(&self) -> &Retriever {
        &self.0.retriever
    }

    /// The index behind the search.
    #[must_use]
    pub(crate) fn index(&self) -> &Arc<dyn PassageIndex> {
        self.0.retriever.index()
    }

    /// The tokenizer.
    #[must_use]
    pub(crate) fn analyzer(&self) -> &Arc<Analyzer> {
        &self.0.analyzer
    }

    /// The reader of files.
    #[must_use]
    pub(crate) fn reader(&self) -> &Reader {
        &self.0.reader
    }

    /// Counts for operators.
    #[must_use]
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// One permit for each question that may be under way.
    #[must_use]
    pub(crate) fn questions(&self) -> &Arc<Semaphore> {
        &self.0.questions
    }

    /// Makes ready the model that the settings name, if they name one. Only who answers questions
    /// needs it: loading takes seconds, and gigabytes.
    ///
    /// # Errors
    /// The model is at fault and `generator.model.required` is set.
    pub(crate) async fn load_writer(&self, output: Output) -> Result<(), Failure> {
        let writer = match self.open_writer(output).await {
            Ok(writer) => writer,
            Err(failure) if self.0.settings.generator.model.required => return Err(failure),
            Err(failure) => {
                output.say(&format!(
                    "Sin modelo, se responde con citas literales: {failure}"
                ));
                tracing::error!(cause = crate::error::chain(&failure), "no model");
                None
            }
        };
        let _ = self.0.writer.set(writer);
        Ok(())
    }

    /// Opens the model that the settings name, whatever else is loaded; `None` where they name
    /// none.
    ///
    /// # Errors
    /// The model is at fault.
    pub(crate) async fn open_writer(&self, output: Output) -> Result<Option<Writer>, Failure> {
        let app = self.clone();
        let open = move || {
            let settings = &app.0.settings.generator;
            writing::open(settings, app.0.data.models(), &app.0.analyzer, output)
        };
        tokio::task::spawn_blocking(open).await.map_err(|error| {
            let message = "no se ha podido cargar el modelo: vuelva a intentarlo";
            Failure::new(FailureClass::Failed, "model_failed", message).caused_by(error)
        })?
    }

    /// What writes answers in its own words, where there is such a thing.
    #[must_use]
    pub(crate) fn writer(&self) -> Option<&Writer> {
        self.0.writer.get().and_then(Option::as_ref)
    }

    /// Whether the settings name a model and it could not be loaded.
    #[must_use]
    pub(crate) fn writer_failed(&self) -> bool {
        let tried = matches!(self.0.writer.get(), Some(None));
        tried && self.0.settings.generator.names_a_model()
    }

    /// Held by whoever changes what the index holds of a version: what one brings back, another
    /// must not sweep away half way.
    pub(crate) async fn writing(&self) -> MutexGuard<'_, ()> {
        self.0.writing.lock().await
    }

    /// What the index was like when it was opened.
    #[must_use]
    pub(crate) fn opened(&self) -> &Opened {
        &self.0.opened
    }
}

fn load_pack(file: &str) -> Result<DomainPack, Failure> {
    let invalid = |shown: &str, error: toml::de::Error| {
        Failure::new(
            FailureClass::Configuration,
            "pack_invalid",
            format!(
                "el paquete de dominio {shown} no es válido: {}",
                error.message()
            ),
        )
    };
    if file.is_empty() {
        return toml::from_str(HEART_FAILURE_PACK).map_err(|error| invalid("incluido", error));
    }
    let text = std::fs::read_to_string(file).map_err(|error| {
        let message = format!("no se puede leer el paquete de dominio {file} (clave domain.pack)");
        Failure::new(FailureClass::Configuration, "pack_unreadable", message).caused_by(error)
    })?;
    toml::from_str(&text).map_err(|error| invalid(file, error))
}

/// Whether the file store has a file in it.
fn holds_files(blobs: &Path) -> bool {
    walkdir::WalkDir::new(blobs)
        .min_depth(2)
        .into_iter()
        .flatten()
        .any(|entry| entry.file_type().is_file() && entry.file_name().len() == 64)
}

fn catalog_url(settings: &Settings, data: &DataDir) -> String {
    if settings.catalog.url.is_empty() {
        format!("sqlite:{}", data.catalog().display())
    } else {
        settings.catalog.url.clone()
    }
}

fn open_index(dir: &Path, settings: &Settings) -> Result<(EdgeIndex, Opened), Failure> {
    EdgeIndex::open(dir, settings.retriever.index.clone()).map_err(index_failure)
}

/// The path of this program, to start it again as the reader of one file.
pub(crate) fn own_program() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::new(
            FailureClass::Failed,
            "own_program_unknown",
            "no se encuentra el propio programa en el disco",
        )
        .caused_by(error)
    })
}

/// Counts for operators. No label holds anything of a question or a document.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    answered: AtomicU64,
    declined: AtomicU64,
    sentences: [AtomicU64; 4],
    stand_ins: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    requests: [AtomicU64; 6],
}

impl Metrics {
    /// A question got an outcome.
    pub(crate) fn count_outcome(&self, answered: bool) {
        let counter = if answered {
            &self.answered
        } else {
            &self.declined
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// What became of the sentences a model wrote.
    pub(crate) fn count_draft(&self, tally: &Tally) {
        let counts = [tally.verified, tally.quoted, tally.replaced, tally.dropped];
        for (counter, count) in self.sentences.iter().zip(counts) {
            counter.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    /// Quotations stood in for the model.
    pub(crate) fn count_stand_in(&self) {
        self.stand_ins.fetch_add(1, Ordering::Relaxed);
    }

    /// A file was taken or rejected.
    pub(crate) fn count_file(&self, accepted: bool) {
        let counter = if accepted {
            &self.accepted
        } else {
            &self.rejected
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was answered with this status.
    pub(crate) fn count_request(&self, status: u16) {
        self.requests[usize::from(status / 100).min(5)].fetch_add(1, Ordering::Relaxed);
    }

    /// The counts in the text format of Prometheus.
    #[must_use]
    pub(crate) fn render(&self) -> String {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut text = String::from("# TYPE sistole_questions_total counter\n");
        text += &format!(
            "sistole_questions_total{{outcome=\"answered\"}} {}\n",
            read(&self.answered)
        );
        text += &format!(
            "sistole_questions_total{{outcome=\"declined\"}} {}\n",
            read(&self.declined)
        );
        text += "# TYPE sistole_sentences_total counter\n";
        for (outcome, counter) in ["verified", "quoted", "replaced", "dropped"]
            .iter()
            .zip(&self.sentences)
        {
            text += &format!(
                "sistole_sentences_total{{outcome=\"{outcome}\"}} {}\n",
                read(counter)
            );
        }
        text += "# TYPE sistole_model_stand_ins_total counter\n";
        text += &format!("sistole_model_stand_ins_total {}\n", read(&self.stand_ins));
        text += "# TYPE sistole_files_total counter\n";
        text += &format!(
            "sistole_files_total{{outcome=\"accepted\"}} {}\n",
            read(&self.accepted)
        );
        text += &format!(
            "sistole_files_total{{outcome=\"rejected\"}} {}\n",
            read(&self.rejected)
        );
        text += "# TYPE sistole_requests_total counter\n";
        for (class, counter) in self.requests.iter().enumerate().skip(1) {
            text += &format!(
                "sistole_requests_total{{status=\"{class}xx\"}} {}\n",
                read(counter)
            );
        }
        text
    }
}
