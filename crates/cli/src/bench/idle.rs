//! `bowline bench idle`.

use std::time::Duration;

use bowline_bench::{IdlePlan, LoadPlan, Plan, Protocol, SuiteCell, Target, Traffic, Transport};
use clap::Args;

use super::job::{Job, RoundsArgs};
use super::seconds;
use super::server::ServerArgs;
use super::transport::{TransportArg, transports};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct IdleArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    rounds: RoundsArgs,

    /// Connections to hold open [default: 19000, or 1000 clients for their cost]
    #[arg(short, long, value_name = "N", visible_alias = "clients")]
    connections: Option<usize>,

    /// What carries a connection; several with commas, or given again, are run one after the other
    ///
    /// One alone takes the URL as it is (`http://HOST/session` for `comet` and `long-polling`, `ws://…` for the others), several take it
    /// as the mount, as WebSockets do an `http://` URL.
    #[arg(long, value_enum, value_name = "TRANSPORT", value_delimiter = ',', default_value = "raw")]
    transport: Vec<TransportArg>,

    /// Measure what clients cost the server that say nothing: its CPU time a second for each, with requests and resident memory
    ///
    /// It is how `polling`, which has no connections to hold, is measured always. The URL is the mount.
    #[arg(long)]
    cost: bool,

    /// Messages echoed on each connection before it falls idle; none over HTTP
    #[arg(long, value_name = "N", default_value_t = 1)]
    messages: usize,

    /// Seconds of idleness before the server's memory is looked at [default: 2, or 10 for the cost]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    hold: Option<Duration>,
}

impl IdleArgs {
    pub(super) fn into_job(self) -> Result<Job, Failure> {
        let named = transports(&self.transport);
        let mut cells = Vec::new();
        for &transport in &named {
            let has_cost_only = self.cost || transport == Transport::Polling;
            let plan = if has_cost_only { self.cost(transport)? } else { self.memory(transport, named.len() > 1)? };
            cells.push(SuiteCell { transport: Some(transport), ..SuiteCell::new(transport.name(), plan) });
        }
        self.rounds.job(if self.cost { "idle cost" } else { "idle" }, &self.server, cells)
    }

    fn memory(&self, transport: Transport, is_one_of_several: bool) -> Result<Plan, Failure> {
        let mut plan = IdlePlan::new(self.target(transport, is_one_of_several)?);
        plan.server_pid = self.server.pid;
        plan.connections = self.connections.unwrap_or(plan.connections);
        plan.hold = self.hold.unwrap_or(plan.hold);
        (plan.messages, plan.transport) = (self.messages, transport);
        Ok(Plan::Idle(plan))
    }

    fn target(&self, transport: Transport, is_one_of_several: bool) -> Result<Target, Failure> {
        let (protocol, path) = match transport {
            Transport::Raw => (Protocol::WebSocket, "echo"),
            Transport::WebSocket => (Protocol::WebSocket, "session"),
            _ => (Protocol::Http, "session"),
        };
        if is_one_of_several { Ok(self.server.mount()?.below(protocol, path)) } else { self.server.at(protocol, path) }
    }

    /// A workload without any messages.
    fn cost(&self, transport: Transport) -> Result<Plan, Failure> {
        let mount = self.server.mount()?;
        let target = if transport == Transport::Raw { mount.below(Protocol::WebSocket, "echo") } else { mount };
        let mut plan = LoadPlan::new(target, transport, Traffic::Echo);
        plan.server_pid = self.server.pid;
        (plan.clients, plan.rate, plan.seed) = (self.connections.unwrap_or(1_000), 0.0, self.rounds.seed);
        plan.duration = self.hold.unwrap_or(plan.duration);
        Ok(Plan::Load(plan))
    }
}
