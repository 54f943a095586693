//! `bowline bench calibrate`.

use std::process::ExitCode;

use super::output::Output;
use super::{document, failure};
use crate::failure::Failure;

/// Measures what the machine does at the best, and says it.
pub(super) fn run(output: &Output) -> Result<ExitCode, Failure> {
    let mut document = document("calibrate");
    document.calibration = Some(bowline_bench::calibrate().map_err(|error| failure(&error))?);
    output.write(&document)?;
    Ok(ExitCode::SUCCESS)
}
