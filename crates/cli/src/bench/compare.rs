//! `bowline bench compare`.

use bowline_bench::{LoadPlan, Traffic, Transport};
use clap::Args;

use super::job::{Job, RoundsArgs};
use super::load::LoadArgs;
use super::server::ServerArgs;
use crate::failure::Failure;

/// In the order in which they are shown.
const TRANSPORTS: [Transport; 5] =
    [Transport::Raw, Transport::WebSocket, Transport::Comet, Transport::LongPolling, Transport::Polling];

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    rounds: RoundsArgs,
    #[command(flatten)]
    load: LoadArgs,
}

impl CompareArgs {
    pub(super) fn into_job(self) -> Result<Job, Failure> {
        let traffic = Traffic::Rooms { rooms: 1, per_client: 1 };
        let mut base = LoadPlan::new(self.server.mount()?, Transport::WebSocket, traffic);
        (base.clients, base.rate, base.seed) = (200, 20.0, self.rounds.seed);
        let cells = self.load.cells(&self.server, &base, &TRANSPORTS)?;
        self.rounds.job("compare", &self.server, cells)
    }
}
