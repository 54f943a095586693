//! Flags of `bowline broadcast`.

use bowline_server::room::SlowConsumer;
use clap::{Args, ValueEnum};

use super::EngineArgs;
use super::value::{Size, parse_size};

const ROOMS: &str = "Rooms";

/// Flags of `bowline broadcast`.
#[derive(Debug, Args)]
pub(crate) struct BroadcastArgs {
    /// How many of a room's latest messages a newcomer gets
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=1_000_000), help_heading = ROOMS)]
    pub(crate) history: u32,

    /// What becomes of a member whose next message has left the room's log
    #[arg(long, value_name = "POLICY", default_value = "disconnect", help_heading = ROOMS)]
    pub(crate) slow_consumer: Slow,

    /// Most messages in a room's log, for members that are behind
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..), help_heading = ROOMS)]
    pub(crate) max_log_count: u32,

    /// Most bytes in a room's log, besides a single message that is larger
    #[arg(long, value_name = "BYTES", default_value = "256KiB", value_parser = parse_size, help_heading = ROOMS)]
    pub(crate) max_log_bytes: Size,

    #[command(flatten)]
    pub(crate) engine: EngineArgs,
}

/// The policies of [`SlowConsumer`] by name, but for the one that goes by keys, which a WebSocket message has none of.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Slow {
    /// Close it with 1013
    Disconnect,
    /// Tell it of the gap, and go on with the oldest message there is
    SkipToOldest,
    /// Tell it of the gap, and go on with the next message
    SkipToNewest,
    /// Let the senders wait for it
    Backpressure,
}

impl From<Slow> for SlowConsumer {
    fn from(slow: Slow) -> Self {
        match slow {
            Slow::Disconnect => Self::Disconnect,
            Slow::SkipToOldest => Self::SkipToOldest,
            Slow::SkipToNewest => Self::SkipToNewest,
            Slow::Backpressure => Self::Backpressure,
        }
    }
}
