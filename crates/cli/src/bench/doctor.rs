//! `bowline bench doctor`.

use std::process::ExitCode;

use bowline_bench::{Examination, Target};
use clap::Args;

use super::failure;
use super::output::print;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// The mount of a server, `http://HOST[:PORT][/MOUNT]`, to try each transport against
    #[arg(value_name = "URL")]
    target: Option<Target>,

    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Says what is well and what isn't, each with what mends it. Exit code 2 where anything isn't.
pub(super) fn run(args: &DoctorArgs) -> Result<ExitCode, Failure> {
    let mut found = Examination::of_machine();
    if let Some(target) = &args.target {
        found.add_server(target).map_err(|error| failure(&error))?;
    }
    let text = if args.json { found.to_json().map_err(|error| failure(&error))? + "\n" } else { found.to_string() };
    print(text.as_bytes())?;
    Ok(if found.is_well() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}
