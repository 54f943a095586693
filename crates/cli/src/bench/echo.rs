//! `bowline bench echo`.

use std::time::Duration;

use bowline_bench::{Content, Deflate, EchoPlan, LoadPlan, MessageKind, Plan, Protocol, SuiteCell, Traffic, Transport};
use clap::{Args, ValueEnum};

use super::closed::{CLOSED, check_flags};
use super::job::{Job, RoundsArgs};
use super::load::{LoadArgs, Point};
use super::server::ServerArgs;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct EchoArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    rounds: RoundsArgs,
    #[command(flatten)]
    load: LoadArgs,

    /// Messages in flight on each connection [default: 1]
    #[arg(long, value_name = "N", help_heading = CLOSED)]
    in_flight: Option<usize>,

    /// Never sleep: no server then pays for waking the load generator up. Takes a core
    #[arg(long, help_heading = CLOSED)]
    busy_poll: bool,

    /// Open resumable sessions (subprotocol `bowline.v1`) instead of bare WebSockets
    #[arg(long, conflicts_with = "raw", help_heading = CLOSED)]
    session: bool,

    /// Send text instead of binary messages
    #[arg(long, help_heading = CLOSED)]
    text: bool,

    /// What messages say; with --deflate JSON is the default
    #[arg(long, value_enum, help_heading = CLOSED)]
    content: Option<ContentArg>,

    /// Compress with permessage-deflate, without context takeover unless "takeover" is given
    #[arg(long, value_enum, value_name = "CONTEXT", num_args = 0..=1, default_missing_value = "shared", require_equals = true)]
    #[arg(help_heading = CLOSED)]
    deflate: Option<DeflateArg>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ContentArg {
    /// Letters in no order
    Letters,
    /// Chat records
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DeflateArg {
    /// No context takeover either way
    Shared,
    /// The server may keep a context for each connection
    Takeover,
}

impl EchoArgs {
    pub(super) fn into_job(self) -> Result<Job, Failure> {
        if let Some(why) = self.closed() {
            return self.closed_job(why);
        }
        // A `ws://` address may be anybody's, and sessions are not.
        let target = self.server.target.as_ref();
        let is_bare = target.is_some_and(|target| target.protocol() == Protocol::WebSocket);
        let usual = if is_bare { Transport::Raw } else { Transport::WebSocket };
        let mut base = LoadPlan::new(self.server.mount()?, usual, Traffic::Echo);
        base.seed = self.rounds.seed;
        let cells = self.load.cells(&self.server, &base, &[usual])?;
        self.rounds.job("echo", &self.server, cells)
    }

    /// Why it is a closed loop, if it is.
    fn closed(&self) -> Option<&'static str> {
        let is_tcp = self.server.target.as_ref().is_some_and(|target| target.protocol() == Protocol::Raw);
        [
            (self.in_flight.is_some(), "--in-flight"),
            (self.busy_poll, "--busy-poll"),
            (self.session, "--session"),
            (self.text, "--text"),
            (self.content.is_some(), "--content"),
            (self.deflate.is_some(), "--deflate"),
            (is_tcp, "a tcp:// server"),
        ]
        .into_iter()
        .find_map(|(given, why)| given.then_some(why))
    }

    fn closed_job(self, why: &str) -> Result<Job, Failure> {
        check_flags(&self.load, why)?;
        if self.load.rate.is_some() {
            return Err(Failure::Usage(format!("{why} is for the closed loop, which has no --rate")));
        }
        let mut cells = Vec::new();
        for point in self.load.points(64) {
            let plan = self.closed_plan(&point)?;
            let cell = SuiteCell::new(point.name("closed loop"), Plan::Echo(plan));
            cells.push(SuiteCell { at: point.at, ..cell });
        }
        self.rounds.job("echo, closed loop", &self.server, cells)
    }

    fn closed_plan(&self, point: &Point) -> Result<EchoPlan, Failure> {
        let path = if self.session { "session" } else { "echo" };
        let mut plan = EchoPlan::new(self.server.at(Protocol::WebSocket, path)?);
        plan.server_pid = self.server.pid;
        plan.connections = point.clients;
        (plan.size, plan.in_flight) = (self.load.size.unwrap_or(plan.size), self.in_flight.unwrap_or(plan.in_flight));
        plan.warm_up = self.load.warm_up.unwrap_or(plan.warm_up);
        plan.duration = self.load.duration.unwrap_or(Duration::from_secs(5));
        (plan.busy_poll, plan.session) = (self.busy_poll, self.session);
        plan.kind = if self.text { MessageKind::Text } else { MessageKind::Binary };
        plan.deflate = self.deflate.map(|context| match context {
            DeflateArg::Shared => Deflate::Shared,
            DeflateArg::Takeover => Deflate::Takeover,
        });
        plan.content = match (self.content, self.deflate) {
            (Some(ContentArg::Json), _) | (None, Some(_)) => Content::Json,
            (Some(ContentArg::Letters), _) | (None, None) => Content::Letters,
        };
        Ok(plan)
    }
}
