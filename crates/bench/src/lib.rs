//! The load harness of Bowline: what a WebSocket server costs, by message, by connection and by handshake.
//!
//! | Scenario | Question | Figure |
//! |---|---|---|
//! | [`EchoPlan`] | what does a message cost? | messages per second of server CPU |
//! | [`IdlePlan`] | what does an open connection cost? | resident bytes per connection |
//! | [`ConnectPlan`] | what does a handshake cost? | handshakes per second of server CPU |
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
//! The load comes from the calling thread alone, which is to be pinned to another core than the server. It is a *closed*
//! loop: a connection keeps a fixed number of messages in flight and sends the next when an answer comes, so that the rate is
//! what the server can do, and latency is not measured. The server's CPU time is read from `/proc` (Linux) by process id; a
//! figure by wall clock stands beside it. The harness costs less per message than a server: frames are masked before the run,
//! a connection's outgoing and incoming bytes are two periodic strings, and an answer is checked by comparing what one read
//! brought with its place in the string. Whatever compares unequal is parsed, frame by frame, and judged: see [`Faults`].
//!
//! # Baselines without WebSocket
//! A target `tcp://HOST:PORT` is a server that sends back the bytes it gets. A WebSocket message is 4 bytes longer on its way
//! to the server than back, because it is masked; the bytes sent to a `tcp://` target are 2 bytes longer than the server's
//! frame would be, so that both ways together carry exactly the bytes of a WebSocket echo.

mod check;
mod connect;
mod cycle;
mod deflate;
pub mod delivery;
mod dial;
mod echo;
mod error;
mod frame;
mod handshake;
mod idle;
mod lane;
mod open;
mod payload;
mod plan;
mod process;
mod report;
mod seconds;
mod target;

pub use error::Error;
pub use payload::{Content, payload};
pub use plan::{
    ConnectPlan, Deflate, EchoPlan, IdlePlan, MAX_CONNECTIONS, MAX_IN_FLIGHT, MAX_IN_FLIGHT_BYTES, MAX_MESSAGE_SIZE,
    MessageKind, Plan,
};
pub use report::{
    ClientUse, ConnectReport, EchoReport, Faults, IdleReport, KernelMemory, Report, SCHEMA_VERSION, ServerUse, Verdict,
};
pub use target::{Protocol, Target};

/// Carries out a plan, and blocks until its report is there: warm-up, duration and a few seconds at most.
///
/// # Errors
/// A plan outside its bounds, a server that can't be reached, refuses or speaks another protocol, and limits of this machine
/// (ports, descriptors) end the run; each says what to do. Wrong or missing answers don't: the report counts them.
pub fn run(plan: &Plan) -> Result<Report, Error> {
    match plan {
        Plan::Echo(plan) => echo::run(plan).map(Report::Echo),
        Plan::Idle(plan) => idle::run(plan).map(Report::Idle),
        Plan::Connect(plan) => connect::run(plan).map(Report::Connect),
    }
}
