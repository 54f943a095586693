//! What carries a client.

use serde::{Deserialize, Serialize};

use super::not_http;
use crate::{Error, Protocol, Target};

/// What carries a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Transport {
    /// A WebSocket as it is, the default: any server's.
    #[default]
    Raw,
    /// A resumable session over WebSocket.
    #[serde(rename = "websocket")]
    WebSocket,
    /// A resumable session over Comet: one response that goes on.
    Comet,
    /// A resumable session over long polling: one request held after the other.
    LongPolling,
    /// A resumable session over polling: a request on a timer.
    Polling,
}

impl Transport {
    /// The four that carry a resumable session.
    pub const SESSIONS: [Self; 4] = [Self::WebSocket, Self::Comet, Self::LongPolling, Self::Polling];

    /// Its name, as flags and reports have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::WebSocket => "websocket",
            Self::Comet => "comet",
            Self::LongPolling => "long-polling",
            Self::Polling => "polling",
        }
    }

    /// Whether it is carried by responses of HTTP.
    pub(crate) const fn is_http(self) -> bool {
        matches!(self, Self::Comet | Self::LongPolling | Self::Polling)
    }

    pub(super) fn check(self, target: &Target) -> Result<(), Error> {
        if self == Self::Polling {
            return Err(Error::Plan {
                problem: "by polling there are no idle connections: use long polling, or measure their cost (--cost)"
                    .into(),
            });
        }
        match (self.is_http(), target.protocol()) {
            (true, Protocol::Http) => Ok(()),
            (true, _) => Err(Error::Plan {
                problem: "Comet and long polling take the address of the sessions, http://HOST[:PORT]/…/session".into(),
            }),
            (false, _) if self == Self::WebSocket && target.protocol() == Protocol::Raw => {
                Err(Error::Plan { problem: "a tcp:// server knows no sessions".into() })
            }
            (false, _) => not_http(target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_needs_its_scheme() {
        use Transport::{Comet, LongPolling, Raw, WebSocket};
        for (url, fits) in [
            ("ws://127.0.0.1:1/", [true, true, false, false]),
            ("tcp://127.0.0.1:1", [true, false, false, false]),
            ("http://127.0.0.1:1/", [false, false, true, true]),
        ] {
            let target = url.parse().unwrap();
            let checked = [Raw, WebSocket, Comet, LongPolling].map(|transport| transport.check(&target).is_ok());
            assert_eq!(checked, fits, "{url}");
        }
    }
}
