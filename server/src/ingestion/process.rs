//! From a catalogued version to one that answers: read, catalogue, index, flush, activate.

use catalog::{JobProgress, Parsed, StoredWarning, Unfinished, VersionState};
use domain::VersionId;
use futures::{Stream, StreamExt};

use super::lifecycle::is_due;
use super::take::unreadable;
use super::{Ended, Refused, Work};
use crate::app::App;
use crate::data_dir::no_space_message;
use crate::error::{Failure, FailureClass, chain};
use crate::failures::{catalog_failure, index_failure};
use crate::index_care;
use crate::reader::Readout;
use crate::wire::{AcceptedJson, RejectedJson, WarningJson};

/// How often a file is begun before it is given up: one that takes the process down with it would
/// otherwise do so at every start.
const MAX_ATTEMPTS: u32 = 3;
/// The most versions made searchable by one flush.
const MAX_BATCH: usize = 64;

/// Works that a crash or a stop left unfinished, oldest first. A version that waits for its first
/// day in force is finished for now.
///
/// # Errors
/// The catalogue failed.
pub(crate) async fn unfinished(app: &App) -> Result<Vec<Work>, Failure> {
    let mut works = Vec::new();
    for left in app.catalog().unfinished().await.map_err(catalog_failure)? {
        if !waits_for_its_day(app, left.version_id).await? {
            works.push(Work::from(left));
        }
    }
    Ok(works)
}

/// Whether a version is searchable and waits for its first day in force.
///
/// # Errors
/// The catalogue failed.
pub(super) async fn waits_for_its_day(app: &App, id: VersionId) -> Result<bool, Failure> {
    let version = app.catalog().version(id).await.map_err(catalog_failure)?;
    Ok(version.state == VersionState::Indexed && !is_due(&version))
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
    let _writing = app.writing().await;
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

fn broken(error: tokio::task::JoinError) -> Failure {
    Failure::new(
        FailureClass::Failed,
        "internal",
        "un paso de la carga ha fallado: vuelva a intentarlo",
    )
    .caused_by(error)
}
