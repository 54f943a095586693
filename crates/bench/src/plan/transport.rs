//! What carries idle connections.

use serde::{Deserialize, Serialize};

use super::not_http;
use crate::{Error, Protocol, Target};

/// What carries an idle connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Transport {
    /// A WebSocket as it is, the default.
    #[default]
    WebSocket,
    /// A resumable session over WebSocket.
    Session,
    /// A resumable session over Comet: one response that goes on. The target is `http://`.
    Comet,
    /// A resumable session over long polling: one request held after the other. The target is `http://`.
    LongPolling,
}

impl Transport {
    /// Whether it is carried by responses of HTTP.
    pub(crate) const fn is_http(self) -> bool {
        matches!(self, Self::Comet | Self::LongPolling)
    }

    pub(super) fn check(self, target: &Target) -> Result<(), Error> {
        match (self.is_http(), target.protocol()) {
            (true, Protocol::Http) => Ok(()),
            (true, _) => Err(Error::Plan { problem: "Comet and long polling need a target with http://".into() }),
            (false, _) if self == Self::Session && target.protocol() == Protocol::Raw => {
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
        use Transport::{Comet, LongPolling, Session, WebSocket};
        for (url, fits) in [
            ("ws://127.0.0.1:1/", [true, true, false, false]),
            ("tcp://127.0.0.1:1", [true, false, false, false]),
            ("http://127.0.0.1:1/", [false, false, true, true]),
        ] {
            let target = url.parse().unwrap();
            let checked = [WebSocket, Session, Comet, LongPolling].map(|transport| transport.check(&target).is_ok());
            assert_eq!(checked, fits, "{url}");
        }
    }
}
