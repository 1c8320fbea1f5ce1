//! The log: to standard error, as text or JSON. It never holds a question or a document's words.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::cli::Common;
use crate::settings::LogSettings;

/// Starts the log. A server writes what settings ask for; other commands write warnings only,
/// and more with `-v`.
pub(crate) fn start(settings: &LogSettings, common: &Common, server: bool) {
    let ours = match (common.quiet, common.verbose) {
        (true, _) => "error",
        (_, 0) if server => settings.level.as_str(),
        (_, 0) => "error",
        (_, 1) => "info",
        _ => "debug",
    };
    // Libraries below speak of their own affairs, sometimes with what they were given.
    let filter = EnvFilter::try_new(format!(
        "off,server={ours},catalog={ours},ingest={ours},retriever={ours},generator={ours}"
    ))
    .unwrap_or_else(|_| EnvFilter::new("error"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    std::panic::set_hook(Box::new(|panic| {
        // Where, never what: the message of a panic may quote a question or a document.
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "a thread panicked");
    }));
    // A second start in one process (tests) keeps the first.
    let _ = if settings.format == "json" {
        builder.json().try_init()
    } else {
        builder.try_init()
    };
}
