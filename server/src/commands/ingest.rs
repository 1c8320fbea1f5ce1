//! `sistole ingest`: files and folders into the catalogue and the index.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use domain::DocumentId;
use futures::StreamExt;

use crate::app::App;
use crate::cli::{IngestArgs, IngestOptions};
use crate::error::{Failure, FailureClass};
use crate::ingestion::{self, Ended, ReadIn, Submission, Taken};
use crate::output::Output;
use crate::settings::Settings;
use crate::sources::{self, SourceFile};
use crate::wire::{IngestJson, RejectedJson, TotalJson, UnchangedJson, milliseconds};

pub(super) async fn run(
    settings: Settings,
    args: &IngestArgs,
    output: Output,
) -> Result<ExitCode, Failure> {
    let files = sources::find(&args.paths)?;
    let app = App::open(settings).await?;
    let report = ingest(&app, files, &args.options, output).await;
    app.close().await?;
    let report = report?;
    output.result(&report, || {
        format!(
            "{} en uso, {} sin cambios, {} rechazados.",
            report.accepted.len(),
            report.unchanged.len(),
            report.rejected.len()
        )
    });
    Ok(if report.rejected.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(super::PARTLY_DONE)
    })
}

/// Ingests `files` and finishes what an earlier run left undone.
///
/// # Errors
/// `--replaces` names no document, or the catalogue failed.
pub(super) async fn ingest(
    app: &App,
    files: Vec<SourceFile>,
    options: &IngestOptions,
    output: Output,
) -> Result<IngestJson, Failure> {
    let started = Instant::now();
    let replaces = replaced(app, options, files.len()).await?;
    let left = ingestion::unfinished(app).await?;
    let progress = output.progress((files.len() + left.len()) as u64);
    let report = Arc::new(Mutex::new(IngestJson::default()));

    // Taking is quick and in order, so that a file can replace one that came before it; reading
    // begins with the first one taken.
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    let taker = {
        let (app, options, report) = (app.clone(), options.clone(), Arc::clone(&report));
        tokio::spawn(async move {
            let mut documents: HashMap<PathBuf, DocumentId> = HashMap::new();
            let mut seen: std::collections::HashSet<_> =
                left.iter().map(|work| work.version_id).collect();
            for work in left {
                if sender.send(work).await.is_err() {
                    return;
                }
            }
            for file in files {
                let submission = match submission(&file, &options, replaces, &documents) {
                    Ok(submission) => submission,
                    Err(rejected) => {
                        lock(&report).rejected.push(rejected);
                        continue;
                    }
                };
                match ingestion::take(&app, submission).await {
                    Ok(Taken::Unchanged(unchanged, ..)) => {
                        if let Ok(id) = unchanged.document_id.parse() {
                            documents.insert(file.path.clone(), id);
                        }
                        lock(&report).unchanged.push(unchanged);
                    }
                    Ok(Taken::PutBack(accepted, _)) => lock(&report).accepted.push(accepted),
                    Ok(Taken::New(work)) => {
                        documents.insert(file.path.clone(), work.document_id);
                        if seen.insert(work.version_id) && sender.send(work).await.is_err() {
                            return;
                        }
                    }
                    Err(rejected) => lock(&report).rejected.push(rejected),
                }
            }
        })
    };

    let works = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut ended = std::pin::pin!(ingestion::process(app.clone(), works, ReadIn::Worker));
    while let Some(ended) = ended.next().await {
        match ended {
            Ended::Accepted(accepted) => {
                progress.done(&format!("{}: {} pasajes", accepted.file, accepted.passages));
                for warning in &accepted.warnings {
                    progress.line(&format!("{}: aviso: {}", accepted.file, warning.detail));
                }
                lock(&report).accepted.push(accepted);
            }
            Ended::Rejected(rejected) => {
                progress.done(&format!("{}: rechazado", rejected.file));
                lock(&report).rejected.push(rejected);
            }
        }
    }
    let taken = taker.await;
    progress.finish();
    taken.map_err(|error| {
        Failure::new(
            FailureClass::Failed,
            "internal",
            "la carga se ha interrumpido: repítala",
        )
        .caused_by(error)
    })?;
    let mut report = std::mem::take(&mut *lock(&report));
    // What an earlier run had left and this one finished is told once.
    let accepted: std::collections::HashSet<&str> = report
        .accepted
        .iter()
        .map(|file| file.document_id.as_str())
        .collect();
    let finished = |file: &UnchangedJson| accepted.contains(file.document_id.as_str());
    report.unchanged = report
        .unchanged
        .iter()
        .filter(|file| !finished(file))
        .cloned()
        .collect();
    report.timings_ms = TotalJson {
        total: milliseconds(started),
    };
    for rejected in &report.rejected {
        output.say(&format!(
            "{}: rechazado ({}): {}",
            rejected.file, rejected.code, rejected.message
        ));
    }
    Ok(report)
}

fn lock(report: &Mutex<IngestJson>) -> std::sync::MutexGuard<'_, IngestJson> {
    report.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn replaced(
    app: &App,
    options: &IngestOptions,
    files: usize,
) -> Result<Option<DocumentId>, Failure> {
    let Some(text) = &options.replaces else {
        return Ok(None);
    };
    let usage = |code, message: String| Failure::new(FailureClass::Usage, code, message);
    if files != 1 {
        let message = format!("--replaces vale para un solo fichero, y hay {files}");
        return Err(usage("replaces_one_file", message));
    }
    let unknown = || {
        let message = format!(
            "--replaces nombra un documento que no existe ({text}): véalos con «sistole documents list»"
        );
        usage("replaces_unknown", message)
    };
    let id = text.parse().map_err(|_| unknown())?;
    app.catalog().document(id).await.map_err(|_| unknown())?;
    Ok(Some(id))
}

/// What is asked for by option goes before what the folder's manifest says.
fn submission(
    file: &SourceFile,
    options: &IngestOptions,
    replaces: Option<DocumentId>,
    documents: &HashMap<PathBuf, DocumentId>,
) -> Result<Submission, RejectedJson> {
    let described = &file.described;
    let shown = file.path.display().to_string();
    let replaces = match (&replaces, &described.replaces) {
        (Some(id), _) => Some(*id),
        (None, None) => None,
        (None, Some(name)) => {
            let older = file.path.parent().unwrap_or(Path::new("")).join(name);
            // Ingested alone, without the file it replaces, it is simply a document.
            documents.get(&older).copied()
        }
    };
    let absolute = file.path.canonicalize().map_err(|_| RejectedJson {
        file: shown.clone(),
        code: "unreadable".to_owned(),
        message: "no se puede leer el fichero: compruebe que existe y sus permisos".to_owned(),
    })?;
    let groups = if options.groups.is_empty() {
        &described.groups
    } else {
        &options.groups
    };
    Ok(Submission {
        file_name: file
            .path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        source_key: Some(absolute.display().to_string()),
        path: absolute,
        shown,
        title: described.title.clone(),
        collection: options
            .collection
            .clone()
            .or_else(|| described.collection.clone()),
        groups: groups.clone(),
        language: options.language.or_else(|| described.language()),
        effective_from: options
            .effective_from
            .or_else(|| described.effective_from()),
        effective_to: options.effective_to.or_else(|| described.effective_to()),
        replaces,
        asked_to_replace: options.replaces.is_some(),
    })
}
