//! The commands of the contract, one file each.

mod ask;
mod bench;
mod check;
mod demo;
mod documents;
mod eval;
mod extract;
mod index;
mod ingest;
mod models;
mod search;
mod serve;

use std::process::ExitCode;

use domain::{Language, Question};

use crate::app::App;
use crate::cli::{Cli, Command, Common};
use crate::error::{Failure, FailureClass};
use crate::output::Output;
use crate::settings::Settings;

/// The exit code of a command that did part of what was asked.
const PARTLY_DONE: u8 = 3;

/// Runs one command.
///
/// # Errors
/// Why it did not do what was asked.
pub(crate) async fn run(cli: Cli, output: Output) -> Result<ExitCode, Failure> {
    let settings = settings(&cli.common)?;
    crate::telemetry::start(
        &settings.log,
        &cli.common,
        matches!(cli.command, Command::Serve(_)),
    );
    match cli.command {
        Command::Demo(args) => demo::run(settings, &cli.common, &args, output).await,
        Command::Serve(args) => serve::run(settings, &args, output).await,
        Command::Ingest(args) => ingest::run(settings, &args, output).await,
        Command::Documents(command) => documents::run(settings, &command, output).await,
        Command::Extract(args) => extract::run(&settings, &args, output).await,
        Command::Search(args) => search::run(settings, &args, output).await,
        Command::Ask(args) => ask::run(settings, &args, output).await,
        Command::Eval(command) => eval::run(settings, &command, output).await,
        Command::Models(command) => models::run(&settings, command, output).await,
        Command::Index(command) => index::run(settings, &command, output).await,
        Command::Check => check::run(settings, output).await,
        Command::Bench(args) => bench::run(settings, &args, output).await,
        Command::ParseWorker => Ok(::ingest::worker_main()),
    }
}

fn settings(common: &Common) -> Result<Settings, Failure> {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut settings = Settings::load(&common.config, environment)?;
    if let Some(data_dir) = &common.data_dir {
        settings.storage.data_dir.clone_from(data_dir);
    }
    Ok(settings)
}

/// Opens a data directory that must be there already: a question to a folder that does not exist
/// is a mistyped path, not an empty hospital.
async fn open_existing(settings: Settings) -> Result<App, Failure> {
    let path = &settings.storage.data_dir;
    if settings.catalog.url.is_empty() && !path.join("catalog.sqlite").exists() {
        let message = format!(
            "no hay documentos cargados en {}: cárguelos con «sistole ingest CARPETA», o indique otra carpeta con --data-dir",
            path.display()
        );
        return Err(Failure::new(
            FailureClass::Failed,
            "data_dir_empty",
            message,
        ));
    }
    App::open(settings).await
}

fn question(text: &str, language: Option<Language>) -> Result<Question, Failure> {
    Question::parse(text, language)
        .map_err(|error| Failure::new(FailureClass::Usage, error.code(), error.to_string()))
}
