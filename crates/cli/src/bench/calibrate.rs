//! `bowline bench calibrate`.

use std::process::ExitCode;

use bowline_bench::summary;
use clap::Args;

use super::output::print;
use super::{document, failure};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct CalibrateArgs {
    /// Print it as one line of JSON
    #[arg(long)]
    json: bool,
}

/// Measures what the machine does at the best, and says it.
pub(super) fn run(args: &CalibrateArgs) -> Result<ExitCode, Failure> {
    let mut document = document("calibrate");
    document.calibration = Some(bowline_bench::calibrate().map_err(|error| failure(&error))?);
    let text = if args.json { document.to_json().map_err(|error| failure(&error))? + "\n" } else { summary(&document) };
    print(text.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
