//! A mix of everything, for a long time.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MAX_DURATION, Talk, talk};
use crate::{Error, Target, seconds};

/// Most stretches that a run is told in: 600.
pub const MAX_STRETCHES: usize = 600;

/// A mix, for soaks: clients on all four transports, in rooms of skewed sizes, talk, get messages echoed, come and go, move from one
/// transport to another, and some are slow.
///
/// The run is a row of stretches, each with rooms and a checker of its own, so that what is
/// remembered of it is bounded: the clients and their sessions go on through all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChatPlan {
    /// The server's mount, `http://` or `ws://`.
    pub target: Target,
    /// How they talk. A quarter of the clients each is on each transport, those that move aside. The first room has about twice as many
    /// members as the second, three times as many as the third, and so on.
    #[serde(flatten)]
    pub talk: Talk,
    /// The share of clients that are slow: 20 ms a publication; 0 to 1, 0.01 by default. They may be told of gaps.
    pub slow: f64,
    /// The share of clients that move from one transport to another, as what is on their way (a proxy of the harness's own) lets less or
    /// more through; 0 to 1, 0.25 by default.
    pub moving: f64,
    /// How long a client stays before another takes its place, on average, up to [`MAX_DURATION`]; 30 s by default, 0 for ever.
    #[serde(with = "seconds")]
    pub stay: Duration,
    /// The length of a stretch; 10 s by default, and at least the duration / [`MAX_STRETCHES`].
    #[serde(with = "seconds")]
    pub stretch: Duration,
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
            talk: Talk {
                clients: 100,
                rooms: 20,
                per_client: 2,
                rate: 100.0,
                size: 128,
                duration: Duration::from_secs(60),
                drain_timeout: Duration::from_secs(30),
                backoff: Duration::from_secs(1),
                poll_interval: Duration::from_secs(1),
            },
            slow: 0.01,
            moving: 0.25,
            stay: Duration::from_secs(30),
            stretch: Duration::from_secs(10),
            open_timeout: Duration::from_secs(30),
            server_pid: None,
            seed: 1,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        self.talk.check(self.stretch)?;
        talk::has_transports(&self.target)?;
        if self.stay > MAX_DURATION {
            return Err(Error::Plan { problem: "a client may stay a day at the most".into() });
        }
        if self.stretch.is_zero()
            || self.stretch.as_secs_f64() * (MAX_STRETCHES as f64) < self.talk.duration.as_secs_f64()
        {
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
    use crate::MAX_PUBLICATIONS;

    #[test]
    fn bounds_hold_at_the_limit_and_not_past_it() {
        let with = |change: fn(&mut ChatPlan)| {
            let mut plan = ChatPlan::new("http://127.0.0.1:1/".parse().unwrap());
            change(&mut plan);
            plan.check().is_ok()
        };
        let long = |plan: &mut ChatPlan| plan.stretch = MAX_DURATION / 600;
        assert!(with(|_| {}) && with(long));
        assert!(!with(|plan| plan.talk.clients = 0));
        assert!(with(|plan| (plan.talk.duration, plan.stretch) = (MAX_DURATION, MAX_DURATION / 600)));
        assert!(!with(|plan| (plan.talk.duration, plan.stretch) = (MAX_DURATION, MAX_DURATION / 601)));
        assert!(!with(|plan| (plan.talk.duration, plan.stretch) = (MAX_DURATION * 2, MAX_DURATION)));
        assert!(!with(|plan| (plan.talk.duration, plan.stretch) = (Duration::ZERO, Duration::ZERO)));
        assert!(
            with(|plan| (plan.talk.rate, plan.stretch) = (MAX_PUBLICATIONS as f64 / 10.0, Duration::from_secs(10)))
        );
        assert!(!with(
            |plan| (plan.talk.rate, plan.stretch) = (MAX_PUBLICATIONS as f64 / 10.0, Duration::from_secs(11))
        ));
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
