//! `bowline bench …`: flags into plans, reports onto standard output.

use bowline_bench::{
    ConnectPlan, Content, Deflate, EchoPlan, Error, Event, FanoutPlan, HoldPlan, IdlePlan, MessageKind, Plan, Report,
    Target, Transport, Verdict,
};
use clap::{Args, Subcommand, ValueEnum};
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
}

#[derive(Debug, Args)]
struct ServerArgs {
    /// The server: `ws://HOST[:PORT][/PATH]`; or `tcp://HOST:PORT`, one that echoes bytes without WebSocket.
    target: Target,
    /// The server's process on this machine, for its CPU time and memory.
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
}

#[derive(Debug, Args)]
struct EchoArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Bytes of a message.
    #[arg(long, value_name = "BYTES", default_value_t = 125)]
    size: usize,
    /// Open resumable sessions (subprotocol `bowline.v1`) instead of bare WebSockets.
    #[arg(long)]
    session: bool,
    /// Open connections.
    #[arg(short, long, value_name = "N", default_value_t = 64)]
    connections: usize,
    /// Messages in flight on each connection.
    #[arg(long, value_name = "N", default_value_t = 1)]
    in_flight: usize,
    /// Never sleep: no server then pays for waking the load generator up. Takes a core.
    #[arg(long)]
    busy_poll: bool,
    /// Send text instead of binary messages.
    #[arg(long)]
    text: bool,
    /// What messages say; with --deflate JSON is the default.
    #[arg(long, value_enum)]
    content: Option<ContentArg>,
    /// Compress with permessage-deflate, without context takeover unless "takeover" is given.
    #[arg(long, value_enum, value_name = "CONTEXT", num_args = 0..=1, default_missing_value = "shared", require_equals = true)]
    deflate: Option<DeflateArg>,
    /// Seconds before measuring.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    warm_up: Duration,
    /// Seconds to measure.
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    duration: Duration,
}

#[derive(Debug, Args)]
struct FanoutArgs {
    /// The server, and the path that is the room: `ws://HOST[:PORT][/PATH]`; or `tcp://HOST:PORT`, one that gets each
    /// publication with its length in front, as 4 bytes, and sends frames to all.
    target: Target,
    /// The server's process on this machine, for its CPU time and memory.
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// Bytes of a publication, at least 8: its number.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    size: usize,
    /// Open connections, one of which publishes.
    #[arg(short, long, value_name = "N", default_value_t = 1000)]
    subscribers: usize,
    /// Publications under way: the next is sent when all subscribers have the oldest.
    #[arg(long, value_name = "N", default_value_t = 1)]
    in_flight: usize,
    /// Publications a second at fixed times, whatever becomes of them; latency counts from when one was due.
    #[arg(long, value_name = "N", conflicts_with = "in_flight")]
    rate: Option<f64>,
    /// Never sleep: no server then pays for waking the load generator up. Takes a core.
    #[arg(long)]
    busy_poll: bool,
    /// Text or binary messages.
    #[arg(long, value_enum, default_value = "binary")]
    messages_kind: KindArg,
    /// Seconds before measuring.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    warm_up: Duration,
    /// Seconds to measure.
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    duration: Duration,
}

#[derive(Debug, Args)]
struct IdleArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Connections to hold open.
    #[arg(short, long, value_name = "N", default_value_t = 19_000)]
    connections: usize,
    /// What carries a connection; `comet` and `long-polling` need `http://HOST[:PORT]/session`.
    #[arg(long, value_enum, default_value = "websocket")]
    transport: TransportArg,
    /// Messages echoed on each connection before it falls idle; none over HTTP.
    #[arg(long, value_name = "N", default_value_t = 1)]
    messages: usize,
    /// Seconds of idleness before the server's memory is looked at.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    hold: Duration,
}

#[derive(Debug, Args)]
struct ConnectArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Handshakes at a time.
    #[arg(short, long, value_name = "N", default_value_t = 64)]
    concurrency: usize,
    /// Hang up once the server has answered, without a closing handshake.
    #[arg(long)]
    no_closing_handshake: bool,
    /// Seconds before measuring.
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    warm_up: Duration,
    /// Seconds to measure.
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    duration: Duration,
}

#[derive(Debug, Args)]
struct HoldArgs {
    /// The server: `ws://HOST[:PORT][/PATH]`.
    target: Target,
    /// Connections to hold open.
    #[arg(short, long, value_name = "N", default_value_t = 19_000)]
    connections: usize,
    /// Connections begun in a second.
    #[arg(long, value_name = "N", default_value_t = 5000)]
    rate: usize,
    /// Source addresses on the loopback that other processes use, one for 10,000 connections.
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip_sources: usize,
    /// Seconds to hold them once all are open.
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds)]
    hold: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum TransportArg {
    /// A WebSocket as it is.
    #[value(name = "websocket")]
    WebSocket,
    /// A resumable session over WebSocket.
    Session,
    /// A resumable session over one response that goes on.
    Comet,
    /// A resumable session over one request held after the other.
    LongPolling,
}

impl From<TransportArg> for Transport {
    fn from(transport: TransportArg) -> Self {
        match transport {
            TransportArg::WebSocket => Self::WebSocket,
            TransportArg::Session => Self::Session,
            TransportArg::Comet => Self::Comet,
            TransportArg::LongPolling => Self::LongPolling,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindArg {
    /// The server has to check its UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ContentArg {
    /// Letters in no order.
    Letters,
    /// Chat records.
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DeflateArg {
    /// No context takeover either way.
    Shared,
    /// The server may keep a context for each connection.
    Takeover,
}

/// Carries out what the flags say. An error is one that ended the run without a report.
pub(crate) fn run(args: BenchArgs) -> Result<ExitCode, Failure> {
    let json = args.json;
    let plan = args.scenario.into_plan();
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
    fn into_plan(self) -> Plan {
        match self {
            Self::Echo(args) => Plan::Echo(args.into_plan()),
            Self::Fanout(args) => Plan::Fanout(args.into_plan()),
            Self::Idle(args) => {
                let mut plan = IdlePlan::new(args.server.target);
                plan.server_pid = args.server.pid;
                (plan.connections, plan.messages, plan.hold) = (args.connections, args.messages, args.hold);
                plan.transport = args.transport.into();
                Plan::Idle(plan)
            }
            Self::Connect(args) => {
                let mut plan = ConnectPlan::new(args.server.target);
                plan.server_pid = args.server.pid;
                (plan.concurrency, plan.closing_handshake) = (args.concurrency, !args.no_closing_handshake);
                (plan.warm_up, plan.duration) = (args.warm_up, args.duration);
                Plan::Connect(plan)
            }
            Self::Hold(args) => {
                let mut plan = HoldPlan::new(args.target);
                (plan.connections, plan.rate, plan.skip_sources) = (args.connections, args.rate, args.skip_sources);
                plan.hold = args.hold;
                Plan::Hold(plan)
            }
        }
    }
}

impl EchoArgs {
    fn into_plan(self) -> EchoPlan {
        let mut plan = EchoPlan::new(self.server.target);
        plan.server_pid = self.server.pid;
        (plan.size, plan.connections, plan.in_flight) = (self.size, self.connections, self.in_flight);
        (plan.warm_up, plan.duration, plan.busy_poll) = (self.warm_up, self.duration, self.busy_poll);
        plan.session = self.session;
        plan.kind = if self.text { MessageKind::Text } else { MessageKind::Binary };
        plan.deflate = self.deflate.map(|context| match context {
            DeflateArg::Shared => Deflate::Shared,
            DeflateArg::Takeover => Deflate::Takeover,
        });
        plan.content = match (self.content, self.deflate) {
            (Some(ContentArg::Json), _) | (None, Some(_)) => Content::Json,
            (Some(ContentArg::Letters), _) | (None, None) => Content::Letters,
        };
        plan
    }
}

impl FanoutArgs {
    fn into_plan(self) -> FanoutPlan {
        let mut plan = FanoutPlan::new(self.target);
        plan.server_pid = self.pid;
        (plan.size, plan.subscribers, plan.in_flight, plan.rate) =
            (self.size, self.subscribers, self.in_flight, self.rate);
        (plan.warm_up, plan.duration, plan.busy_poll) = (self.warm_up, self.duration, self.busy_poll);
        plan.kind = match self.messages_kind {
            KindArg::Text => MessageKind::Text,
            KindArg::Binary => MessageKind::Binary,
        };
        plan
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
