//! `sistole search`: the ranked passages.

use std::process::ExitCode;

use crate::answering::{self, View};
use crate::cli::SearchArgs;
use crate::error::Failure;
use crate::output::Output;
use crate::settings::Settings;

pub(super) async fn run(
    settings: Settings,
    args: &SearchArgs,
    output: Output,
) -> Result<ExitCode, Failure> {
    let question = super::question(&args.question, args.language)?;
    let app = super::open_existing(settings).await?;
    let view = View {
        collection: args.collection.clone(),
        groups: None,
    };
    let found = answering::search(&app, &question, &view, args.limit).await;
    app.close().await?;
    let found = found?;
    output.result(&found, || found.as_lines());
    Ok(ExitCode::SUCCESS)
}
