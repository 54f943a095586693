//! `bowline bench calibrate`.

use std::process::ExitCode;

use bowline_bench::{Document, calibrate};

use super::{failure, print};
use crate::failure::Failure;

/// Measures what the machine does at the best, and says it.
pub(super) fn run(json: bool) -> Result<ExitCode, Failure> {
    let calibration = calibrate().map_err(|error| failure(&error))?;
    if !json {
        print(&calibration.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut document = Document::new("calibrate", std::env::args().collect());
    document.calibration = Some(calibration);
    print(&(document.to_json().map_err(|error| failure(&error))? + "\n"))?;
    Ok(ExitCode::SUCCESS)
}
