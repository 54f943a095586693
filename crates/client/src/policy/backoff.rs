//! How long to wait before the next try.

use std::time::Duration;

use rand::{RngExt as _, rngs::StdRng};

/// How long a client waits before it tries again: a time drawn evenly from nothing to a longest one ("full jitter"), which
/// doubles with each try that fails.
///
/// What the server asks for (`retry:`, `Retry-After`, a close reason `retry=`) is waited in any case, before what was drawn.
/// Only a carrier that proved itself ([`Builder::proven_after`](crate::Builder::proven_after)) begins the doubling anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub(crate) base: Duration,
    pub(crate) spread: Duration,
    pub(crate) max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_millis(500), spread: Duration::from_secs(6), max: Duration::from_secs(20) }
    }
}

impl Backoff {
    /// The longest first wait where nothing was ever connected. Default 0.5 s; at least 10 ms.
    #[must_use]
    pub const fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// The longest first wait after a carrier broke that had worked. Default 6 s, since what broke one client's carrier often
    /// broke all of them: drawn from so long, no second has more than a fifth of those that come back. At least 10 ms.
    #[must_use]
    pub const fn spread(mut self, spread: Duration) -> Self {
        self.spread = spread;
        self
    }

    /// What the longest wait doubles up to. Default 20 s; at least the two others.
    #[must_use]
    pub const fn max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }
}

/// The waits of one client.
#[derive(Debug)]
pub(super) struct Waits {
    backoff: Backoff,
    /// The longest that the next wait can be.
    window: Duration,
}

impl Waits {
    pub(super) const fn new(backoff: Backoff) -> Self {
        Self { backoff, window: backoff.base }
    }

    /// A carrier that had worked is gone; `proven` if it had worked for long enough.
    pub(super) fn lost(&mut self, proven: bool) {
        self.window = if proven { self.backoff.spread } else { self.window.max(self.backoff.spread) };
    }

    /// The next wait, at least `floor`.
    pub(super) fn next(&mut self, floor: Option<Duration>, rng: &mut StdRng) -> Duration {
        let drawn = self.window.min(self.backoff.max).mul_f64(rng.random::<f64>());
        self.window = self.window.saturating_mul(2).min(self.backoff.max);
        floor.unwrap_or_default().saturating_add(drawn)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    /// The longest of many draws of each of the first few waits, in tenths of a second, after `prepare`.
    fn longest(prepare: impl Fn(&mut Waits)) -> Vec<u128> {
        let mut rng = StdRng::seed_from_u64(1);
        let draw = |rng: &mut StdRng| {
            let mut waits = Waits::new(Backoff::default());
            prepare(&mut waits);
            (0..8).map(|_| waits.next(None, rng).as_millis()).collect::<Vec<_>>()
        };
        let all: Vec<_> = (0..2_000).map(|_| draw(&mut rng)).collect();
        (0..8).map(|n| all.iter().map(|draws| draws[n]).max().unwrap_or_default().div_ceil(100)).collect()
    }

    #[test]
    fn waits_are_drawn_from_a_window_that_doubles() {
        assert_eq!(longest(|_| {}), [5, 10, 20, 40, 80, 160, 200, 200]);
        assert_eq!(longest(|waits| waits.lost(true)), [60, 120, 200, 200, 200, 200, 200, 200]);
    }

    #[test]
    fn only_a_proven_carrier_begins_the_doubling_anew() {
        let after = |proven| {
            longest(|waits| {
                waits.lost(true);
                let mut rng = StdRng::seed_from_u64(2);
                let waited: Duration = (0..3).map(|_| waits.next(None, &mut rng)).sum();
                assert!(waited > Duration::ZERO);
                waits.lost(proven);
            })
        };
        assert_eq!((after(true)[0], after(false)[0]), (60, 200));
    }

    #[test]
    fn the_servers_hint_is_a_floor() {
        let mut rng = StdRng::seed_from_u64(3);
        let hint = Duration::from_secs(30);
        let mut waits = Waits::new(Backoff::default());
        let drawn: Vec<_> = (0..1_000).map(|_| waits.next(Some(hint), &mut rng)).collect();
        assert!(drawn.iter().all(|wait| *wait >= hint && *wait <= hint + Duration::from_secs(20)));
        // Those that were told the same time don't come back at the same time.
        assert!(drawn.iter().any(|wait| *wait > hint + Duration::from_secs(19)));
        assert_eq!(waits.next(Some(Duration::MAX), &mut rng), Duration::MAX);
    }

    /// 5,000 clients lose the server at once: no second has more than a fifth of them, however soon it is back.
    #[test]
    fn those_that_lose_the_server_at_once_come_back_spread() {
        let mut rng = StdRng::seed_from_u64(4);
        for outage in [0.0, 0.2, 0.5, 1.0] {
            let mut arrivals: Vec<f64> = (0..5_000)
                .map(|_| {
                    let mut waits = Waits::new(Backoff::default());
                    waits.lost(true);
                    let mut at = 0.0;
                    loop {
                        at += waits.next(None, &mut rng).as_secs_f64();
                        if at >= outage {
                            return at;
                        }
                    }
                })
                .collect();
            arrivals.sort_by(f64::total_cmp);
            let within = |from: f64| arrivals.iter().filter(|at| (from..from + 1.0).contains(*at)).count();
            let peak = arrivals.iter().map(|at| within(*at)).max().unwrap_or_default();
            assert!(peak <= 1_000 + 50, "{peak} of 5,000 in one second after an outage of {outage} s");
        }
    }
}
