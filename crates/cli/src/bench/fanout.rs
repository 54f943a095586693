//! `bowline bench fanout`.

use bowline_bench::{FanoutPlan, LoadPlan, MessageKind, Plan, Protocol, SuiteCell, Traffic, Transport};
use clap::{Args, ValueEnum};

use super::closed::{CLOSED, check_flags};
use super::job::{Job, RoundsArgs};
use super::load::{LoadArgs, Point};
use super::server::ServerArgs;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct FanoutArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    rounds: RoundsArgs,
    #[command(flatten)]
    load: LoadArgs,

    /// Publications under way: the next is sent when all subscribers have the oldest [default: 1]
    #[arg(long, value_name = "N", conflicts_with = "rate", help_heading = CLOSED)]
    in_flight: Option<usize>,

    /// Never sleep: no server then pays for waking the load generator up. Takes a core
    #[arg(long, help_heading = CLOSED)]
    busy_poll: bool,

    /// Text or binary messages [default: binary]
    #[arg(long, value_enum, help_heading = CLOSED)]
    messages_kind: Option<KindArg>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindArg {
    /// The server has to check its UTF-8
    Text,
    /// Any bytes
    Binary,
}

impl FanoutArgs {
    pub(super) fn into_job(self) -> Result<Job, Failure> {
        if let Some(why) = self.closed() {
            return self.closed_job(why);
        }
        let traffic = Traffic::Rooms { rooms: 1, per_client: 1 };
        let mut base = LoadPlan::new(self.server.mount()?, Transport::WebSocket, traffic);
        (base.clients, base.rate, base.seed) = (1_000, 10.0, self.rounds.seed);
        let cells = self.load.cells(&self.server, &base, &[Transport::WebSocket])?;
        self.rounds.job("fanout", &self.server, cells)
    }

    /// Why it is a room of bare WebSockets in one loop, if it is.
    fn closed(&self) -> Option<&'static str> {
        let is_tcp = self.server.target.as_ref().is_some_and(|target| target.protocol() == Protocol::Raw);
        [
            (self.in_flight.is_some(), "--in-flight"),
            (self.busy_poll, "--busy-poll"),
            (self.messages_kind.is_some(), "--messages-kind"),
            (is_tcp, "a tcp:// server"),
        ]
        .into_iter()
        .find_map(|(given, why)| given.then_some(why))
    }

    fn closed_job(self, why: &str) -> Result<Job, Failure> {
        check_flags(&self.load, why)?;
        let name = if self.load.rate.is_some() { "bare WebSockets" } else { "closed loop" };
        let mut cells = Vec::new();
        for point in self.load.points(1_000) {
            let cell = SuiteCell::new(point.name(name), Plan::Fanout(self.closed_plan(&point)?));
            cells.push(SuiteCell { at: point.at, ..cell });
        }
        self.rounds.job(&format!("fanout, {name}"), &self.server, cells)
    }

    fn closed_plan(&self, point: &Point) -> Result<FanoutPlan, Failure> {
        let mut plan = FanoutPlan::new(self.server.at(Protocol::WebSocket, "rooms/fanout")?);
        plan.server_pid = self.server.pid;
        (plan.subscribers, plan.rate) = (point.clients, self.load.rate);
        (plan.size, plan.in_flight) = (self.load.size.unwrap_or(plan.size), self.in_flight.unwrap_or(plan.in_flight));
        plan.warm_up = self.load.warm_up.unwrap_or(plan.warm_up);
        plan.duration = self.load.duration.unwrap_or(plan.duration);
        plan.busy_poll = self.busy_poll;
        plan.kind = match self.messages_kind {
            Some(KindArg::Text) => MessageKind::Text,
            Some(KindArg::Binary) | None => MessageKind::Binary,
        };
        Ok(plan)
    }
}
