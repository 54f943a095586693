//! `bowline bench chat`.

use std::time::Duration;

use bowline_bench::{ChatPlan, MAX_STRETCHES, Plan};
use clap::Args;

use super::job::{Job, RoundsArgs};
use super::seconds;
use super::server::ServerArgs;
use super::talk::TalkArgs;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(super) struct ChatArgs {
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    rounds: RoundsArgs,

    /// Seconds that a client stays before another takes its place, on average; 0 for ever
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    stay: Duration,

    /// The share of clients that are slow
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    slow: f64,

    /// The share of clients that move from one transport to another
    #[arg(long, value_name = "SHARE", default_value_t = 0.25)]
    moving: f64,

    /// Seconds of a stretch, which is told of and judged by itself [default: 10, or a 600th of the duration]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    stretch: Option<Duration>,

    #[command(flatten)]
    talk: TalkArgs,
}

impl ChatArgs {
    pub(super) fn into_job(self) -> Result<Job, Failure> {
        let mut plan = ChatPlan::new(self.server.mount()?);
        (plan.server_pid, plan.seed) = (self.server.pid, self.rounds.seed);
        (plan.stay, plan.slow, plan.moving) = (self.stay, self.slow, self.moving);
        self.talk.change(&mut plan.talk);
        let least = plan.talk.duration.as_secs().div_ceil(MAX_STRETCHES as u64);
        plan.stretch = self.stretch.unwrap_or(plan.stretch.max(Duration::from_secs(least)));
        self.rounds.single("chat", &self.server, Plan::Chat(plan))
    }
}
