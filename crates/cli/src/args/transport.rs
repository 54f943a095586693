//! The transports by name.

use bowline_client::Transport;
use clap::ValueEnum;

/// What may carry a session.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum TransportChoice {
    /// A WebSocket
    #[value(name = "websocket")]
    WebSocket,
    /// One response held open, with events as they come
    Comet,
    /// A response held until there is something, then asked for again
    LongPolling,
    /// A request on a timer
    Polling,
    /// The best of these that works
    Auto,
}

impl TransportChoice {
    /// Those that may be used, the preferred first.
    pub(crate) fn transports(self) -> Vec<Transport> {
        match self {
            Self::WebSocket => vec![Transport::WebSocket],
            Self::Comet => vec![Transport::Comet],
            Self::LongPolling => vec![Transport::LongPolling],
            Self::Polling => vec![Transport::Polling],
            Self::Auto => Transport::ALL.to_vec(),
        }
    }
}
