//! The binary `bowline`: flags → checked plan → run.

mod announce;
mod args;
mod bench;
mod broadcast;
mod connect;
mod echo;
mod engine;
mod failure;
mod log;
mod plan;
mod proxy;
mod runtime;
mod serve;
mod signals;

use std::env;
use std::io::{Write, stderr};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use self::args::{Cli, Command};
use self::failure::Failure;
use self::plan::{BroadcastPlan, ConnectPlan, EnginePlan};

fn main() -> ExitCode {
    run(parse().command).unwrap_or_else(|failure| {
        // Where standard error is gone as well, the exit code is all there is.
        drop(writeln!(stderr(), "{failure}"));
        failure.exit_code()
    })
}

/// What the command line says. One that can't be read ends the program.
fn parse() -> Cli {
    let args: Vec<_> = env::args_os().collect();
    let mut command = bench::tell_defaults(bench::negatives_are_numbers(Cli::command()));
    let parsed =
        command.try_get_matches_from_mut(&args).and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    parsed.unwrap_or_else(|error| bench::with_tip(error.format(&mut command), &args).exit())
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Echo(args) => {
            log::init(args.log.filter.as_deref())?;
            echo::run(&EnginePlan::new(args)?)
        }
        Command::Broadcast(args) => {
            log::init(args.engine.log.filter.as_deref())?;
            broadcast::run(&BroadcastPlan::new(args)?)
        }
        Command::Serve(args) => {
            log::init(args.log.filter.as_deref())?;
            serve::run(args)
        }
        Command::Connect(args) => {
            log::init(args.log.filter.as_deref())?;
            connect::run(&ConnectPlan::new(args)?)
        }
        Command::Bench(args) => bench::run(*args),
        Command::Proxy(args) => proxy::run(&args),
    }
}
