//! `sistole ask`: the cited answer, or why there is none.

use std::process::ExitCode;

use crate::answering::{self, View};
use crate::cli::AskArgs;
use crate::error::Failure;
use crate::output::Output;
use crate::settings::Settings;

pub(super) async fn run(
    settings: Settings,
    args: &AskArgs,
    output: Output,
) -> Result<ExitCode, Failure> {
    let question = super::question(&args.question, args.language)?;
    let app = super::open_existing(settings).await?;
    app.load_writer(output).await?;
    let view = View {
        collection: args.collection.clone(),
        groups: None,
    };
    let answered = answering::ask(&app, &question, &view, None).await;
    app.close().await?;
    let answer = answered?;
    output.result(&answer, || answer.as_lines());
    Ok(ExitCode::SUCCESS)
}
