//! The websocket-shootout protocol, which servers of many makers speak.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MAX_CONNECTIONS, MAX_MESSAGE_SIZE, bounds, not_http};
use crate::{Error, Protocol, Target, seconds};

/// Most round trips of a step: 10,000,000.
pub const MAX_SAMPLES: usize = 10_000_000;

/// What clients ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(clippy::exhaustive_enums, reason = "the protocol has these two")]
pub enum Ask {
    /// The message back.
    Echo,
    /// The message to all clients, and then a result to who asked: the default.
    #[default]
    Broadcast,
}

/// How many clients can a server have until a round trip takes too long? The benchmark of hashrocket's websocket-shootout, whose protocol
/// is JSON in text messages: `{"type":"echo","payload":…}` comes back as it is, `{"type":"broadcast","payload":…}` goes to all, and
/// `{"type":"broadcastResult","payload":…}` then to who sent it.
///
/// As there it is a closed loop: so many requests are under way, each by a random client, and the next begins when one is answered. Beyond
/// it, each client's broadcasts are counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ShootoutPlan {
    /// The server, `ws://`.
    pub target: Target,
    /// What clients ask for.
    pub ask: Ask,
    /// Clients of the first step, 1 to [`MAX_CONNECTIONS`]; 1,000 by default.
    pub initial_clients: usize,
    /// Clients more with each step, 1 to [`MAX_CONNECTIONS`]; 1,000 by default.
    pub step_size: usize,
    /// The last step has at most so many clients, `initial_clients` to [`MAX_CONNECTIONS`]; 50,000 by default.
    pub max_clients: usize,
    /// Requests under way, 1 to `sample_size`; 4 by default.
    pub concurrent: usize,
    /// Round trips of a step, 1 to [`MAX_SAMPLES`]; 20 by default.
    pub sample_size: usize,
    /// Which percentile is limited, 1 to 100; 95 by default.
    pub limit_percentile: usize,
    /// A step whose percentile takes longer is the last; 0.5 s by default.
    #[serde(with = "seconds")]
    pub limit_rtt: Duration,
    /// Bytes that fill the payload up, at most [`MAX_MESSAGE_SIZE`]; none by default.
    pub payload_padding_size: usize,
    /// How long opening, an answer, or a step's last broadcasts may take; 10 s by default.
    #[serde(with = "seconds")]
    pub open_timeout: Duration,
    /// The server's process on this machine, for its CPU time and memory.
    pub server_pid: Option<u32>,
    /// Which clients ask is drawn by it.
    pub seed: u64,
}

impl ShootoutPlan {
    /// A plan with the defaults.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            target,
            ask: Ask::default(),
            initial_clients: 1_000,
            step_size: 1_000,
            max_clients: 50_000,
            concurrent: 4,
            sample_size: 20,
            limit_percentile: 95,
            limit_rtt: Duration::from_millis(500),
            payload_padding_size: 0,
            open_timeout: Duration::from_secs(10),
            server_pid: None,
            seed: 1,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        bounds("number of clients of the first step", self.initial_clients, 1, MAX_CONNECTIONS)?;
        bounds("number of clients more with each step", self.step_size, 1, MAX_CONNECTIONS)?;
        bounds("number of clients of the last step", self.max_clients, self.initial_clients, MAX_CONNECTIONS)?;
        bounds("number of round trips of a step", self.sample_size, 1, MAX_SAMPLES)?;
        bounds("number of requests under way", self.concurrent, 1, self.sample_size)?;
        bounds("percentile", self.limit_percentile, 1, 100)?;
        bounds("padding", self.payload_padding_size, 0, MAX_MESSAGE_SIZE)?;
        if self.target.protocol() == Protocol::Raw {
            return Err(Error::Plan { problem: "websocket-shootout is spoken by WebSocket: use ws://".into() });
        }
        not_http(&self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_at_the_limit_and_not_past_it() {
        let with = |change: fn(&mut ShootoutPlan)| {
            let mut plan = ShootoutPlan::new("ws://127.0.0.1:1/".parse().unwrap());
            change(&mut plan);
            plan.check().is_ok()
        };
        assert!(with(|_| {}));
        assert!(with(|plan| (plan.initial_clients, plan.max_clients) = (MAX_CONNECTIONS, MAX_CONNECTIONS)));
        assert!(!with(|plan| plan.max_clients = MAX_CONNECTIONS + 1) && !with(|plan| plan.initial_clients = 50_001));
        assert!(with(|plan| plan.step_size = MAX_CONNECTIONS) && !with(|plan| plan.step_size = MAX_CONNECTIONS + 1));
        assert!(!with(|plan| plan.step_size = 0) && !with(|plan| plan.initial_clients = 0));
        assert!(with(|plan| plan.sample_size = MAX_SAMPLES) && !with(|plan| plan.sample_size = MAX_SAMPLES + 1));
        assert!(with(|plan| plan.concurrent = 20) && !with(|plan| plan.concurrent = 21));
        assert!(with(|plan| plan.limit_percentile = 100) && !with(|plan| plan.limit_percentile = 101));
        assert!(with(|plan| plan.payload_padding_size = MAX_MESSAGE_SIZE));
        assert!(!with(|plan| plan.payload_padding_size = MAX_MESSAGE_SIZE + 1));
        assert!(!with(|plan| plan.target = "http://127.0.0.1:1/".parse().unwrap()));
    }
}
