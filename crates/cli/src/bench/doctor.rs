//! `bowline bench doctor`.

use std::process::ExitCode;

use bowline_bench::{Examination, Target};
use clap::Args;

use super::failure;
use super::output::{Standard, print};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The mount of a server, `http://HOST[:PORT][/MOUNT]`, to try each transport against
    #[arg(value_name = "URL")]
    target: Option<Target>,
}

/// Says what is well and what isn't, each with what mends it. Exit code 2 where anything isn't.
pub(super) fn run(args: &DoctorArgs, standard: Standard) -> Result<ExitCode, Failure> {
    let mut found = Examination::of_machine();
    if let Some(target) = &args.target {
        found.add_server(target).map_err(|error| failure(&error))?;
    }
    let text = match standard {
        Standard::Json => found.to_json().map_err(|error| failure(&error))? + "\n",
        Standard::Summary | Standard::Csv => found.to_string(),
    };
    print(text.as_bytes())?;
    Ok(if found.is_well() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}
