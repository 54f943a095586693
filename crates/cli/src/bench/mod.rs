//! `bowline bench …`: flags into plans, reports onto standard output.

mod connect;
mod echo;
mod fanout;
mod hold;
mod idle;
mod worker;

use self::connect::ConnectArgs;
use self::echo::EchoArgs;
use self::fanout::FanoutArgs;
use self::hold::HoldArgs;
use self::idle::IdleArgs;
use bowline_bench::{Error, Event, Plan, Report, Target, Verdict};
use clap::{Args, Subcommand};
use std::error::Error as _;
use std::io::{Write, stdout};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use crate::failure::Failure;

/// Measure a WebSocket server.
///
/// The load comes from one thread, in a closed loop unless a rate is given. Pin it and the server to different cores (`taskset`), and give the
/// server's process id for figures by its CPU time.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 fine, 1 no report, 3 client-bound, 4 answers were missing or wrong.")]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    scenario: Scenario,
    /// Print the report as one line of JSON.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Messages to and fro: what does a message cost?
    Echo(EchoArgs),
    /// One message to many: what does a delivery cost?
    Fanout(FanoutArgs),
    /// Connections that do nothing: what memory and CPU time does one take?
    Idle(IdleArgs),
    /// Opening and closing handshakes without a pause: what does one cost?
    Connect(ConnectArgs),
    /// Many connections for a long time: one process's share of a million
    ///
    /// Pings are answered, and publications counted. What happens is printed as it happens, a line each, before the report.
    Hold(HoldArgs),
    /// One process of a load of several, which starts it; what it is to do comes on its standard input
    #[command(hide = true)]
    Worker,
}

#[derive(Debug, Args)]
struct ServerArgs {
    /// The server: `ws://HOST[:PORT][/PATH]`; or `tcp://HOST:PORT`, one that echoes bytes without WebSocket.
    target: Target,
    /// The server's process on this machine, for its CPU time and memory.
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
}

/// Carries out what the flags say. An error is one that ended the run without a report.
pub(crate) fn run(args: BenchArgs) -> Result<ExitCode, Failure> {
    let json = args.json;
    let Some(plan) = args.scenario.into_plan() else { return worker::run() };
    let report = bowline_bench::run_telling(&plan, |event| tell(event, json)).map_err(|error| failure(&error))?;
    let text = if args.json { report.to_json().map_err(|error| failure(&error))? + "\n" } else { report.to_string() };
    stdout()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::Runtime(format!("can't print the report: {error}")))?;
    Ok(exit_code(&report))
}

/// Prints what happens. With nobody left to read it there is no point in going on.
fn tell(event: &Event, json: bool) -> ControlFlow<()> {
    let line = if json { event.to_json().unwrap_or_default() } else { event.to_string() };
    match writeln!(stdout(), "{line}").and_then(|()| stdout().flush()) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

fn failure(error: &Error) -> Failure {
    let source = error.source().map(|source| format!(" ({source})")).unwrap_or_default();
    Failure::Runtime(format!("{error}{source}"))
}

fn exit_code(report: &Report) -> ExitCode {
    match report.verdict() {
        Verdict::ClientBound => ExitCode::from(3),
        Verdict::Faulty => ExitCode::from(4),
        _ => ExitCode::SUCCESS,
    }
}

/// At most a day: a longer figure is a slip. The unit may be written, though there is no other.
fn seconds(text: &str) -> Result<Duration, String> {
    match text.strip_suffix('s').unwrap_or(text).parse() {
        Ok(seconds @ 0.0..=86_400.0) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err("not a number of seconds from 0 to 86400".to_owned()),
    }
}

impl Scenario {
    /// `None` for a worker, which is given its own.
    fn into_plan(self) -> Option<Plan> {
        Some(match self {
            Self::Echo(args) => Plan::Echo(args.into_plan()),
            Self::Fanout(args) => Plan::Fanout(args.into_plan()),
            Self::Idle(args) => Plan::Idle(args.into_plan()),
            Self::Connect(args) => Plan::Connect(args.into_plan()),
            Self::Hold(args) => Plan::Hold(args.into_plan()),
            Self::Worker => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_have_their_unit() {
        assert_eq!(seconds("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("86400"), Ok(Duration::from_secs(86_400)));
        for wrong in ["86401", "-1", "500ms", "2m", "s", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
