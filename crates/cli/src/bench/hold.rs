//! `bowline bench hold`.

use std::time::Duration;

use bowline_bench::{HoldPlan, Plan, ServerSource, Suite, SuiteCell, Target};
use clap::Args;

use super::job::Job;
use super::seconds;

#[derive(Debug, Args)]
pub(super) struct HoldArgs {
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

impl HoldArgs {
    pub(super) fn into_job(self) -> Job {
        let mut plan = HoldPlan::new(self.target);
        (plan.connections, plan.rate, plan.skip_sources) = (self.connections, self.rate, self.skip_sources);
        plan.hold = self.hold;
        let cells = vec![SuiteCell::new("hold", Plan::Hold(plan))];
        let suite = Suite { cells, rounds: 1, seed: 1, server: ServerSource::Given };
        Job { scenario: "hold".to_owned(), suite, calibrate: false }
    }
}
