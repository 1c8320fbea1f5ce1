//! `sistole index`: comparing the index with the catalogue, and building it again.

use std::process::ExitCode;
use std::time::Instant;

use serde_json::json;

use crate::cli::IndexCommand;
use crate::error::Failure;
use crate::index_care;
use crate::output::Output;
use crate::settings::Settings;
use crate::wire::milliseconds;

pub(super) async fn run(
    settings: Settings,
    command: &IndexCommand,
    output: Output,
) -> Result<ExitCode, Failure> {
    let app = super::open_existing(settings).await?;
    let done = match command {
        IndexCommand::Check => check(&app, output).await,
        IndexCommand::Rebuild => rebuild(&app, output).await,
    };
    app.close().await?;
    done
}

async fn check(app: &crate::app::App, output: Output) -> Result<ExitCode, Failure> {
    let report = index_care::compare(app).await?;
    output.result(&report, || {
        if report.agrees {
            return format!("El índice y el catálogo coinciden: {} pasajes.", report.expected);
        }
        format!(
            "El índice y el catálogo no coinciden: {} pasajes esperados y {} encontrados; {} versiones incompletas y {} sobrantes.\nArréglelo con «sistole index rebuild».",
            report.expected,
            report.found,
            report.incomplete.len(),
            report.orphaned.len()
        )
    });
    Ok(if report.agrees {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn rebuild(app: &crate::app::App, output: Output) -> Result<ExitCode, Failure> {
    let started = Instant::now();
    let passages = index_care::rebuild(app, |_| ()).await?;
    let report = json!({"passages": passages, "timings_ms": {"total": milliseconds(started)}});
    output.result(&report, || {
        format!("Índice reconstruido con {passages} pasajes.")
    });
    Ok(ExitCode::SUCCESS)
}
