//! `bowline bench churn`.

use std::time::Duration;

use bowline_bench::{Arrivals, ChurnPlan, Plan, Protocol, SuiteCell, Transport};
use clap::Args;

use super::job::{Job, RoundsArgs};
use super::server::ServerArgs;
use super::transport::{TransportArg, transports};
use super::{seconds, some_seconds};
use crate::args::value::parse_duration;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct ChurnArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    rounds: RoundsArgs,

    /// What carries the clients; several with commas, or given again, are run one after the other
    #[arg(long, value_enum, value_name = "TRANSPORT", value_delimiter = ',', default_value = "all")]
    transport: Vec<TransportArg>,

    /// Clients that come in a second, at fixed times, whatever becomes of those before them
    #[arg(long, value_name = "N", default_value_t = 100.0)]
    rate: f64,

    /// Seconds that they come
    #[arg(short, long, value_name = "SECONDS", default_value = "10", value_parser = some_seconds)]
    duration: Duration,

    /// A storm instead: so many clients as fast as they can, of whom none goes before all are there
    #[arg(long, value_name = "N", conflicts_with_all = ["rate", "duration", "max_clients"])]
    storm: Option<usize>,

    /// Clients of a storm that are opening at a time
    #[arg(long, value_name = "N", default_value_t = 100, requires = "storm")]
    at_a_time: usize,

    /// Seconds that a client stays once its message is back
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    stay: Duration,

    /// Bytes of the message
    #[arg(long, value_name = "BYTES", default_value_t = 128)]
    size: usize,

    /// Most clients at a time: past it those that are due wait, and their time counts
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    max_clients: usize,

    /// Time from one poll of a client to its next
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = parse_duration)]
    poll_interval: Duration,

    /// Seconds that the server is given after the last has gone, before its memory is looked at
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    rest: Duration,
}

impl ChurnArgs {
    pub(super) fn into_job(self) -> Result<Job, Failure> {
        let named = transports(&self.transport);
        let arrivals = match self.storm {
            Some(clients) => Arrivals::Storm { clients, at_a_time: self.at_a_time.min(clients) },
            None => Arrivals::Rate { per_second: self.rate, duration: self.duration },
        };
        let mut cells = Vec::new();
        for &transport in &named {
            // An echo of bare WebSockets is at an address of its own, unless it is all that is asked for.
            let target = match transport {
                Transport::Raw if named.len() > 1 => self.server.mount()?.below(Protocol::WebSocket, "echo"),
                Transport::Raw => self.server.at(Protocol::WebSocket, "echo")?,
                _ => self.server.mount()?,
            };
            let mut plan = ChurnPlan::new(target, transport);
            (plan.arrivals, plan.stay, plan.size, plan.max_clients) =
                (arrivals, self.stay, self.size, self.max_clients);
            (plan.poll_interval, plan.rest, plan.server_pid) = (self.poll_interval, self.rest, self.server.pid);
            let cell = SuiteCell::new(transport.name(), Plan::Churn(plan));
            cells.push(SuiteCell { transport: Some(transport), ..cell });
        }
        self.rounds.job(if self.storm.is_some() { "storm" } else { "churn" }, &self.server, cells)
    }
}
