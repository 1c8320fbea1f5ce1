//! `sistole eval`: measures on a set, in a temporary data directory, through the same steps that
//! documents and questions take in use.

mod answers;
mod measures;
mod retrieval;
mod set;

use std::collections::HashMap;
use std::process::ExitCode;

use domain::DocumentId;
use futures::StreamExt;

use crate::app::App;
use crate::cli::EvalCommand;
use crate::error::{Failure, FailureClass};
use crate::ingestion::{self, Ended, ReadIn, Submission, Taken};
use crate::output::Output;
use crate::settings::Settings;
pub(super) use measures::Latency;
use set::{EvalSet, SetPassage};

pub(super) async fn run(
    mut settings: Settings,
    command: &EvalCommand,
    output: Output,
) -> Result<ExitCode, Failure> {
    let folder = match command {
        EvalCommand::Retrieval(args) | EvalCommand::Answers(args) => &args.set,
    };
    let set = EvalSet::load(folder)?;
    let temporary = tempfile::tempdir().map_err(|error| {
        Failure::new(
            FailureClass::Failed,
            "temporary_dir",
            "no se puede crear una carpeta temporal",
        )
        .caused_by(error)
    })?;
    settings.storage.data_dir = temporary.path().join("data");
    // The set's own catalogue, never the hospital's.
    settings.catalog.url.clear();
    let app = App::open_scratch(settings).await?;
    let indexed = index(&app, &set, temporary.path(), output).await?;
    let done = match command {
        EvalCommand::Retrieval(_) => retrieval::run(&app, &set, &indexed, output).await,
        EvalCommand::Answers(_) => answers::run(&app, &set, &indexed, output).await,
    };
    app.close().await?;
    done.map(|()| ExitCode::SUCCESS)
}

/// Which document of the catalogue each passage of the set became.
struct Indexed {
    set_id: HashMap<DocumentId, String>,
}

impl Indexed {
    fn set_id(&self, document: &str) -> Option<&str> {
        self.set_id.get(&document.parse().ok()?).map(String::as_str)
    }
}

async fn index(
    app: &App,
    set: &EvalSet,
    folder: &std::path::Path,
    output: Output,
) -> Result<Indexed, Failure> {
    let broken = |error: std::io::Error| {
        Failure::new(
            FailureClass::Failed,
            "temporary_dir",
            "no se puede escribir en la carpeta temporal",
        )
        .caused_by(error)
    };
    let mut set_id = HashMap::new();
    let mut works = Vec::new();
    for (number, passage) in set.passages.iter().enumerate() {
        let path = folder.join("passage.txt");
        std::fs::write(&path, &passage.text).map_err(broken)?;
        match ingestion::take(app, submission(passage, number, path)).await {
            Ok(Taken::New(work)) => {
                set_id.insert(work.document_id, passage.id.clone());
                works.push(work);
            }
            Ok(Taken::Unchanged(..) | Taken::PutBack(..)) => {}
            Err(rejected) => {
                let message = format!(
                    "el pasaje {} del conjunto no se puede cargar: {}",
                    passage.id, rejected.message
                );
                return Err(Failure::new(FailureClass::Failed, "set_rejected", message));
            }
        }
    }
    output.say(&format!(
        "{} pasajes del conjunto, indexando…",
        set.passages.len()
    ));
    let mut ended = std::pin::pin!(ingestion::process(
        app.clone(),
        futures::stream::iter(works),
        ReadIn::ThisProcess
    ));
    while let Some(ended) = ended.next().await {
        if let Ended::Rejected(rejected) = ended {
            let message = format!(
                "un pasaje del conjunto no se puede indexar: {}",
                rejected.message
            );
            return Err(Failure::new(FailureClass::Failed, "set_rejected", message));
        }
    }
    app.index()
        .optimize()
        .await
        .map_err(crate::failures::index_failure)?;
    Ok(Indexed { set_id })
}

fn submission(passage: &SetPassage, number: usize, path: std::path::PathBuf) -> Submission {
    Submission {
        path,
        shown: passage.id.clone(),
        file_name: format!("{number}.txt"),
        // Two passages with the same words are two documents.
        collection: None,
        title: passage
            .title
            .clone()
            .filter(|title| !title.trim().is_empty()),
        language: passage
            .language
            .as_deref()
            .and_then(|code| code.parse().ok()),
        ..Submission::default()
    }
}
