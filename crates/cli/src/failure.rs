//! What ends the program early: one line about what was wrong and what to do, and an exit code.

use std::fmt;
use std::process::ExitCode;

/// Why the program can't do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for something that makes no sense, or isn't possible here. Exit code 2.
    Usage(String),
    /// It was right, and didn't work. Exit code 1.
    Runtime(String),
}

impl Failure {
    /// The exit code: 2 for usage (as clap's own), 1 for the rest.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Runtime(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(what) => write!(f, "error: {what}\n\nFor more information, try '--help'."),
            Self::Runtime(what) => write!(f, "error: {what}"),
        }
    }
}
