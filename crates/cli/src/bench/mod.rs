//! `bowline bench …`: flags into plans, what came of them onto standard output and into files.

mod connect;
mod diff;
mod echo;
mod fanout;
mod file;
mod hold;
mod idle;
mod interrupt;
mod live;
mod output;
mod watch;

use std::env;
use std::error::Error as _;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use bowline_bench::{Cell, Document, Error, Event, Plan, Target, Verdict};
use clap::{Args, Subcommand};

use self::connect::ConnectArgs;
use self::diff::DiffArgs;
use self::echo::EchoArgs;
use self::fanout::FanoutArgs;
use self::hold::HoldArgs;
use self::idle::IdleArgs;
use self::output::OutputArgs;
use self::watch::Watch;
use crate::failure::Failure;

/// What the exit code says, the worst of what is so.
const EXIT_CODES: &str = "Exit codes:
  0  fine
  1  no report: the server can't be reached, a file can't be written, …
  2  a threshold of `diff` was missed, or the command line makes no sense
  3  client-bound: the load generator may be what limited the rate
  4  messages were lost, doubled, reordered or wrong, or connections were lost

Of several the highest. Ctrl-C ends a run with the report so far; a second one ends it at once.";

/// Measure a WebSocket server.
///
/// The load comes from one thread, in a closed loop unless a rate is given. Pin it and the server to different cores (`taskset`), and give the
/// server's process id for figures by its CPU time.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    scenario: Scenario,
    #[command(flatten)]
    output: OutputArgs,
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
    /// Compare two documents that `--json` wrote, and fail where a figure got worse
    #[command(after_help = diff::HELP)]
    Diff(DiffArgs),
}

#[derive(Debug, Args)]
struct ServerArgs {
    /// The server: `ws://HOST[:PORT][/PATH]`; or `tcp://HOST:PORT`, one that echoes bytes without WebSocket.
    target: Target,
    /// The server's process on this machine, for its CPU time and memory.
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
}

/// Whom to tell what happens, and who says when to stop.
type Tell<'a> = &'a mut dyn FnMut(&Event) -> ControlFlow<()>;

/// Carries out what the flags say. An error is one that ended the run without a report.
pub(crate) fn run(args: BenchArgs) -> Result<ExitCode, Failure> {
    let output = args.output.check()?;
    if let Scenario::Diff(diff) = args.scenario {
        return diff::run(&diff);
    }
    let mut watch = Watch::new(output.standard, args.output.quiet)?;
    let command = env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let document = Document::new(args.scenario.name(), command);
    let document = args.scenario.measure(document, &mut |event| watch.tell(event))?;
    drop(watch);
    output.write(&document)?;
    Ok(exit_code(document.verdict))
}

fn failure(error: &Error) -> Failure {
    let source = error.source().map(|source| format!(" ({source})")).unwrap_or_default();
    Failure::Runtime(format!("{error}{source}"))
}

fn exit_code(verdict: Verdict) -> ExitCode {
    match verdict {
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
    const fn name(&self) -> &'static str {
        match self {
            Self::Echo(_) => "echo",
            Self::Fanout(_) => "fanout",
            Self::Idle(_) => "idle",
            Self::Connect(_) => "connect",
            Self::Hold(_) => "hold",
            Self::Diff(_) => "diff",
        }
    }

    /// The document with what was measured in it.
    fn measure(self, document: Document, tell: Tell<'_>) -> Result<Document, Failure> {
        let plan = match self {
            Self::Echo(args) => Plan::Echo(args.into_plan()),
            Self::Fanout(args) => Plan::Fanout(args.into_plan()),
            Self::Idle(args) => Plan::Idle(args.into_plan()),
            Self::Connect(args) => Plan::Connect(args.into_plan()),
            Self::Hold(args) => Plan::Hold(args.into_plan()),
            Self::Diff(_) => return Ok(document),
        };
        let run = bowline_bench::run_telling(&plan, tell).map_err(|error| failure(&error))?;
        let name = document.scenario.clone();
        Ok(document.with_cells(vec![Cell::new(name, vec![run])]))
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
