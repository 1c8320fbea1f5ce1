//! server — the process: settings, commands, HTTP. The only crate that knows JSON and status codes.

mod answering;
mod app;
mod cli;
mod commands;
mod data_dir;
mod error;
mod failures;
mod http;
mod index_care;
mod ingestion;
mod output;
mod reader;
mod settings;
mod sources;
mod telemetry;
mod wire;
mod writing;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

/// Runs the program with these arguments (the first is its name) and gives its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let json = arguments.iter().any(|argument| argument == "--json");
    let cli = match cli::Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            if json && error.use_stderr() {
                output::wrong_usage();
            }
            // Printing fails only where nobody reads.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
    };
    if matches!(cli.command, cli::Command::ParseWorker) {
        // Before any thread starts: its first act is to limit itself.
        return ingest::worker_main();
    }
    let output = output::Output::new(&cli.common);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            let message = "el sistema no deja crear los hilos del programa";
            let failure = error::Failure::new(error::FailureClass::Failed, "no_threads", message)
                .caused_by(error);
            output.failure(&failure);
            return failure.exit_code();
        }
    };
    let done = runtime.block_on(commands::run(cli, output));
    // Work that nobody waits for any more must not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match done {
        Ok(code) => code,
        Err(failure) => {
            output.failure(&failure);
            failure.exit_code()
        }
    }
}
