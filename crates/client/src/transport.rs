//! What can carry a session.

use std::{fmt, str::FromStr};

/// What can carry a session, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// A WebSocket (RFC 6455).
    WebSocket,
    /// One response held open, with events as they come (HTTP streaming, RFC 6202 §2.2).
    Comet,
    /// A response held until there is something, then asked for again (RFC 6202 §2.1).
    LongPolling,
    /// A request on a timer.
    Polling,
}

impl Transport {
    /// All of them, best first.
    pub const ALL: [Self; 4] = [Self::WebSocket, Self::Comet, Self::LongPolling, Self::Polling];

    /// Its name: `websocket`, `comet`, `long-polling` or `polling`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Comet => "comet",
            Self::LongPolling => "long-polling",
            Self::Polling => "polling",
        }
    }

    /// Whether it is requests and responses rather than a WebSocket.
    pub(crate) const fn is_http(self) -> bool {
        !matches!(self, Self::WebSocket)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is no [`Transport`]'s name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownTransport;

impl fmt::Display for UnknownTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a transport is `websocket`, `comet`, `long-polling` or `polling`")
    }
}

impl std::error::Error for UnknownTransport {}

impl FromStr for Transport {
    type Err = UnknownTransport;

    fn from_str(name: &str) -> Result<Self, UnknownTransport> {
        Self::ALL.into_iter().find(|transport| transport.as_str() == name).ok_or(UnknownTransport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back() {
        for transport in Transport::ALL {
            assert_eq!(transport.to_string().parse(), Ok(transport));
        }
        assert_eq!("WebSocket".parse::<Transport>(), Err(UnknownTransport));
    }
}
