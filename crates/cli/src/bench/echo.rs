//! `bowline bench echo`.

use std::time::Duration;

use bowline_bench::{Content, Deflate, EchoPlan, MessageKind};
use clap::{Args, ValueEnum};

use super::{ServerArgs, seconds};

#[derive(Debug, Args)]
pub(super) struct EchoArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Bytes of a message.
    #[arg(long, value_name = "BYTES", default_value_t = 125)]
    size: usize,
    /// Open resumable sessions (subprotocol `bowline.v1`) instead of bare WebSockets.
    #[arg(long)]
    session: bool,
    /// Open connections.
    #[arg(short, long, value_name = "N", default_value_t = 64)]
    connections: usize,
    /// Messages in flight on each connection.
    #[arg(long, value_name = "N", default_value_t = 1)]
    in_flight: usize,
    /// Never sleep: no server then pays for waking the load generator up. Takes a core.
    #[arg(long)]
    busy_poll: bool,
    /// Send text instead of binary messages.
    #[arg(long)]
    text: bool,
    /// What messages say; with --deflate JSON is the default.
    #[arg(long, value_enum)]
    content: Option<ContentArg>,
    /// Compress with permessage-deflate, without context takeover unless "takeover" is given.
    #[arg(long, value_enum, value_name = "CONTEXT", num_args = 0..=1, default_missing_value = "shared", require_equals = true)]
    deflate: Option<DeflateArg>,
    /// Seconds before measuring.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    warm_up: Duration,
    /// Seconds to measure.
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = seconds)]
    duration: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ContentArg {
    /// Letters in no order.
    Letters,
    /// Chat records.
    Json,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DeflateArg {
    /// No context takeover either way.
    Shared,
    /// The server may keep a context for each connection.
    Takeover,
}

impl EchoArgs {
    pub(super) fn into_plan(self) -> EchoPlan {
        let mut plan = EchoPlan::new(self.server.target);
        plan.server_pid = self.server.pid;
        (plan.size, plan.connections, plan.in_flight) = (self.size, self.connections, self.in_flight);
        (plan.warm_up, plan.duration, plan.busy_poll) = (self.warm_up, self.duration, self.busy_poll);
        plan.session = self.session;
        plan.kind = if self.text { MessageKind::Text } else { MessageKind::Binary };
        plan.deflate = self.deflate.map(|context| match context {
            DeflateArg::Shared => Deflate::Shared,
            DeflateArg::Takeover => Deflate::Takeover,
        });
        plan.content = match (self.content, self.deflate) {
            (Some(ContentArg::Json), _) | (None, Some(_)) => Content::Json,
            (Some(ContentArg::Letters), _) | (None, None) => Content::Letters,
        };
        plan
    }
}
