//! `bowline bench fanout`.

use std::time::Duration;

use bowline_bench::{FanoutPlan, MessageKind, Target};
use clap::{Args, ValueEnum};

use super::seconds;

#[derive(Debug, Args)]
pub(super) struct FanoutArgs {
    /// The server, and the path that is the room: `ws://HOST[:PORT][/PATH]`; or `tcp://HOST:PORT`, one that gets each
    /// publication with its length in front, as 4 bytes, and sends frames to all.
    target: Target,
    /// The server's process on this machine, for its CPU time and memory.
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// Bytes of a publication, at least 8: its number.
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    size: usize,
    /// Open connections, one of which publishes.
    #[arg(short, long, value_name = "N", default_value_t = 1000)]
    subscribers: usize,
    /// Publications under way: the next is sent when all subscribers have the oldest.
    #[arg(long, value_name = "N", default_value_t = 1)]
    in_flight: usize,
    /// Publications a second at fixed times, whatever becomes of them; latency counts from when one was due.
    #[arg(long, value_name = "N", conflicts_with = "in_flight")]
    rate: Option<f64>,
    /// Never sleep: no server then pays for waking the load generator up. Takes a core.
    #[arg(long)]
    busy_poll: bool,
    /// Text or binary messages.
    #[arg(long, value_enum, default_value = "binary")]
    messages_kind: KindArg,
    /// Seconds before measuring.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    warm_up: Duration,
    /// Seconds to measure.
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    duration: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KindArg {
    /// The server has to check its UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

impl FanoutArgs {
    pub(super) fn into_plan(self) -> FanoutPlan {
        let mut plan = FanoutPlan::new(self.target);
        plan.server_pid = self.pid;
        (plan.size, plan.subscribers, plan.in_flight, plan.rate) =
            (self.size, self.subscribers, self.in_flight, self.rate);
        (plan.warm_up, plan.duration, plan.busy_poll) = (self.warm_up, self.duration, self.busy_poll);
        plan.kind = match self.messages_kind {
            KindArg::Text => MessageKind::Text,
            KindArg::Binary => MessageKind::Binary,
        };
        plan
    }
}
