//! What a command prints: data on standard output, progress and messages on standard error.

use std::error::Error;
use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use crate::cli::Common;
use crate::error::{Failure, chain};

/// Prints a line of the result. A reader who has gone away is no failure of ours.
fn tell_out(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// Prints a line beside the result.
fn tell_err(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// How a command speaks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    json: bool,
    quiet: bool,
    verbose: bool,
}

impl Output {
    /// As the options ask.
    #[must_use]
    pub(crate) const fn new(common: &Common) -> Self {
        Self {
            json: common.json,
            quiet: common.quiet,
            verbose: common.verbose > 0,
        }
    }

    /// Prints the result: as JSON, or as the lines that `lines` gives.
    pub(crate) fn result(self, value: &impl Serialize, lines: impl FnOnce() -> String) {
        if self.json {
            match serde_json::to_string_pretty(value) {
                Ok(text) => tell_out(&text),
                Err(error) => tell_err(&format!("error: {error}")),
            }
        } else {
            let text = lines();
            tell_out(&printable_lines(text.trim_end()));
        }
    }

    /// Tells something on the way.
    pub(crate) fn say(self, message: &str) {
        if !self.quiet {
            tell_err(&printable_lines(message));
        }
    }

    /// Tells why the command failed; with `-v` the causes too.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            let error = json!({"code": failure.code(), "message": failure.to_string()});
            tell_out(&json!({ "error": error }).to_string());
        }
        tell_err(&format!(
            "sistole: {}",
            printable_lines(&failure.to_string())
        ));
        if self.verbose && failure.source().is_some() {
            tell_err(&format!("  causa: {}", printable_lines(&chain(failure))));
        }
    }

    /// A bar that counts bytes, on a terminal; nothing elsewhere.
    #[must_use]
    pub(crate) fn byte_bar(self) -> ProgressBar {
        if self.quiet || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let template =
            "{bar:30} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} {wide_msg}";
        let bar = ProgressBar::new(0);
        match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    /// A bar on a terminal; plain lines elsewhere.
    #[must_use]
    pub(crate) fn progress(self, total: u64) -> Progress {
        let bar = (!self.quiet && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(total);
            if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Progress { bar, output: self }
    }
}

/// The JSON document of a command that was written wrongly; the words are on standard error.
pub(crate) fn wrong_usage() {
    let message = "la orden está mal escrita: vea «sistole --help»";
    tell_out(&json!({"error": {"code": "usage", "message": message}}).to_string());
}

/// A count that goes up.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    output: Output,
}

impl Progress {
    /// One more is done.
    pub(crate) fn done(&self, message: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_message(printable_lines(message));
                bar.inc(1);
            }
            None => self.output.say(message),
        }
    }

    /// A line above the bar.
    pub(crate) fn line(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.println(printable_lines(message)),
            None => self.output.say(message),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Text from documents and file names without what would steer a terminal.
fn printable_lines(text: &str) -> String {
    domain::printable(text).replace('\r', "")
}
