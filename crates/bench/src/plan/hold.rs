//! Many connections, held for a long time.

use super::{bounds, not_http};
use crate::{Error, MAX_CONNECTIONS, Protocol, Target, seconds};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Many connections, opened at a bounded rate and held, at a few bytes each: one process's share of a million.
///
/// Pings are answered, and publications counted: not looked at. What happens is told meanwhile, see [`Event`](crate::Event).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HoldPlan {
    /// The server, `ws://` only.
    pub target: Target,
    /// Connections to hold, 1 to [`MAX_CONNECTIONS`]; 19,000 by default: one process's share of 20,000 descriptors.
    pub connections: usize,
    /// Connections begun in a second, 1 to 1,000,000; 5,000 by default. One that is refused is begun again, at the same rate;
    /// as many refusals as connections end the run.
    pub rate: usize,
    /// Source addresses on the loopback to leave out, 0 to 239: those that other processes use. One is enough for 10,000
    /// connections; 0 by default.
    pub skip_sources: usize,
    /// How long to hold them once all are open; an hour by default.
    #[serde(with = "seconds")]
    pub hold: Duration,
    /// How long opening may stand still; 10 s by default.
    #[serde(with = "seconds")]
    pub open_timeout: Duration,
}

impl HoldPlan {
    /// A plan with the defaults.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            target,
            connections: 19_000,
            rate: 5_000,
            skip_sources: 0,
            hold: Duration::from_secs(3600),
            open_timeout: Duration::from_secs(10),
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        bounds("number of connections", self.connections, 1, MAX_CONNECTIONS)?;
        bounds("rate", self.rate, 1, 1_000_000)?;
        bounds("number of source addresses to skip", self.skip_sources, 0, 239)?;
        if self.target.protocol() == Protocol::Raw {
            return Err(Error::Plan { problem: "bytes without WebSocket can't be held: use ws://".into() });
        }
        not_http(&self.target)
    }
}
