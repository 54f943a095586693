//! `bowline bench shootout`.

use std::time::Duration;

use bowline_bench::{Ask, Plan, ServerSource, ShootoutPlan, Suite, SuiteCell, Target};
use clap::{Args, ValueEnum};

use super::job::{Job, RoundsArgs};
use crate::args::value::parse_duration;

#[derive(Debug, Args)]
pub(super) struct ShootoutArgs {
    /// A server that speaks the protocol, `ws://HOST[:PORT][/PATH]`: any of hashrocket's websocket-shootout, or examples/shootout.rs
    #[arg(value_name = "URL")]
    target: Target,
    #[command(flatten)]
    rounds: RoundsArgs,

    /// The server's process on this machine, for its CPU time and memory
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,

    /// What clients ask for
    #[arg(long, value_enum, value_name = "WHAT", default_value = "broadcast")]
    ask: AskArg,

    /// Clients of the first step
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    initial_clients: usize,

    /// Clients more with each step
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    step_size: usize,

    /// Most clients: the last step
    #[arg(long, value_name = "N", default_value_t = 50_000)]
    max_clients: usize,

    /// Requests under way [default: 4, of echoes 50]
    #[arg(short, long, value_name = "N")]
    concurrent: Option<usize>,

    /// Round trips of a step [default: 20, of echoes 10000]
    #[arg(short, long, value_name = "N")]
    sample_size: Option<usize>,

    /// Which percentile of the round trips is limited
    #[arg(long, value_name = "N", default_value_t = 95)]
    limit_percentile: usize,

    /// How long it may take: a step over it is the last
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = parse_duration)]
    limit_rtt: Duration,

    /// Bytes that fill the payload up
    #[arg(long, alias = "payload-padding", value_name = "BYTES", default_value_t = 0)]
    payload_padding_size: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AskArg {
    /// The message back
    Echo,
    /// The message to all clients, and then a result to who asked
    Broadcast,
}

impl ShootoutArgs {
    pub(super) fn into_job(self) -> Job {
        let mut plan = ShootoutPlan::new(self.target);
        let (ask, concurrent, samples) = match self.ask {
            AskArg::Echo => (Ask::Echo, 50, 10_000),
            AskArg::Broadcast => (Ask::Broadcast, plan.concurrent, plan.sample_size),
        };
        (plan.ask, plan.server_pid, plan.seed) = (ask, self.pid, self.rounds.seed);
        (plan.initial_clients, plan.step_size) = (self.initial_clients, self.step_size);
        plan.max_clients = self.max_clients.max(self.initial_clients);
        plan.sample_size = self.sample_size.unwrap_or(samples);
        plan.concurrent = self.concurrent.unwrap_or(concurrent.min(plan.sample_size));
        (plan.limit_percentile, plan.limit_rtt) = (self.limit_percentile, self.limit_rtt);
        plan.payload_padding_size = self.payload_padding_size;
        let RoundsArgs { rounds, seed, calibrate } = self.rounds;
        let cells = vec![SuiteCell::new("shootout", Plan::Shootout(plan))];
        Job {
            scenario: "shootout".to_owned(),
            suite: Suite { cells, rounds, seed, server: ServerSource::Given },
            calibrate,
        }
    }
}
