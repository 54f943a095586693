//! Clients that come, stay a while and go.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MAX_CONNECTIONS, MAX_DURATION, MAX_MESSAGE_SIZE, MIN_LOAD_SIZE, Transport, bounds, talk};
use crate::{Error, MAX_RATE, Target, seconds};

/// How clients come.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Arrivals {
    /// At fixed times, whatever becomes of those before them, for `duration`.
    Rate {
        /// Clients a second, more than 0, at most [`MAX_RATE`].
        per_second: f64,
        /// How long they come, up to [`MAX_DURATION`].
        #[serde(with = "seconds")]
        duration: Duration,
    },
    /// As fast as they can: a storm.
    Storm {
        /// Clients, 1 to [`MAX_CONNECTIONS`].
        clients: usize,
        /// How many are opening at a time, 1 to `clients`.
        at_a_time: usize,
    },
}

/// Clients that come, get one message echoed, stay a while and go: what does an arrival cost, and is all of it given back?
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChurnPlan {
    /// The server: its mount, `http://` or `ws://`; over [`Transport::Raw`] the address that echoes, `ws://`.
    pub target: Target,
    /// What carries the clients.
    pub transport: Transport,
    /// How they come; 100 a second for 10 s by default.
    pub arrivals: Arrivals,
    /// How long a client stays once its message is back, up to [`MAX_DURATION`]; 1 s by default.
    #[serde(with = "seconds")]
    pub stay: Duration,
    /// Bytes of the message, [`MIN_LOAD_SIZE`] to [`MAX_MESSAGE_SIZE`]; 128 by default.
    pub size: usize,
    /// Most clients at a time, 1 to [`MAX_CONNECTIONS`]; 5,000 by default. Past it those that are due wait, and their time counts.
    pub max_clients: usize,
    /// Clients that come and go before anything is measured, one after another, 0 to [`MAX_CONNECTIONS`]; 20 by default. What the server
    /// keeps of the first few for good is not theirs.
    pub settling: usize,
    /// Time from one poll of a client to its next, 10 ms to 1 h; 0.1 s by default. Only for [`Transport::Polling`].
    #[serde(with = "seconds")]
    pub poll_interval: Duration,
    /// How long opening, and the echo, may take: longer is a failure; 10 s by default.
    #[serde(with = "seconds")]
    pub open_timeout: Duration,
    /// How long the server's memory is given after the last has gone; 1 s by default.
    #[serde(with = "seconds")]
    pub rest: Duration,
    /// The server's process on this machine, for its CPU time and memory.
    pub server_pid: Option<u32>,
}

impl ChurnPlan {
    /// A plan with the defaults.
    #[must_use]
    pub fn new(target: Target, transport: Transport) -> Self {
        Self {
            target,
            transport,
            arrivals: Arrivals::Rate { per_second: 100.0, duration: Duration::from_secs(10) },
            stay: Duration::from_secs(1),
            size: 128,
            max_clients: 5_000,
            settling: 20,
            poll_interval: Duration::from_millis(100),
            open_timeout: Duration::from_secs(10),
            rest: Duration::from_secs(1),
            server_pid: None,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        bounds("message size", self.size, MIN_LOAD_SIZE, MAX_MESSAGE_SIZE)?;
        bounds("number of clients at a time", self.max_clients, 1, MAX_CONNECTIONS)?;
        bounds("number of settling clients", self.settling, 0, MAX_CONNECTIONS)?;
        talk::wait("polling interval", self.poll_interval)?;
        talk::has_transports(&self.target)?;
        if self.transport == Transport::Raw {
            super::not_http(&self.target)?;
        }
        match self.arrivals {
            Arrivals::Rate { per_second, .. } if per_second.is_nan() || per_second <= 0.0 || per_second > MAX_RATE => {
                return Err(Error::Plan {
                    problem: format!("arrivals must be over 0 and at most {MAX_RATE} a second, not {per_second}"),
                });
            }
            Arrivals::Rate { duration, .. } if duration > MAX_DURATION => {
                return Err(Error::Plan { problem: "clients may come for a day at the most".into() });
            }
            Arrivals::Rate { .. } => {}
            Arrivals::Storm { clients, at_a_time } => {
                bounds("number of clients", clients, 1, MAX_CONNECTIONS)?;
                bounds("number of clients that open at a time", at_a_time, 1, clients)?;
            }
        }
        if self.stay > MAX_DURATION || self.rest > MAX_DURATION {
            return Err(Error::Plan { problem: "a client may stay, and the server rest, a day at the most".into() });
        }
        Ok(())
    }

    /// Most clients that there are at a time.
    pub(crate) fn most(&self) -> usize {
        match self.arrivals {
            Arrivals::Rate { .. } => self.max_clients,
            Arrivals::Storm { clients, .. } => clients,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_at_the_limit_and_not_past_it() {
        let with = |change: fn(&mut ChurnPlan)| {
            let mut plan = ChurnPlan::new("ws://127.0.0.1:1/".parse().unwrap(), Transport::Polling);
            change(&mut plan);
            plan.check().is_ok()
        };
        assert!(with(|_| {}));
        assert!(with(|plan| plan.size = MIN_LOAD_SIZE) && !with(|plan| plan.size = MIN_LOAD_SIZE - 1));
        assert!(with(|plan| plan.size = MAX_MESSAGE_SIZE) && !with(|plan| plan.size = MAX_MESSAGE_SIZE + 1));
        assert!(
            with(|plan| plan.max_clients = MAX_CONNECTIONS) && !with(|plan| plan.max_clients = MAX_CONNECTIONS + 1)
        );
        assert!(with(|plan| plan.settling = MAX_CONNECTIONS) && !with(|plan| plan.settling = MAX_CONNECTIONS + 1));
        assert!(with(|plan| plan.stay = MAX_DURATION) && !with(|plan| plan.stay = MAX_DURATION * 2));
        assert!(!with(|plan| plan.poll_interval = Duration::from_millis(9)) && !with(|plan| plan.max_clients = 0));
        let second = Duration::from_secs(1);
        for (arrivals, fits) in [
            (Arrivals::Rate { per_second: MAX_RATE, duration: MAX_DURATION }, true),
            (Arrivals::Rate { per_second: MAX_RATE + 1.0, duration: second }, false),
            (Arrivals::Rate { per_second: 0.0, duration: second }, false),
            (Arrivals::Rate { per_second: f64::NAN, duration: second }, false),
            (Arrivals::Rate { per_second: 1.0, duration: MAX_DURATION + second }, false),
            (Arrivals::Storm { clients: MAX_CONNECTIONS, at_a_time: MAX_CONNECTIONS }, true),
            (Arrivals::Storm { clients: MAX_CONNECTIONS + 1, at_a_time: 1 }, false),
            (Arrivals::Storm { clients: 5, at_a_time: 6 }, false),
            (Arrivals::Storm { clients: 5, at_a_time: 0 }, false),
        ] {
            let mut plan = ChurnPlan::new("http://127.0.0.1:1/".parse().unwrap(), Transport::Comet);
            plan.arrivals = arrivals;
            assert_eq!(plan.check().is_ok(), fits, "{arrivals:?}");
        }
        let raw = |url: &str| ChurnPlan::new(url.parse().unwrap(), Transport::Raw).check().is_ok();
        assert!(raw("ws://127.0.0.1:1/") && !raw("http://127.0.0.1:1/") && !raw("tcp://127.0.0.1:1"));
    }
}
