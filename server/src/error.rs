//! Failures of a command: one sentence for the person, the chain of causes for the log, and the
//! exit code the contract gives them.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// Who must act, which is what the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureClass {
    /// It failed.
    Failed,
    /// The command was written wrongly.
    Usage,
    /// Try again later: something it needs is held or away.
    TryAgain,
    /// A setting or a model is at fault.
    Configuration,
}

impl FailureClass {
    /// The exit code of the contract.
    #[must_use]
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::TryAgain => 75,
            Self::Configuration => 78,
        }
    }
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    class: FailureClass,
    code: &'static str,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure with a stable `code` for programs and a `message` in Spanish for the person.
    pub(crate) fn new(class: FailureClass, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            class,
            code,
            message: message.into(),
            source: None,
        }
    }

    /// With the error that caused it.
    #[must_use]
    pub(crate) fn caused_by(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// Who must act.
    #[must_use]
    pub(crate) const fn class(&self) -> FailureClass {
        self.class
    }

    /// The stable name.
    #[must_use]
    pub(crate) const fn code(&self) -> &'static str {
        self.code
    }

    /// The exit code of the process.
    #[must_use]
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.class.code())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn Error + 'static))
    }
}

/// The causes of an error below its first message, outermost first, as one line.
#[must_use]
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut causes = String::new();
    let mut next = error.source();
    while let Some(cause) = next {
        if !causes.is_empty() {
            causes.push_str(": ");
        }
        causes.push_str(&cause.to_string());
        next = cause.source();
    }
    causes
}
