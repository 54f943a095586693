//! A mix of everything, for a long time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MAX_CONNECTIONS, MAX_DURATION, MAX_MESSAGE_SIZE, MIN_LOAD_SIZE, bounds, talk};
use crate::{Error, Target, seconds};

/// Most stretches that a run is told in: 600.
pub const MAX_STRETCHES: usize = 600;

/// A mix, for soaks: clients on all four transports, in rooms of skewed sizes, talk, get messages echoed, come and go, move from one
/// transport to another, and some are slow.
///
/// The clients are those of `bowline-client`. The run is a row of stretches, each with rooms and a checker of its own, so that what is
/// remembered of it is bounded: the clients and their sessions go on through all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChatPlan {
    /// The server's mount, `http://` or `ws://`.
    pub target: Target,
    /// Clients at a time, 1 to [`MAX_CONNECTIONS`]; 100 by default. A quarter each is on each transport, those that move aside.
    pub clients: usize,
    /// How many rooms there are, 1 to [`MAX_ROOMS`](crate::MAX_ROOMS); 20 by default. The first has about twice as many members as the
    /// second, three times as many as the third, and so on.
    pub rooms: usize,
    /// How many of them each client is in, up to [`MAX_ROOMS_PER_CLIENT`](crate::MAX_ROOMS_PER_CLIENT) and `rooms`; 2 by default.
    pub per_client: usize,
    /// Messages a second of all together, more than 0, at most [`MAX_RATE`](crate::MAX_RATE); 100 by default. Half are echoed, half are
    /// published. With `stretch` it makes at most [`MAX_PUBLICATIONS`](crate::MAX_PUBLICATIONS).
    pub rate: f64,
    /// Bytes of a message, [`MIN_LOAD_SIZE`] to [`MAX_MESSAGE_SIZE`]; 128 by default.
    pub size: usize,
    /// The share of clients that are slow: 20 ms a publication; 0 to 1, 0.01 by default. They may be told of gaps.
    pub slow: f64,
    /// The share of clients that move from one transport to another, as what is on their way (a proxy of the harness's own) lets less or
    /// more through; 0 to 1, 0.25 by default.
    pub moving: f64,
    /// How long a client stays before another takes its place, on average, up to [`MAX_DURATION`]; 30 s by default, 0 for ever.
    #[serde(with = "seconds")]
    pub stay: Duration,
    /// How long all of it takes, up to [`MAX_DURATION`]; 60 s by default.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// The length of a stretch; 10 s by default, and at least `duration` / [`MAX_STRETCHES`].
    #[serde(with = "seconds")]
    pub stretch: Duration,
    /// The longest first wait of a client that lost its carrier, 10 ms to 1 h; 1 s by default. See [`ResumePlan`](crate::ResumePlan).
    #[serde(with = "seconds")]
    pub backoff: Duration,
    /// Time from one poll to the next for clients that poll, 10 ms to 1 h; 1 s by default.
    #[serde(with = "seconds")]
    pub poll_interval: Duration,
    /// How long what is under way may take at the end of a stretch, while the next goes on; 30 s by default.
    #[serde(with = "seconds")]
    pub drain_timeout: Duration,
    /// How long it may take until all are there; 30 s by default.
    #[serde(with = "seconds")]
    pub open_timeout: Duration,
    /// The server's process on this machine, for its CPU time and memory.
    pub server_pid: Option<u32>,
    /// Of whatever is random.
    pub seed: u64,
}

impl ChatPlan {
    /// A plan with the defaults.
    #[must_use]
    pub fn new(target: Target) -> Self {
        Self {
            target,
            clients: 100,
            rooms: 20,
            per_client: 2,
            rate: 100.0,
            size: 128,
            slow: 0.01,
            moving: 0.25,
            stay: Duration::from_secs(30),
            duration: Duration::from_secs(60),
            stretch: Duration::from_secs(10),
            backoff: Duration::from_secs(1),
            poll_interval: Duration::from_secs(1),
            drain_timeout: Duration::from_secs(30),
            open_timeout: Duration::from_secs(30),
            server_pid: None,
            seed: 1,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        bounds("number of clients", self.clients, 1, MAX_CONNECTIONS)?;
        bounds("message size", self.size, MIN_LOAD_SIZE, MAX_MESSAGE_SIZE)?;
        talk::rooms(self.rooms, self.per_client)?;
        talk::rate(self.rate, self.stretch)?;
        talk::waits(self.backoff, self.poll_interval)?;
        talk::has_transports(&self.target)?;
        if self.duration > MAX_DURATION || self.stay > MAX_DURATION {
            return Err(Error::Plan { problem: "a run, and a stay, take a day at the most".into() });
        }
        if self.stretch.is_zero() || self.stretch.as_secs_f64() * (MAX_STRETCHES as f64) < self.duration.as_secs_f64() {
            return Err(Error::Plan {
                problem: format!("a run is told in {MAX_STRETCHES} stretches at the most: make them longer"),
            });
        }
        if !(0.0..=1.0).contains(&self.slow) || !(0.0..=1.0).contains(&self.moving) {
            return Err(Error::Plan { problem: "shares of clients are 0 to 1".into() });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MAX_PUBLICATIONS, MAX_RATE};

    #[test]
    fn bounds_hold_at_the_limit_and_not_past_it() {
        let with = |change: fn(&mut ChatPlan)| {
            let mut plan = ChatPlan::new("http://127.0.0.1:1/".parse().unwrap());
            change(&mut plan);
            plan.check().is_ok()
        };
        let long = |plan: &mut ChatPlan| plan.stretch = MAX_DURATION / 600;
        assert!(with(|_| {}) && with(long));
        assert!(with(|plan| plan.clients = MAX_CONNECTIONS) && !with(|plan| plan.clients = MAX_CONNECTIONS + 1));
        assert!(with(|plan| plan.size = MIN_LOAD_SIZE) && !with(|plan| plan.size = MIN_LOAD_SIZE - 1));
        assert!(with(|plan| plan.size = MAX_MESSAGE_SIZE) && !with(|plan| plan.size = MAX_MESSAGE_SIZE + 1));
        assert!(with(|plan| (plan.duration, plan.stretch) = (MAX_DURATION, MAX_DURATION / 600)));
        assert!(!with(|plan| (plan.duration, plan.stretch) = (MAX_DURATION, MAX_DURATION / 601)));
        assert!(!with(|plan| (plan.duration, plan.stretch) = (MAX_DURATION * 2, MAX_DURATION)));
        assert!(!with(|plan| (plan.duration, plan.stretch) = (Duration::ZERO, Duration::ZERO)));
        assert!(with(|plan| (plan.rate, plan.stretch) = (MAX_PUBLICATIONS as f64 / 10.0, Duration::from_secs(10))));
        assert!(!with(|plan| (plan.rate, plan.stretch) = (MAX_PUBLICATIONS as f64 / 10.0, Duration::from_secs(11))));
        assert!(!with(|plan| (plan.rate, plan.stretch) = (MAX_RATE + 1.0, Duration::from_nanos(1))));
        assert!(
            with(|plan| (plan.slow, plan.moving) = (1.0, 0.0)) && with(|plan| (plan.slow, plan.moving) = (0.0, 1.0))
        );
        assert!(
            !with(|plan| plan.slow = 1.01) && !with(|plan| plan.moving = -0.01) && !with(|plan| plan.slow = f64::NAN)
        );
        assert!(with(|plan| plan.stay = MAX_DURATION) && !with(|plan| plan.stay = MAX_DURATION * 2));
        assert!(!with(|plan| plan.target = "tcp://127.0.0.1:1".parse().unwrap()));
    }
}
