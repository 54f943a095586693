//! `bowline bench worker`: one process of a load of several.

use std::process::ExitCode;

use super::failure;
use crate::failure::Failure;

/// Carries out its part, and talks to the process that started it.
pub(super) fn run() -> Result<ExitCode, Failure> {
    bowline_bench::worker().map_err(|error| failure(&error))?;
    Ok(ExitCode::SUCCESS)
}
