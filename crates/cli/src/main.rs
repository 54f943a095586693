//! The binary `bowline`: flags → checked plan → run.

mod args;
mod bench;
mod connect;
mod echo;
mod failure;
mod log;
mod plan;
mod signals;

use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::Parser;

use self::args::{Cli, Command};
use self::failure::Failure;
use self::plan::{ConnectPlan, EchoPlan};

fn main() -> ExitCode {
    run(Cli::parse().command).unwrap_or_else(|failure| {
        // Where standard error is gone as well, the exit code is all there is.
        drop(writeln!(stderr(), "{failure}"));
        failure.exit_code()
    })
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Echo(args) => {
            log::init(args.log.filter.as_deref())?;
            echo::run(EchoPlan::new(args)?)
        }
        Command::Connect(args) => {
            log::init(args.log.filter.as_deref())?;
            connect::run(&ConnectPlan::new(args)?)
        }
        Command::Bench(args) => bench::run(args),
    }
}
