//! `bowline bench connect`.

use std::time::Duration;

use bowline_bench::{ConnectPlan, Plan, Protocol};
use clap::Args;

use super::job::{Job, RoundsArgs};
use super::server::ServerArgs;
use super::{seconds, some_seconds};
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct ConnectArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    rounds: RoundsArgs,

    /// Handshakes at a time
    #[arg(short, long, value_name = "N", default_value_t = 64)]
    concurrency: usize,

    /// Hang up once the server has answered, without a closing handshake
    #[arg(long)]
    no_closing_handshake: bool,

    /// Seconds before measuring
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    warm_up: Duration,

    /// Seconds to measure
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = some_seconds)]
    duration: Duration,
}

impl ConnectArgs {
    pub(super) fn into_job(self) -> Result<Job, Failure> {
        let mut plan = ConnectPlan::new(self.server.at(Protocol::WebSocket, "echo")?);
        plan.server_pid = self.server.pid;
        (plan.concurrency, plan.closing_handshake) = (self.concurrency, !self.no_closing_handshake);
        (plan.warm_up, plan.duration) = (self.warm_up, self.duration);
        self.rounds.single("connect", &self.server, Plan::Connect(plan))
    }
}
