//! From a file to searchable passages: store, catalogue, read, index, flush, activate.
//!
//! Each step is one transaction of the catalogue, so whatever stops the process, the next start
//! finds each version in a state from which to go on. A version answers only after its passages
//! have been flushed to the index's disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use catalog::{
    DocumentRecord, JobProgress, Parsed, Receipt, Received, StoredWarning, Unfinished,
    VersionRecord, VersionState,
};
use domain::{DocumentId, JobId, Language, VersionId};
use futures::{Stream, StreamExt};
use jiff::civil::Date;
use tokio::sync::Notify;

use crate::answering::today;
use crate::app::App;
use crate::data_dir::no_space_message;
use crate::error::{Failure, FailureClass, chain};
use crate::failures::{blob_failure, catalog_failure, index_failure};
use crate::index_care;
use crate::reader::Readout;
use crate::wire::{AcceptedJson, RejectedJson, UnchangedJson, WarningJson};

/// How often a file is begun before it is given up: one that takes the process down with it would
/// otherwise do so at every start.
const MAX_ATTEMPTS: u32 = 3;
/// The most versions made searchable by one flush.
const MAX_BATCH: usize = 64;
/// Bytes that the catalogue and the index may need for each byte of a file, with room to spare.
const GROWTH: u64 = 4;

/// A file to be taken in, and what its sender says of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Submission {
    /// Where its bytes are.
    pub(crate) path: PathBuf,
    /// What it is called in reports: the path as the person gave it.
    pub(crate) shown: String,
    /// Its name, without folders.
    pub(crate) file_name: String,
    /// Its absolute path, where it has one that will be the same next time.
    pub(crate) source_key: Option<String>,
    /// Title above the file's own.
    pub(crate) title: Option<String>,
    /// Collection.
    pub(crate) collection: Option<String>,
    /// Groups that may see it.
    pub(crate) groups: Vec<String>,
    /// Language.
    pub(crate) language: Option<Language>,
    /// First day in force.
    pub(crate) effective_from: Option<Date>,
    /// Last day in force.
    pub(crate) effective_to: Option<Date>,
    /// The document it is the next version of.
    pub(crate) replaces: Option<DocumentId>,
}

/// A version on its way to being searchable.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// What it is called in reports.
    pub(crate) shown: String,
    /// Its file's name.
    pub(crate) file_name: String,
    /// Its document.
    pub(crate) document_id: DocumentId,
    /// The version.
    pub(crate) version_id: VersionId,
    /// Its number.
    pub(crate) version: u32,
    /// Its job.
    pub(crate) job_id: Option<JobId>,
    /// How far it was.
    pub(crate) state: VersionState,
    sha256: [u8; 32],
    language: Option<Language>,
}

/// What became of a submission at the door.
#[derive(Debug)]
pub(crate) enum Taken {
    /// Its bytes were known.
    Unchanged(UnchangedJson, Option<JobId>, u32),
    /// It is stored and catalogued: nothing that happens now loses it.
    New(Work),
}

/// What became of a file.
#[derive(Debug, Clone)]
pub(crate) enum Ended {
    /// It answers questions.
    Accepted(AcceptedJson),
    /// It does not, for this reason.
    Rejected(RejectedJson),
}

/// A file was not taken; what is told of it.
#[derive(Debug)]
struct Refused {
    code: String,
    message: String,
}

impl Refused {
    fn rejected(self, shown: &str) -> RejectedJson {
        RejectedJson {
            file: shown.to_owned(),
            code: self.code,
            message: self.message,
        }
    }
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        tracing::warn!(
            code = failure.code(),
            cause = chain(&failure),
            "a file could not be taken"
        );
        Self {
            code: failure.code().to_owned(),
            message: failure.to_string(),
        }
    }
}

/// Stores a file and puts it into the catalogue, in one transaction. Once this has returned, the
/// document is either searchable later or visible with the reason why not.
///
/// # Errors
/// The file cannot be read or stored; what to tell of it.
pub(crate) async fn take(app: &App, submission: Submission) -> Result<Taken, RejectedJson> {
    let shown = submission.shown.clone();
    take_file(app, submission).await.map_err(|refused| {
        app.metrics().count_file(false);
        refused.rejected(&shown)
    })
}

async fn take_file(app: &App, submission: Submission) -> Result<Taken, Refused> {
    let bytes = check_size(app, &submission.path)?;
    app.data().room_for(bytes.saturating_mul(GROWTH))?;
    let file = tokio::fs::File::open(&submission.path)
        .await
        .map_err(unreadable)?;
    let limit = app.settings().ingest.limits.max_file_bytes;
    // Held until the catalogue has it: a deletion beside us must not take the file away.
    let stored = app
        .blobs()
        .put_reader(file, limit)
        .await
        .map_err(blob_failure)?;
    let receipt = app
        .catalog()
        .receive(&Received {
            replaces: submission.replaces,
            source_key: submission.source_key.clone(),
            file_name: submission.file_name.clone(),
            media_type: None,
            sha256: stored.sha256,
            byte_size: stored.byte_size,
            title: submission.title.clone(),
            collection: Some(
                submission
                    .collection
                    .clone()
                    .unwrap_or_else(|| app.settings().ingest.collection.clone()),
            ),
            groups: submission.groups.clone(),
            language: submission.language,
            effective_from: submission.effective_from,
            effective_to: submission.effective_to,
        })
        .await
        .map_err(catalog_failure)?;
    Ok(match receipt {
        Receipt::Unchanged {
            document_id,
            version,
            state,
            job_id,
            version_id,
        } if state.is_unfinished() => {
            // A crash left it half done: this run finishes it.
            Taken::New(Work {
                shown: submission.shown,
                file_name: submission.file_name,
                document_id,
                version_id,
                version,
                job_id,
                state,
                sha256: stored.sha256,
                language: submission.language,
            })
        }
        Receipt::Unchanged {
            document_id,
            version,
            job_id,
            ..
        } => Taken::Unchanged(
            UnchangedJson {
                file: submission.shown,
                document_id: document_id.to_string(),
            },
            job_id,
            version,
        ),
        Receipt::New {
            document_id,
            version_id,
            version,
            job_id,
        } => Taken::New(Work {
            shown: submission.shown,
            file_name: submission.file_name,
            document_id,
            version_id,
            version,
            job_id: Some(job_id),
            state: VersionState::Received,
            sha256: stored.sha256,
            language: submission.language,
        }),
    })
}

fn unreadable(error: std::io::Error) -> Refused {
    Refused::from(
        Failure::new(
            FailureClass::Failed,
            "unreadable",
            "no se puede leer el fichero: compruebe sus permisos",
        )
        .caused_by(error),
    )
}

fn broken(error: tokio::task::JoinError) -> Failure {
    Failure::new(
        FailureClass::Failed,
        "internal",
        "un paso de la carga ha fallado: vuelva a intentarlo",
    )
    .caused_by(error)
}

fn check_size(app: &App, path: &Path) -> Result<u64, Refused> {
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    let limit = app.settings().ingest.limits.max_file_bytes;
    let refused = |code: &str, message: String| Refused {
        code: code.to_owned(),
        message,
    };
    if !metadata.is_file() {
        return Err(refused(
            "not_a_file",
            "no es un fichero: indique un fichero o una carpeta".to_owned(),
        ));
    }
    match metadata.len() {
        0 => Err(refused(
            "empty_file",
            "el archivo está vacío: compruebe que se guardó bien y vuelva a subirlo".to_owned(),
        )),
        bytes if bytes > limit => Err(refused(
            "too_large",
            format!(
                "el fichero ocupa {} MiB y el máximo es {} MiB (clave ingest.limits.max_file_bytes): divídalo o suba el límite",
                bytes.div_ceil(1 << 20),
                limit >> 20
            ),
        )),
        bytes => Ok(bytes),
    }
}

/// Works that a crash or a stop left unfinished, oldest first.
///
/// # Errors
/// The catalogue failed.
pub(crate) async fn unfinished(app: &App) -> Result<Vec<Work>, Failure> {
    let works = app.catalog().unfinished().await.map_err(catalog_failure)?;
    Ok(works.into_iter().map(Work::from).collect())
}

impl From<Unfinished> for Work {
    fn from(left: Unfinished) -> Self {
        Self {
            shown: left.file_name.clone(),
            file_name: left.file_name,
            document_id: left.document_id,
            version_id: left.version_id,
            version: left.version,
            job_id: left.job_id,
            state: left.state,
            sha256: left.sha256,
            language: left.language,
        }
    }
}

/// How many files are read at once.
#[must_use]
pub(crate) fn parallel_files(app: &App) -> usize {
    match app.settings().ingest.parallel_files {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        files => files,
    }
}

/// Where a file's bytes are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadIn {
    /// In a process of its own, for files from outside.
    Worker,
    /// In this process, for texts we wrote ourselves (an evaluation set, a benchmark).
    ThisProcess,
}

/// Brings works to their end. Files are read side by side; the rest goes in order, so that of two
/// versions of one document the later one stays. Those that are ready together share one flush.
pub(crate) fn process(
    app: App,
    works: impl Stream<Item = Work> + Send + 'static,
    read_in: ReadIn,
) -> impl Stream<Item = Ended> + Send {
    let parallel = parallel_files(&app);
    let reader = app.clone();
    works
        .map(move |work| {
            let app = reader.clone();
            // A task of its own: a future that waits its turn in this stream is not polled while
            // a batch is finished, and might hold the catalogue's one writer meanwhile.
            let reading = tokio::spawn(async move {
                let read = read(&app, &work, read_in).await;
                (work, read)
            });
            async move { reading.await.ok() }
        })
        .buffered(parallel)
        // A reading that panicked has no result: its version stays where it is for the next start.
        .filter_map(|read| async move { read })
        .ready_chunks(MAX_BATCH)
        .then(move |batch| {
            let app = app.clone();
            async move { finish(&app, batch).await }
        })
        .flat_map(futures::stream::iter)
}

/// What reading a work gave: `None` where an earlier run had stored its passages already.
type Read = Result<Option<Readout>, Refused>;

async fn read(app: &App, work: &Work, read_in: ReadIn) -> Read {
    if work.state != VersionState::Received {
        return Ok(None);
    }
    let attempt = app
        .catalog()
        .begin_attempt(work.version_id)
        .await
        .map_err(catalog_failure)?;
    if attempt > MAX_ATTEMPTS {
        return Err(Refused {
            code: "given_up".to_owned(),
            message: format!(
                "la lectura se ha interrumpido {MAX_ATTEMPTS} veces y el fichero se descarta: vuelva a exportarlo desde el original"
            ),
        });
    }
    if let Some(job) = work.job_id {
        let progress = JobProgress {
            step: "parsing".to_owned(),
            pages_done: 0,
            pages_total: None,
        };
        app.catalog()
            .job_progress(job, &progress)
            .await
            .map_err(catalog_failure)?;
    }
    let path = app.blobs().path(&work.sha256);
    let extracted = match read_in {
        ReadIn::Worker => app.reader().extract(&path, &work.file_name).await,
        ReadIn::ThisProcess => {
            let bytes = std::fs::read(&path).map_err(unreadable)?;
            app.reader().extract_here(&work.file_name, &bytes)
        }
    };
    let extracted = extracted.map_err(|error| {
        if error.code() == "parser_io" {
            tracing::error!(version = %work.version_id, cause = chain(&error), "the file reader failed");
        }
        Refused { code: error.code().to_owned(), message: error.to_string() }
    })?;
    let (reader, document, version, language) = (
        app.reader().clone(),
        work.document_id,
        work.version_id,
        work.language,
    );
    tokio::task::spawn_blocking(move || reader.passages(extracted, document, version, language))
        .await
        .map(Some)
        .map_err(|error| Refused::from(broken(error)))
}

/// Catalogues, indexes, flushes once, and activates one by one.
async fn finish(app: &App, batch: Vec<(Work, Read)>) -> Vec<Ended> {
    let mut indexed: Vec<(Work, Result<u64, Refused>)> = Vec::with_capacity(batch.len());
    for (work, read) in batch {
        let outcome = match read {
            Ok(read) => index(app, &work, read).await,
            Err(refused) => Err(refused),
        };
        indexed.push((work, outcome));
    }
    let flushed = if indexed.iter().any(|(_, outcome)| outcome.is_ok()) {
        app.index()
            .flush()
            .await
            .map_err(|error| Refused::from(index_failure(error)))
    } else {
        Ok(())
    };
    let mut ended = Vec::with_capacity(indexed.len());
    for (work, outcome) in indexed {
        let outcome = match (outcome, &flushed) {
            (Ok(passages), Ok(())) => activate(app, &work, passages).await,
            (Ok(_), Err(refused)) => Err(Refused {
                code: refused.code.clone(),
                message: refused.message.clone(),
            }),
            (Err(refused), _) => Err(refused),
        };
        app.metrics().count_file(outcome.is_ok());
        ended.push(match outcome {
            Ok(accepted) => Ended::Accepted(accepted),
            Err(refused) => Ended::Rejected(reject(app, &work, refused).await),
        });
    }
    if let Err(failure) = index_care::sweep(app).await {
        // Hidden from every question all the same; the next sweep takes it out.
        tracing::warn!(
            cause = chain(&failure),
            "superseded passages are still in the index"
        );
    }
    ended
}

async fn index(app: &App, work: &Work, read: Option<Readout>) -> Result<u64, Refused> {
    if let Some(read) = read {
        if read.passages.is_empty() {
            return Err(Refused {
                code: "no_text".to_owned(),
                message:
                    "el documento no tiene texto que se pueda leer: suba una versión con texto"
                        .to_owned(),
            });
        }
        let warnings: Vec<StoredWarning> = read
            .extracted
            .warnings
            .iter()
            .map(|warning| StoredWarning {
                code: warning.code.as_str().to_owned(),
                page: warning.page,
                detail: warning.detail.clone(),
            })
            .collect();
        let page_count = read
            .extracted
            .has_pages
            .then(|| u32::try_from(read.extracted.pages.len()).unwrap_or(u32::MAX));
        let parsed = Parsed {
            title: read.extracted.title.as_deref(),
            language: read.language,
            page_count,
            media_type: read.extracted.media_type.mime(),
            warnings: &warnings,
            passages: &read.passages,
        };
        app.catalog()
            .parsed(work.version_id, &parsed)
            .await
            .map_err(catalog_failure)?;
    }
    app.data().room_for(0)?;
    app.catalog()
        .mark_in_index(work.version_id, true)
        .await
        .map_err(catalog_failure)?;
    Ok(index_care::index_version(app, work.version_id).await?)
}

async fn activate(app: &App, work: &Work, passages: u64) -> Result<AcceptedJson, Refused> {
    if work.state != VersionState::Indexed {
        app.catalog()
            .indexed(work.version_id)
            .await
            .map_err(catalog_failure)?;
    }
    let version = app
        .catalog()
        .version(work.version_id)
        .await
        .map_err(catalog_failure)?;
    let state = if is_due(&version) {
        let activated = app.catalog().activate(work.version_id).await;
        activated.map_err(catalog_failure)?.state
    } else {
        // The version now in force goes on answering until this one's first day.
        VersionState::Indexed
    };
    Ok(AcceptedJson {
        file: work.shown.clone(),
        document_id: work.document_id.to_string(),
        version: work.version,
        status: state.name().to_owned(),
        pages: version.page_count.unwrap_or(0),
        passages,
        warnings: version
            .warnings
            .into_iter()
            .map(|warning| WarningJson {
                code: warning.code,
                page: warning.page,
                detail: warning.detail,
            })
            .collect(),
    })
}

/// Whether a version's first day in force has come.
fn is_due(version: &VersionRecord) -> bool {
    version.effective_from.is_none_or(|from| from <= today())
}

/// Puts versions into use whose first day in force has come. They were made searchable when they
/// arrived, and waited so that what was in force went on answering.
///
/// # Errors
/// The catalogue or the index failed.
pub(crate) async fn activate_due(app: &App) -> Result<(), Failure> {
    for work in unfinished(app).await? {
        let version = app
            .catalog()
            .version(work.version_id)
            .await
            .map_err(catalog_failure)?;
        if version.state == VersionState::Indexed
            && version.effective_from.is_some()
            && is_due(&version)
        {
            app.catalog()
                .activate(version.id)
                .await
                .map_err(catalog_failure)?;
        }
    }
    index_care::sweep(app).await
}

async fn reject(app: &App, work: &Work, refused: Refused) -> RejectedJson {
    let refused = match refused.code.as_str() {
        // SQLite and the file system each have a sentence of their own; ours says what to free.
        "no_space" => Refused {
            message: no_space_message(app.settings().storage.min_free_bytes),
            ..refused
        },
        _ => refused,
    };
    // Where the disk is full or the index gone, the version stays where it was and is tried again.
    let lasting = !matches!(
        refused.code.as_str(),
        "no_space" | "index_lost" | "index_io" | "catalog_busy" | "parser_io"
    );
    if lasting
        && let Err(error) = app
            .catalog()
            .reject(work.version_id, &refused.code, &refused.message)
            .await
    {
        tracing::warn!(version = %work.version_id, cause = chain(&error), "a rejection could not be recorded");
    }
    refused.rejected(&work.shown)
}

/// Brings a document that was taken out of use back: its passages into the index, a flush, then
/// the switch.
///
/// # Errors
/// There is no such document, it is in use, or it has no version to bring back.
pub(crate) async fn reactivate(app: &App, document: DocumentId) -> Result<(), Failure> {
    let record = app
        .catalog()
        .document(document)
        .await
        .map_err(catalog_failure)?;
    let retired = |version: &&VersionRecord| version.state == VersionState::Retired;
    let Some(version) = record
        .versions
        .iter()
        .find(retired)
        .filter(|_| record.active().is_none())
    else {
        let message = match record.active() {
            Some(_) => "el documento ya está en uso",
            None => "el documento no tiene ninguna versión retirada que activar",
        };
        return Err(Failure::new(FailureClass::Failed, "conflict", message));
    };
    app.data().room_for(version.byte_size)?;
    app.catalog()
        .mark_in_index(version.id, true)
        .await
        .map_err(catalog_failure)?;
    index_care::index_version(app, version.id).await?;
    app.index().flush().await.map_err(index_failure)?;
    app.catalog()
        .reinstate(version.id)
        .await
        .map_err(catalog_failure)?;
    app.catalog()
        .activate(version.id)
        .await
        .map_err(catalog_failure)?;
    index_care::sweep(app).await
}

/// Takes a document out of use. The next question does not see it.
///
/// # Errors
/// There is no such document, or it is not in use.
pub(crate) async fn retire(app: &App, document: DocumentId) -> Result<(), Failure> {
    app.catalog()
        .retire(document)
        .await
        .map_err(catalog_failure)?;
    index_care::sweep(app).await
}

/// A document that was not deleted.
///
/// # Errors
/// There is no such document, or it was deleted: its tombstone is for the auditors.
pub(crate) async fn existing(app: &App, document: DocumentId) -> Result<DocumentRecord, Failure> {
    let record = app
        .catalog()
        .document(document)
        .await
        .map_err(catalog_failure)?;
    if record.status == VersionState::Deleted {
        let message = "no hay ningún documento con ese identificador";
        return Err(Failure::new(FailureClass::Failed, "not_found", message));
    }
    Ok(record)
}

/// What a deletion removed, by place.
#[derive(Debug, serde::Serialize)]
pub(crate) struct DeletionReceipt {
    /// The document.
    pub(crate) document_id: String,
    /// Files removed from the file store.
    pub(crate) files: u64,
    /// Versions removed from the catalogue.
    pub(crate) versions: u64,
    /// Passages removed from the catalogue.
    pub(crate) passages: u64,
    /// Passages removed from the index.
    pub(crate) indexed_passages: u64,
}

/// Deletes a document: hidden at once, then out of the index, the catalogue and the file store.
///
/// # Errors
/// There is no such document, or a place could not be cleaned; it stays hidden all the same.
pub(crate) async fn delete(app: &App, document: DocumentId) -> Result<DeletionReceipt, Failure> {
    let deletion = app
        .catalog()
        .delete(document)
        .await
        .map_err(catalog_failure)?;
    let before = app.index().count().await.map_err(index_failure)?;
    index_care::sweep(app).await?;
    let after = app.index().count().await.map_err(index_failure)?;
    let (purged, files) = purge(app, document).await?;
    Ok(DeletionReceipt {
        document_id: document.to_string(),
        files,
        versions: purged.versions.max(deletion.versions.len() as u64),
        passages: purged.passages,
        indexed_passages: before.saturating_sub(after) as u64,
    })
}

/// Removes the rows and files of a deleted document whose passages have left the index.
///
/// # Errors
/// The catalogue or the file store failed.
pub(crate) async fn purge(
    app: &App,
    document: DocumentId,
) -> Result<(catalog::Purged, u64), Failure> {
    let purged = app
        .catalog()
        .purge(document)
        .await
        .map_err(catalog_failure)?;
    let mut files = 0;
    for sha256 in &purged.blobs {
        let removed = app.blobs().remove_unreferenced(app.catalog(), sha256).await;
        files += u64::from(removed.map_err(blob_failure)?);
    }
    Ok((purged, files))
}

/// A queue of works for a server: those left unfinished first, then what is uploaded.
#[derive(Clone)]
pub(crate) struct Queue {
    works: tokio::sync::mpsc::UnboundedSender<Work>,
    stop: Arc<Notify>,
}

impl Queue {
    /// Starts working through `left` and what is added later, until [`Queue::stop`].
    #[must_use]
    pub(crate) fn start(app: &App, left: Vec<Work>) -> (Self, tokio::task::JoinHandle<()>) {
        let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
        let stop = Arc::new(Notify::new());
        let stopped = Arc::clone(&stop);
        let works = futures::stream::iter(left)
            .chain(tokio_stream::wrappers::UnboundedReceiverStream::new(
                receiver,
            ))
            .take_until(async move { stopped.notified().await });
        let ended = process(app.clone(), works, ReadIn::Worker);
        let task = tokio::spawn(async move {
            let mut ended = std::pin::pin!(ended);
            while let Some(ended) = ended.next().await {
                match ended {
                    Ended::Accepted(accepted) => {
                        tracing::info!(
                            document = accepted.document_id,
                            version = accepted.version,
                            "document in use"
                        );
                    }
                    Ended::Rejected(rejected) => {
                        tracing::warn!(code = rejected.code, "document rejected");
                    }
                }
            }
        });
        (
            Self {
                works: sender,
                stop,
            },
            task,
        )
    }

    /// Adds a work. The catalogue holds it already, so one that comes after the end is not lost.
    pub(crate) fn add(&self, work: Work) {
        let _ = self.works.send(work);
    }

    /// Begins no further work; those begun are brought to their end.
    pub(crate) fn stop(&self) {
        self.stop.notify_one();
    }
}

/// A running clock in milliseconds for reports.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// Started now.
    #[must_use]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Milliseconds since.
    #[must_use]
    pub(crate) fn ms(self) -> f64 {
        crate::wire::milliseconds(self.0)
    }
}
