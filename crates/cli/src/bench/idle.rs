//! `bowline bench idle`.

use std::time::Duration;

use bowline_bench::{IdlePlan, Transport};
use clap::{Args, ValueEnum};

use super::{ServerArgs, seconds};

#[derive(Debug, Args)]
pub(super) struct IdleArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Connections to hold open.
    #[arg(short, long, value_name = "N", default_value_t = 19_000)]
    connections: usize,
    /// What carries a connection; `comet` and `long-polling` need `http://HOST[:PORT]/session`.
    #[arg(long, value_enum, default_value = "raw")]
    transport: TransportArg,
    /// Messages echoed on each connection before it falls idle; none over HTTP.
    #[arg(long, value_name = "N", default_value_t = 1)]
    messages: usize,
    /// Seconds of idleness before the server's memory is looked at.
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    hold: Duration,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum TransportArg {
    /// A WebSocket as it is: any server's.
    Raw,
    /// A resumable session over WebSocket.
    #[value(name = "websocket")]
    WebSocket,
    /// A resumable session over one response that goes on.
    Comet,
    /// A resumable session over one request held after the other.
    LongPolling,
}

impl From<TransportArg> for Transport {
    fn from(transport: TransportArg) -> Self {
        match transport {
            TransportArg::Raw => Self::Raw,
            TransportArg::WebSocket => Self::WebSocket,
            TransportArg::Comet => Self::Comet,
            TransportArg::LongPolling => Self::LongPolling,
        }
    }
}

impl IdleArgs {
    pub(super) fn into_plan(self) -> IdlePlan {
        let mut plan = IdlePlan::new(self.server.target);
        plan.server_pid = self.server.pid;
        (plan.connections, plan.messages, plan.hold) = (self.connections, self.messages, self.hold);
        plan.transport = self.transport.into();
        plan
    }
}
