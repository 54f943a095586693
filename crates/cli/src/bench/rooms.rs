//! `bowline bench rooms`.

use bowline_bench::{LoadPlan, Traffic, Transport};
use clap::Args;

use super::job::{Job, RoundsArgs};
use super::load::LoadArgs;
use super::server::ServerArgs;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct RoomsArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    rounds: RoundsArgs,

    /// Rooms, in turn published to
    #[arg(long, value_name = "N", default_value_t = 100)]
    rooms: usize,

    /// Rooms that each client is in [default: 10, where bare WebSockets are measured 1, the one that they can be in]
    #[arg(long, value_name = "N")]
    per_client: Option<usize>,

    #[command(flatten)]
    load: LoadArgs,
}

impl RoomsArgs {
    pub(super) fn into_job(self) -> Result<Job, Failure> {
        let per_client = self.per_client.unwrap_or(if self.load.has_raw() { 1 } else { 10 });
        let traffic = Traffic::Rooms { rooms: self.rooms, per_client };
        let mut base = LoadPlan::new(self.server.mount()?, Transport::WebSocket, traffic);
        (base.clients, base.rate, base.size, base.seed) = (1_000, 100.0, 50, self.rounds.seed);
        let cells = self.load.cells(&self.server, &base, &[Transport::WebSocket])?;
        self.rounds.job("rooms", &self.server, cells)
    }
}
