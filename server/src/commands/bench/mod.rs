//! `sistole bench`: the figures of speed and memory in the documentation, on realistic text, in a
//! temporary data directory.

mod files;
mod generate;
mod questions;
mod serving;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Map, Value};

use crate::cli::BenchArgs;
use crate::error::{Failure, FailureClass};
use crate::output::Output;
use crate::settings::Settings;

/// What is measured where no name is given.
const NAMES: [&str; 4] = ["search", "ask", "ingest", "serve"];
/// What needs a model, or a GPU, and is measured by name alone.
const WITH_A_MODEL: [&str; 2] = ["generate", "gpu"];

pub(super) async fn run(
    settings: Settings,
    args: &BenchArgs,
    output: Output,
) -> Result<ExitCode, Failure> {
    let exists = |name: &&str| NAMES.contains(name) || WITH_A_MODEL.contains(name);
    if let Some(name) = args.name.as_deref().filter(|name| !exists(name)) {
        let all = [&NAMES[..], &WITH_A_MODEL[..]].concat();
        let message = format!("no hay una medida «{name}»: use {}", all.join(", "));
        return Err(Failure::new(FailureClass::Usage, "bench_unknown", message));
    }
    let wanted = |name: &str| args.name.as_deref().is_none_or(|wanted| wanted == name);
    let mut report = Map::new();
    if wanted("search") || wanted("ask") {
        let kinds = (wanted("search"), wanted("ask"));
        report.extend(questions::measure(&settings, args.passages, kinds, output).await?);
    }
    if wanted("ingest") {
        report.insert(
            "ingest".to_owned(),
            files::measure(&settings, output).await?,
        );
    }
    if wanted("serve") {
        report.insert(
            "serve".to_owned(),
            serving::measure(&settings, output).await?,
        );
    }
    match args.name.as_deref() {
        Some("generate") => {
            let measured = generate::measure(&settings, args, output).await?;
            report.insert("generate".to_owned(), measured);
        }
        Some("gpu") => {
            let measured = generate::measure_gpu(args, output).await?;
            report.insert("gpu".to_owned(), measured);
        }
        _ => {}
    }
    let report = Value::Object(report);
    output.result(&report, || {
        serde_json::to_string_pretty(&report).unwrap_or_default()
    });
    Ok(ExitCode::SUCCESS)
}

/// A data directory that goes away with the handle, and settings that point to it.
fn temporary(settings: &Settings) -> Result<(tempfile::TempDir, Settings), Failure> {
    let folder = tempfile::tempdir().map_err(|error| {
        Failure::new(
            FailureClass::Failed,
            "temporary_dir",
            "no se puede crear una carpeta temporal",
        )
        .caused_by(error)
    })?;
    let mut settings = settings.clone();
    settings.storage.data_dir = folder.path().join("data");
    settings.catalog.url.clear();
    Ok((folder, settings))
}

/// Resident and peak memory of a process in MiB, from `/proc`; `None` where there is none.
fn memory_mib(process: u32) -> Option<(u64, u64)> {
    let status = std::fs::read_to_string(PathBuf::from(format!("/proc/{process}/status"))).ok()?;
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace()
            .nth(1)?
            .parse::<u64>()
            .ok()
            .map(|kib| kib / 1024)
    };
    Some((field("VmRSS:")?, field("VmHWM:")?))
}
