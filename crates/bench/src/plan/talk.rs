//! What plans of talking clients have in common.

use std::time::Duration;

use super::{MAX_RATE, MAX_ROOMS, MAX_ROOMS_PER_CLIENT, Transport, bounds};
use crate::{Error, Protocol, Target};

/// Most messages that one checker judges: a million, of which it remembers a few hundred bytes each.
pub const MAX_PUBLICATIONS: usize = 1_000_000;

/// A wait between tries, and a polling interval, are 10 ms to an hour.
pub(super) const LEAST_WAIT: Duration = Duration::from_millis(10);
const WAITS: std::ops::RangeInclusive<Duration> = LEAST_WAIT..=Duration::from_secs(3_600);

pub(super) fn rooms(rooms: usize, per_client: usize) -> Result<(), Error> {
    bounds("number of rooms", rooms, 1, MAX_ROOMS)?;
    bounds("number of rooms of a client", per_client, 1, MAX_ROOMS_PER_CLIENT.min(rooms))
}

/// What is sent at this rate in this time is judged by one checker.
pub(super) fn rate(rate: f64, within: Duration) -> Result<(), Error> {
    if rate.is_nan() || rate <= 0.0 || rate > MAX_RATE {
        return Err(Error::Plan {
            problem: format!("the rate must be over 0 and at most {MAX_RATE} a second, not {rate}"),
        });
    }
    if rate * within.as_secs_f64() > MAX_PUBLICATIONS as f64 {
        return Err(Error::Plan {
            problem: format!(
                "{rate} messages a second for {within:?} are more than {MAX_PUBLICATIONS}: lower one of them"
            ),
        });
    }
    Ok(())
}

pub(super) fn waits(backoff: Duration, poll_interval: Duration) -> Result<(), Error> {
    for (what, wait) in [("wait after a carrier was lost", backoff), ("polling interval", poll_interval)] {
        if !WAITS.contains(&wait) {
            return Err(Error::Plan { problem: format!("the {what} must be 10 ms to 1 h, not {wait:?}") });
        }
    }
    Ok(())
}

pub(super) fn has_sessions(target: &Target, transport: Transport) -> Result<(), Error> {
    if transport == Transport::Raw {
        return Err(Error::Plan { problem: "a bare WebSocket is no session: use --transport websocket".into() });
    }
    has_transports(target)
}

pub(super) fn has_transports(target: &Target) -> Result<(), Error> {
    if target.protocol() == Protocol::Raw {
        return Err(Error::Plan { problem: "a tcp:// server knows no transports: use http:// or ws://".into() });
    }
    Ok(())
}
