//! `bowline bench …`: flags into plans, what came of them onto standard output and into files.

mod calibrate;
mod chat;
mod churn;
mod closed;
mod compare;
mod connect;
mod diff;
mod doctor;
mod echo;
mod fanout;
mod file;
mod helps;
mod hold;
mod idle;
mod interrupt;
mod job;
mod live;
mod load;
mod output;
mod resume;
mod rooms;
mod server;
mod shootout;
mod slips;
mod slow;
mod table;
mod talk;
mod transport;
mod watch;
mod worker;

use std::env;
use std::error::Error as _;
use std::process::ExitCode;
use std::time::Duration;

use bowline_bench::{Document, Error, Suite, Verdict};
use clap::{Args, Subcommand};

pub(crate) use self::helps::tell_defaults;
pub(crate) use self::slips::{negatives_are_numbers, with_tip};

use self::calibrate::CalibrateArgs;
use self::chat::ChatArgs;
use self::churn::ChurnArgs;
use self::compare::CompareArgs;
use self::connect::ConnectArgs;
use self::diff::DiffArgs;
use self::doctor::DoctorArgs;
use self::echo::EchoArgs;
use self::fanout::FanoutArgs;
use self::hold::HoldArgs;
use self::idle::IdleArgs;
use self::job::Job;
use self::output::{Output, Reported};
use self::resume::ResumeArgs;
use self::rooms::RoomsArgs;
use self::shootout::ShootoutArgs;
use self::slow::SlowArgs;
use self::table::TableArgs;
use self::watch::Watch;
use crate::failure::Failure;

/// What the exit code says, the worst of what is so.
const EXIT_CODES: &str = "Exit codes:
  0  fine
  1  no report, or one that lacks a workload: the server can't be reached, a file can't be written, Ctrl-C came before, …
  2  a threshold of `diff` was missed, or the command line makes no sense
  3  client-bound: the load generator may be what limited the rate
  4  messages were lost, doubled, reordered or wrong, or connections were lost

Of several the highest. Ctrl-C ends a run with the report so far, which says that it was interrupted; its exit code is that of
what was measured, but for a workload of which nothing was: then it is at least 1. A second one ends it at once, with 130.";

/// Measure a WebSocket server.
///
/// Without a URL a server is started for each run, on a core of its own. With one, pin it and the load to different cores
/// (`taskset`), and give its process id for figures by its CPU time.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Messages to and fro: what does a message cost?
    ///
    /// Messages are sent at fixed times, 1,000 a second of 100 clients, 128 bytes each, unless flags of the closed loop are given. A
    /// `ws://` URL is any echo server's and means --transport raw; `http://` is a Bowline mount, and means sessions over WebSocket.
    Echo(Reported<EchoArgs>),
    /// One message to many: what does a delivery cost?
    ///
    /// 1,000 clients in one room, 10 publications a second of 128 bytes, unless flags of the closed loop are given. With those, and with
    /// --raw, a `ws://` URL is the room's, of any server that sends each message to all there.
    Fanout(Reported<FanoutArgs>),
    /// Many rooms: 100, 10 of which each of 1,000 clients is in, and 100 publications a second of 50 bytes
    Rooms(Reported<RoomsArgs>),
    /// Clients that stop reading: what do the others notice?
    ///
    /// 200 clients in one room, and 100 publications a second of 1,024 bytes. With --raw a `ws://` URL is the room's.
    Slow(Reported<SlowArgs>),
    /// Connections that do nothing: what memory and CPU time does one take?
    ///
    /// Over any of the transports. For each client: what the server's resident memory grew by, what the kernel's did (both ends of a
    /// connection, of the whole machine), and the server's CPU time in µs a second while nobody says anything. Of a server that runs
    /// already the first and the last need its --pid.
    Idle(Reported<IdleArgs>),
    /// Opening and closing handshakes without a pause: what does one cost?
    ///
    /// Of bare WebSockets alone; `churn` opens by all transports. The URL is a WebSocket's, or a Bowline mount by `http://`, and then
    /// means its /echo.
    Connect(Reported<ConnectArgs>),
    /// Many connections for a long time: one process's share of a million
    ///
    /// Pings are answered, and publications counted. What happens is printed as it happens, a line each, before the report.
    Hold(Reported<HoldArgs>),
    /// Clients that come, get a message echoed, stay a while and go: what does one cost, and is all of it given back?
    ///
    /// 100 a second for 10 s over each of the four transports, or --storm N as fast as they can. The URL is the mount; over raw alone
    /// it is the WebSocket's own, unless it is `http://`.
    Churn(Reported<ChurnArgs>),
    /// Carriers, or the server, are killed while clients talk: how soon are they back, and is anything lost?
    ///
    /// 100 clients over each of the four transports, each in 2 of 10 rooms; 200 messages a second for 20 s. `served again` is from the kill
    /// until a client got something that was sent after it, over any transport; `reconnects` are of clients that noticed a loss: those
    /// that poll mostly do not, as they ask again anyway.
    Resume(Reported<ResumeArgs>),
    /// A mix for soaks: clients on all transports talk, come and go, move from one transport to another, and some are slow
    ///
    /// 100 clients in 20 rooms of skewed sizes, 100 messages a second for a minute; --duration 86400 for a day.
    Chat(Reported<ChatArgs>),
    /// The benchmark of hashrocket's websocket-shootout, with any server that speaks it: how many clients until a broadcast takes too
    /// long?
    Shootout(Reported<ShootoutArgs>),
    /// One workload over a bare WebSocket and all four transports, side by side
    ///
    /// 200 clients in one room, and 20 publications a second of 128 bytes; polls each second. What clients cost that say nothing is for
    /// `idle --cost --transport raw,all`.
    Compare(Reported<CompareArgs>),
    /// A published table again: each figure beside what is measured here
    #[command(after_help = table::HELP)]
    Table(Reported<TableArgs>),
    /// What this machine does at the best: bare TCP, waking up, timers, the clock
    Calibrate(CalibrateArgs),
    /// Whether this machine is fit to measure on, and which transports a URL allows; what mends the rest
    #[command(after_help = "Exit codes: 0 all is well, 1 the server can't be reached, 2 something is wrong.")]
    Doctor(DoctorArgs),
    /// Compare two documents that `--json` wrote, and fail where a figure got worse
    #[command(after_help = diff::HELP)]
    Diff(DiffArgs),
    /// One process of a load of several, which starts it; what it is to do comes on its standard input
    #[command(hide = true)]
    Worker,
}

/// Carries out what the flags say. An error is one that ended the run without a report.
pub(crate) fn run(args: BenchArgs) -> Result<ExitCode, Failure> {
    match args.scenario {
        Scenario::Echo(echo) => report(echo, EchoArgs::into_job),
        Scenario::Fanout(fanout) => report(fanout, FanoutArgs::into_job),
        Scenario::Rooms(rooms) => report(rooms, RoomsArgs::into_job),
        Scenario::Slow(slow) => report(slow, SlowArgs::into_job),
        Scenario::Idle(idle) => report(idle, IdleArgs::into_job),
        Scenario::Connect(connect) => report(connect, ConnectArgs::into_job),
        Scenario::Hold(hold) => report(hold, |hold| Ok(hold.into_job())),
        Scenario::Churn(churn) => report(churn, ChurnArgs::into_job),
        Scenario::Resume(resume) => report(resume, ResumeArgs::into_job),
        Scenario::Chat(chat) => report(chat, ChatArgs::into_job),
        Scenario::Shootout(shootout) => report(shootout, |shootout| Ok(shootout.into_job())),
        Scenario::Compare(compare) => report(compare, CompareArgs::into_job),
        Scenario::Table(table) => table::run(&table.scenario, &table.output.check()?, table.output.quiet),
        Scenario::Calibrate(calibrate) => calibrate::run(&calibrate),
        Scenario::Doctor(doctor) => doctor::run(&doctor),
        Scenario::Worker => worker::run(),
        Scenario::Diff(diff) => diff::run(&diff),
    }
}

/// Runs the workloads of a scenario, and writes what came of them.
fn report<A: Args>(args: Reported<A>, into_job: fn(A) -> Result<Job, Failure>) -> Result<ExitCode, Failure> {
    let output = args.output.check()?;
    let job = into_job(args.scenario)?;
    let mut watch = Watch::new(output.standard, args.output.quiet)?;
    let (document, error) = measure(&job, &mut watch)?;
    drop(watch);
    finish(&document, error.as_ref(), &output)
}

/// Writes what there is, and then tells what ended it early, if an error did.
fn finish(document: &Document, error: Option<&Error>, output: &Output) -> Result<ExitCode, Failure> {
    if error.is_none() || !document.cells.is_empty() {
        output.write(document)?;
    }
    let is_missing = document.interrupted.as_ref().is_some_and(|interrupted| !interrupted.missing.is_empty());
    match error {
        Some(error) => Err(failure(error)),
        None if is_missing && document.verdict == Verdict::Fine => Ok(ExitCode::FAILURE),
        None => Ok(exit_code(document.verdict)),
    }
}

/// The document of a command.
fn document(scenario: &str) -> Document {
    Document::new(scenario, env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect())
}

/// It with what was measured in it, and what ended that early, if it was an error.
fn measure(job: &Job, watch: &mut Watch) -> Result<(Document, Option<Error>), Failure> {
    prepare(&job.suite)?;
    let mut document = document(&job.scenario);
    if job.calibrate {
        watch.calibrates();
        document.calibration = Some(bowline_bench::calibrate().map_err(|error| failure(&error))?);
    }
    let ran = job.suite.run(|event| watch.tell(event));
    document.interrupted = ran.interrupted;
    Ok((document.with_cells(ran.cells), ran.error))
}

/// Finds out what would end it early before anything is measured.
fn prepare(suite: &Suite) -> Result<(), Failure> {
    suite.check().and_then(|()| suite.knock()).map_err(|error| failure(&error))
}

fn failure(error: &Error) -> Failure {
    if is_usage(error) { Failure::Usage(words(error)) } else { Failure::Runtime(words(error)) }
}

fn words(error: &Error) -> String {
    let source = error.source().map(|source| format!(" ({source})")).unwrap_or_default();
    format!("{error}{source}")
}

/// Whether it is what was asked for that is wrong.
fn is_usage(error: &Error) -> bool {
    match error {
        Error::Plan { .. } | Error::Url { .. } => true,
        Error::Cell { source, .. } => is_usage(source),
        _ => false,
    }
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

/// The same of what is measured: in no time there is nothing.
fn some_seconds(text: &str) -> Result<Duration, String> {
    match seconds(text)? {
        Duration::ZERO => Err("it must be longer than 0".to_owned()),
        time => Ok(time),
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
        assert_eq!(seconds("0"), Ok(Duration::ZERO));
        assert!(some_seconds("0").is_err() && some_seconds("0.1").is_ok());
    }
}
