//! One message to many.

use super::{bounds, not_http};
use crate::fanout::NUMBER;
use crate::{
    Error, MAX_CONNECTIONS, MAX_IN_FLIGHT, MAX_IN_FLIGHT_BYTES, MAX_MESSAGE_SIZE, MessageKind, Target, seconds,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Most publications a second: 1,000,000.
pub const MAX_RATE: f64 = 1e6;

/// One message to many: a server that sends every message from a path to all connections on that path, the sender included.
///
/// One of the subscribers publishes. Each publication has its number in it, and is the same bytes otherwise; every subscriber
/// must get every one, once and in order, from its first on.
///
/// A `tcp://` target gets each publication with its length in front, as 4 bytes in network order, and sends all connections
/// the frame that a WebSocket server would: FIN and opcode 2, length, payload. Being connected is being subscribed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FanoutPlan {
    /// The server, and the path that is the room.
    pub target: Target,
    /// Length of a publication in bytes, 8 to [`MAX_MESSAGE_SIZE`]; 64 by default. The first 8 are its number.
    pub size: usize,
    /// Text or binary; `tcp://` knows binary only.
    pub kind: MessageKind,
    /// Open connections, the publisher's among them, 1 to [`MAX_CONNECTIONS`]; 1,000 by default.
    pub subscribers: usize,
    /// Publications under way at a time, 1 to [`MAX_IN_FLIGHT`]; 1 by default. The next is sent when *all* subscribers have
    /// the oldest. Of no account with a `rate`.
    pub in_flight: usize,
    /// Publications a second at fixed times, above 0 and at most [`MAX_RATE`], whatever has become of the ones before; `None`,
    /// the default, for as fast as `in_flight` allows. Only where 4,096 (or 64 MiB of them) have not reached everyone does
    /// the next wait: its latency counts from when it was due even so.
    #[serde(default)]
    pub rate: Option<f64>,
    /// Whether to ask for messages without ever sleeping; off by default. Then no server pays for waking the load generator
    /// up, which costs more the faster it is, and the load generator takes a core for itself.
    #[serde(default)]
    pub busy_poll: bool,
    /// How long to run before measuring; 1 s by default.
    #[serde(with = "seconds")]
    pub warm_up: Duration,
    /// How long to measure; 5 s by default.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// How long to wait for publications when nothing comes; 2 s by default. What is missing then is lost; before the end, the
    /// next are published all the same.
    #[serde(with = "seconds")]
    pub drain_timeout: Duration,
    /// How long opening may stand still, or subscribers may wait for their first publication; 10 s by default.
    #[serde(with = "seconds")]
    pub open_timeout: Duration,
    /// The server's process on this machine, for its CPU time and memory.
    pub server_pid: Option<u32>,
}

impl FanoutPlan {
    /// A plan with the defaults.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            target,
            size: 64,
            kind: MessageKind::default(),
            subscribers: 1000,
            in_flight: 1,
            rate: None,
            busy_poll: false,
            warm_up: Duration::from_secs(1),
            duration: Duration::from_secs(5),
            drain_timeout: Duration::from_secs(2),
            open_timeout: Duration::from_secs(10),
            server_pid: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        not_http(&self.target)?;
        bounds("message size", self.size, NUMBER, MAX_MESSAGE_SIZE)?;
        bounds("number of subscribers", self.subscribers, 1, MAX_CONNECTIONS)?;
        bounds("number of publications in flight", self.in_flight, 1, MAX_IN_FLIGHT)?;
        bounds("number of bytes in flight", self.in_flight.saturating_mul(self.size), 0, MAX_IN_FLIGHT_BYTES)?;
        if self.rate.is_some_and(|rate| !(rate > 0.0 && rate <= MAX_RATE)) {
            return Err(Error::Plan { problem: format!("the rate must be above 0 and at most {MAX_RATE}") });
        }
        if self.kind == MessageKind::Text && self.target.protocol() == crate::Protocol::Raw {
            return Err(Error::Plan { problem: "a tcp:// server knows no text".into() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_at_the_limit_and_not_past_it() {
        let with = |change: fn(&mut FanoutPlan)| {
            let mut plan = FanoutPlan::new("ws://127.0.0.1:1/".parse().unwrap());
            change(&mut plan);
            plan.check().is_ok()
        };
        assert!(with(|plan| plan.size = NUMBER));
        assert!(!with(|plan| plan.size = NUMBER - 1));
        assert!(with(|plan| plan.size = MAX_MESSAGE_SIZE));
        assert!(!with(|plan| plan.size = MAX_MESSAGE_SIZE + 1));
        assert!(with(|plan| plan.subscribers = MAX_CONNECTIONS));
        assert!(!with(|plan| plan.subscribers = MAX_CONNECTIONS + 1));
        assert!(!with(|plan| plan.subscribers = 0));
        assert!(with(|plan| (plan.size, plan.in_flight) = (8, MAX_IN_FLIGHT)));
        assert!(!with(|plan| (plan.size, plan.in_flight) = (8, MAX_IN_FLIGHT + 1)));
        assert!(!with(|plan| (plan.size, plan.in_flight) = (1 << 20, (MAX_IN_FLIGHT_BYTES >> 20) + 1)));
        assert!(with(|plan| plan.rate = Some(MAX_RATE)));
        for rate in [0.0, -1.0, MAX_RATE * 1.1, f64::NAN] {
            let mut plan = FanoutPlan::new("ws://127.0.0.1:1/".parse().unwrap());
            plan.rate = Some(rate);
            assert!(plan.check().is_err(), "{rate}");
        }
    }

    #[test]
    fn text_needs_websocket() {
        let mut plan = FanoutPlan::new("tcp://127.0.0.1:1".parse().unwrap());
        assert!(plan.check().is_ok());
        plan.kind = MessageKind::Text;
        assert!(plan.check().unwrap_err().to_string().contains("text"));
    }
}
