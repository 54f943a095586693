//! `bowline bench …`: flags into plans, reports onto standard output.

mod calibrate;
mod closed;
mod compare;
mod connect;
mod doctor;
mod echo;
mod fanout;
mod hold;
mod idle;
mod job;
mod load;
mod rooms;
mod server;
mod slow;
mod transport;

use self::compare::CompareArgs;
use self::connect::ConnectArgs;
use self::doctor::DoctorArgs;
use self::echo::EchoArgs;
use self::fanout::FanoutArgs;
use self::hold::HoldArgs;
use self::idle::IdleArgs;
use self::job::Job;
use self::rooms::RoomsArgs;
use self::slow::SlowArgs;
use bowline_bench::{Document, Error, Event, Verdict};
use clap::{Args, Subcommand};
use std::error::Error as _;
use std::io::{Write, stdout};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use crate::failure::Failure;

/// Measure a WebSocket server.
///
/// Without a URL a server is started for each run, on a core of its own. With one, pin it and the load to different cores
/// (`taskset`), and give its process id for figures by its CPU time.
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
    ///
    /// Messages are sent at fixed times, 1,000 a second of 100 clients, 128 bytes each, unless flags of the closed loop are given. A
    /// `ws://` URL is any echo server's and means --transport raw; `http://` is a Bowline mount, and means sessions over WebSocket.
    Echo(EchoArgs),
    /// One message to many: what does a delivery cost?
    ///
    /// 1,000 clients in one room, 10 publications a second of 128 bytes, unless flags of the closed loop are given: that takes a
    /// URL as the room's, of any server.
    Fanout(FanoutArgs),
    /// Many rooms: 100, 10 of which each of 1,000 clients is in, and 100 publications a second of 50 bytes
    Rooms(RoomsArgs),
    /// Clients that stop reading: what do the others notice?
    ///
    /// 200 clients in one room, and 100 publications a second of 1,024 bytes.
    Slow(SlowArgs),
    /// Connections that do nothing: what memory and CPU time does one take?
    Idle(IdleArgs),
    /// Opening and closing handshakes without a pause: what does one cost?
    Connect(ConnectArgs),
    /// Many connections for a long time: one process's share of a million
    ///
    /// Pings are answered, and publications counted. What happens is printed as it happens, a line each, before the report.
    Hold(HoldArgs),
    /// One workload over a bare WebSocket and all four transports, side by side
    ///
    /// 200 clients in one room, and 20 publications a second of 128 bytes; polls each second.
    Compare(CompareArgs),
    /// What this machine does at the best: bare TCP, waking up, timers, the clock
    Calibrate,
    /// Whether this machine is fit to measure on, and which transports a URL allows; what mends the rest
    #[command(after_help = "Exit codes: 0 all is well, 1 the server can't be reached, 2 something is wrong.")]
    Doctor(DoctorArgs),
}

/// Carries out what the flags say. An error is one that ended the run without a report.
pub(crate) fn run(args: BenchArgs) -> Result<ExitCode, Failure> {
    let job = match args.scenario {
        Scenario::Echo(echo) => echo.into_job(),
        Scenario::Fanout(fanout) => fanout.into_job(),
        Scenario::Rooms(rooms) => rooms.into_job(),
        Scenario::Slow(slow) => slow.into_job(),
        Scenario::Idle(idle) => idle.into_job(),
        Scenario::Connect(connect) => connect.into_job(),
        Scenario::Hold(hold) => Ok(hold.into_job()),
        Scenario::Compare(compare) => compare.into_job(),
        Scenario::Calibrate => return calibrate::run(args.json),
        Scenario::Doctor(doctor) => return doctor::run(&doctor, args.json),
    }?;
    carry_out(&job, args.json)
}

fn carry_out(job: &Job, json: bool) -> Result<ExitCode, Failure> {
    let mut document = Document::new(job.scenario.clone(), std::env::args().collect());
    if job.calibrate {
        document.calibration = Some(bowline_bench::calibrate().map_err(|error| failure(&error))?);
    }
    let is_single = job.suite.cells.len() * job.suite.rounds == 1;
    let tell = |event: &Event| match event {
        Event::Begin { .. } if is_single => ControlFlow::Continue(()),
        event => tell(event, json),
    };
    let cells = job.suite.run(tell).map_err(|error| failure(&error))?;
    let document = document.with_cells(cells);
    for (cell, report) in document.runs() {
        if json {
            print(&(report.to_json().map_err(|error| failure(&error))? + "\n"))?;
        } else {
            print(&if is_single { report.to_string() } else { format!("{}\n{report}\n", cell.name) })?;
        }
    }
    Ok(exit_code(document.verdict))
}

/// Onto standard output.
fn print(text: &str) -> Result<(), Failure> {
    stdout().write_all(text.as_bytes()).map_err(|error| Failure::Runtime(format!("can't print the report: {error}")))
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
