//! `sistole demo`: the whole of it on the sample corpus, in a data directory of its own.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use rust_embed::RustEmbed;
use tokio::net::TcpListener;

use crate::answering::{self, View};
use crate::app::App;
use crate::cli::{Common, DemoArgs, IngestOptions};
use crate::error::{Failure, FailureClass};
use crate::output::Output;
use crate::settings::Settings;
use crate::sources;

/// The sample corpus, compiled in so that the demo works wherever the program is.
#[derive(RustEmbed)]
#[folder = "../configs/sample-corpus/"]
pub(super) struct SampleCorpus;

const SAMPLE_QUESTION: &str = "¿Cuál es la dosis objetivo de bisoprolol en la ICFEr?";
const DATA_DIR: &str = "demo-data";
const PORT: u16 = 8080;

pub(super) async fn run(
    mut settings: Settings,
    common: &Common,
    args: &DemoArgs,
    output: Output,
) -> Result<ExitCode, Failure> {
    if common.data_dir.is_none() {
        settings.storage.data_dir = PathBuf::from(DATA_DIR);
    }
    let listener = if args.no_serve {
        None
    } else {
        Some(listen(args.port).await?)
    };
    let corpus = settings.storage.data_dir.join("sample-corpus");
    let app = App::open(settings).await?;
    app.load_writer(output).await?;
    write_corpus(&corpus)?;
    output.say(&format!(
        "1/3 Carga de los documentos de muestra ({})",
        corpus.display()
    ));
    let files = sources::find(&[corpus])?;
    let report = super::ingest::ingest(&app, files, &IngestOptions::default(), output).await?;
    if let Some(rejected) = report.rejected.first() {
        let message = format!(
            "un documento de muestra no se pudo cargar ({}): {}",
            rejected.file, rejected.message
        );
        return Err(Failure::new(FailureClass::Failed, "demo_rejected", message));
    }
    output.say(&format!(
        "    {} cargados, {} ya estaban.",
        report.accepted.len(),
        report.unchanged.len()
    ));
    output.say(&format!("2/3 Una pregunta de muestra: {SAMPLE_QUESTION}"));
    let question = super::question(SAMPLE_QUESTION, None)?;
    let answer = answering::ask(&app, &question, &View::default(), None).await?;
    output.result(&answer, || answer.as_lines());
    let Some(listener) = listener else {
        app.close().await?;
        return Ok(ExitCode::SUCCESS);
    };
    output.say("3/3 La página, para preguntar más");
    super::serve::serve(app, listener, output).await
}

/// Port 8080, or any free one where it is taken and none was asked for.
async fn listen(port: Option<u16>) -> Result<TcpListener, Failure> {
    if port.is_none()
        && let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).await
    {
        return Ok(listener);
    }
    super::serve::listen(&format!("127.0.0.1:{}", port.unwrap_or(0))).await
}

/// Writes the corpus out, leaving files that are there already as they are.
fn write_corpus(folder: &Path) -> Result<(), Failure> {
    let unwritable = |error: std::io::Error| {
        let message = format!(
            "no se pueden escribir los documentos de muestra en {}",
            folder.display()
        );
        Failure::new(FailureClass::Failed, "demo_unwritable", message).caused_by(error)
    };
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    for name in SampleCorpus::iter() {
        let Some(file) = SampleCorpus::get(&name) else {
            continue;
        };
        let path = folder.join(name.as_ref());
        if std::fs::read(&path).is_ok_and(|there| there == file.data.as_ref()) {
            continue;
        }
        std::fs::write(&path, file.data).map_err(unwritable)?;
    }
    Ok(())
}
