//! What a command is to run.

use bowline_bench::{Plan, Suite, SuiteCell};
use clap::{ArgAction, Args};

use super::server::ServerArgs;
use crate::failure::Failure;

/// Workloads, how often, and what they are called together.
#[derive(Debug)]
pub(super) struct Job {
    /// The scenario.
    pub(super) scenario: String,
    pub(super) suite: Suite,
    /// Whether to measure what the machine does at the best as well.
    pub(super) calibrate: bool,
}

/// How often, and in which order.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct RoundsArgs {
    /// How often each workload is run; each round has an order of its own
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1)]
    pub(super) rounds: usize,

    /// Where the order and all other randomness comes from
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) seed: u64,

    /// Don't measure first what the machine does at the best, which takes 3 s
    #[arg(long = "no-calibrate", action = ArgAction::SetFalse)]
    pub(super) calibrate: bool,
}

impl RoundsArgs {
    /// All of it, of the server that the flags name.
    pub(super) fn job(self, scenario: &str, server: &ServerArgs, cells: Vec<SuiteCell>) -> Result<Job, Failure> {
        let suite = Suite { cells, rounds: self.rounds, seed: self.seed, server: server.source()? };
        Ok(Job { scenario: scenario.to_owned(), suite, calibrate: self.calibrate })
    }

    /// A single workload.
    pub(super) fn single(self, scenario: &str, server: &ServerArgs, plan: Plan) -> Result<Job, Failure> {
        self.job(scenario, server, vec![SuiteCell::new(scenario, plan)])
    }
}
