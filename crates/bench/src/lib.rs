//! The load harness of Bowline: what a WebSocket server costs, by message, by connection and by handshake.
//!
//! | Scenario | Question | Figure |
//! |---|---|---|
//! | [`EchoPlan`] | what does a message cost? | messages per second of server CPU |
//! | [`FanoutPlan`] | what does a message to many cost? | deliveries per second of server CPU |
//! | [`IdlePlan`] | what does an open connection cost? | resident bytes, and CPU time a second, per connection |
//! | [`ConnectPlan`] | what does a handshake cost? | handshakes per second of server CPU |
//! | [`LoadPlan`] | how long does a message take, by any transport? | latency from when it was due; what was lost, doubled, reordered |
//! | [`HoldPlan`] | how many can there be? | connections held, and when a publication reached all |
//! | [`ResumePlan`] | what if carriers, or the server, are killed? | how soon all are served again; what was lost |
//! | [`ChurnPlan`] | what does a client that comes and goes cost? | opening latency; server CPU and memory a client |
//! | [`ChatPlan`] | does all of it go on for a day? | drift of memory and latency; what was lost |
//! | [`ShootoutPlan`] | how many until a broadcast takes too long? | clients, by hashrocket's protocol |
//!
//! ```no_run
//! use bowline_bench::{EchoPlan, Plan, run};
//!
//! let mut plan = EchoPlan::new("ws://127.0.0.1:9001/".parse()?);
//! plan.connections = 1000;
//! plan.server_pid = Some(4711);
//! println!("{}", run(&Plan::Echo(plan))?);
//! # Ok::<(), bowline_bench::Error>(())
//! ```
//!
//! # Method
//! The load comes from one thread alone, which is to be pinned to another core than the server. But for a [`LoadPlan`] it is a *closed*
//! loop: a connection keeps a fixed number of messages in flight and sends the next when an answer comes, so that the rate is
//! what the server can do. Latency is measured for publications only; at fixed times ([`FanoutPlan::rate`]) it counts from
//! when one was due. The server's CPU time is read from `/proc` (Linux) by process id; a figure by wall clock stands beside
//! it. The harness costs less per message than a server: frames are masked before the run, a connection's outgoing and
//! incoming bytes are two periodic strings, and an answer is checked by comparing what one read brought with its place in the
//! string. Publications differ in their number only, and the string is the last few of them, shared by all subscribers.
//! Whatever compares unequal is parsed, frame by frame, and judged: see [`Faults`].
//!
//! A [`LoadPlan`] is an *open* model: messages are due at fixed times, whatever becomes of those before them, and one that is late is sent
//! at once. Latency counts from when a message was due, by `CLOCK_MONOTONIC` in its text, which several load processes share; beside it
//! stands the latency from when it was sent. Each delivery is entered in a book, by client and source, so that at the end it is known
//! of each client what is [missing, doubled or reordered](Reconciled). A program that lets a load have several processes
//! calls [`worker`] when its arguments are `bench worker`.
//!
//! # Several runs
//! A [`Suite`] runs several workloads several times each, in an order drawn from a seed, and starts a server of its own for each
//! run. [`calibrate`] measures what the machine does at the best; an [`Examination`] finds what would spoil a run, and what mends it.
//!
//! # Published tables
//! [`TablePlan`] runs the workloads behind tables that others have published, and puts what is measured beside their figures.
//!
//! # Faults
//! [`proxy`] is a proxy that does to connections what networks and gateways do, for tests.
//!
//! # Baselines without WebSocket
//! A target `tcp://HOST:PORT` is a server that sends back the bytes it gets. A WebSocket message is 4 bytes longer on its way
//! to the server than back, because it is masked; the bytes sent to a `tcp://` target are 2 bytes longer than the server's
//! frame would be, so that both ways together carry exactly the bytes of a WebSocket echo. For fan-out see [`FanoutPlan`].

mod ask;
mod calibrate;
mod chat;
mod check;
mod churn;
mod connect;
mod cycle;
mod deflate;
pub mod delivery;
mod dial;
mod diff;
mod distribution;
mod doctor;
mod document;
mod echo;
mod environment;
mod error;
mod export;
mod fanout;
mod figures;
mod flow;
mod frame;
mod handshake;
mod hold;
mod idle;
mod interruption;
mod lane;
mod load;
mod open;
mod page;
mod parser;
mod payload;
mod plan;
mod polls;
mod process;
pub mod proxy;
mod random;
mod report;
mod resume;
#[cfg(test)]
mod samples;
mod seconds;
mod shootout;
mod steps;
mod suite;
mod table;
mod target;

use std::ops::ControlFlow;

pub use calibrate::calibrate;
pub use diff::{CellDiff, Diff, Threshold};
pub use distribution::{Distribution, MAX_TIME};
pub use doctor::{Examination, Finding, Machine, Trouble};
pub use document::{At, Calibration, Cell, Document, Entry, Environment, Line, Plot, Table};
pub use error::Error;
pub use export::{csv, hlog, summary};
pub use figures::{FIGURES, Figure, Figures, Spread, Worse};
pub use interruption::Interruption;
pub use load::worker;
pub use page::{page, plots};
pub use payload::{Content, payload};
pub use plan::{
    ACKNOWLEDGE_EVERY, Arrivals, Ask, ChatPlan, ChurnPlan, ConnectPlan, Deflate, EchoPlan, FanoutPlan, Headers,
    HoldPlan, IdlePlan, Kill, LoadPlan, MAX_CONNECTIONS, MAX_DURATION, MAX_IN_FLIGHT, MAX_IN_FLIGHT_BYTES, MAX_KILLS,
    MAX_MESSAGE_SIZE, MAX_PROCESSES, MAX_PUBLICATIONS, MAX_RATE, MAX_ROOMS, MAX_ROOMS_PER_CLIENT, MAX_SAMPLES,
    MAX_STRETCHES, MIN_LOAD_SIZE, MessageKind, Plan, ResumePlan, ShootoutPlan, Talk, Traffic, Transport,
};
pub use report::{
    Behind, Bytes, ChatReport, ChurnReport, ClientUse, ConnectReport, Counts, Drift, EchoReport, Event, FanoutReport,
    Faults, FaultyClient, HoldReport, IdleHold, IdleReport, KernelMemory, Lag, Latency, LoadReport, MAX_NAMED_CLIENTS,
    Phase, Progress, Reconciled, Report, ResumeReport, SCHEMA_VERSION, ServerUse, ShootoutEnd, ShootoutReport,
    ShootoutStep, SocketMemory, Stretch, Talked, TimeWait, Verdict, Wave,
};
pub use suite::{MAX_CELLS, MAX_ROUNDS, Ran, START_TIMEOUT, ServerCommand, ServerSource, Suite, SuiteCell};
pub use table::{Published, Reproduced, TablePlan};
pub use target::{Protocol, Target};

/// Carries out a plan, and blocks until its report is there: warm-up, duration and a few seconds at most.
///
/// # Errors
/// A plan outside its bounds, a server that can't be reached, refuses or speaks another protocol, and limits of this machine
/// (ports, descriptors) end the run; each says what to do. Wrong or missing answers don't: the report counts them.
pub fn run(plan: &Plan) -> Result<Report, Error> {
    run_telling(plan, |_| ControlFlow::Continue(()))
}

/// The same, and tells what happens meanwhile, from the calling thread. [`ControlFlow::Break`] ends the run with the report so
/// far.
///
/// # Errors
/// As [`run`].
pub fn run_telling(plan: &Plan, mut tell: impl FnMut(&Event) -> ControlFlow<()>) -> Result<Report, Error> {
    match plan {
        Plan::Echo(plan) => echo::run(plan, &mut tell).map(Report::Echo),
        Plan::Fanout(plan) => fanout::run(plan, &mut tell).map(Report::Fanout),
        Plan::Idle(plan) => idle::run(plan, &mut tell).map(Report::Idle),
        Plan::Connect(plan) => connect::run(plan, &mut tell).map(Report::Connect),
        Plan::Hold(plan) => hold::run(plan, tell).map(Report::Hold),
        Plan::Load(plan) => load::run(plan, tell).map(Report::Load),
        Plan::Resume(plan) => resume::run(plan, tell).map(Report::Resume),
        Plan::Churn(plan) => churn::run(plan, tell).map(Report::Churn),
        Plan::Chat(plan) => chat::run(plan, tell).map(Report::Chat),
        Plan::Shootout(plan) => shootout::run(plan, tell).map(Report::Shootout),
    }
}
