//! The scenarios from a command line.

#[path = "../../cli/src/bench.rs"]
mod bench;

use clap::Parser;
use std::error::Error;
use std::process::ExitCode;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    bench: bench::BenchArgs,
}

fn main() -> ExitCode {
    match bench::run(Cli::parse().bench) {
        Ok(code) => code,
        Err(error) => {
            let source = error.source().map(|source| format!(" ({source})")).unwrap_or_default();
            eprintln!("load: {error}{source}");
            ExitCode::FAILURE
        }
    }
}
