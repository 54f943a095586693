//! How long an update is under way from the server to a client: the model of Pimentel & Nickerson, and of RFC 6202 §2.2.
//!
//! The server has an update every *T*; one way takes *d*, whichever it is.
//!
//! # Push
//! WebSocket and Comet: an update goes out at once, and takes *d*.
//!
//! # Polling
//! Polls reach the server *Δ* apart. If their phase is any, an update waits up to *Δ* for the next one, half of it in the mean,
//! and then takes *d*: mean *Δ*/2 + *d*, longest *Δ* + *d*.
//!
//! # Long polling
//! All times are the server's. Let a response leave at *r*. The client has it at *r* + *d*, asks again at once, and is heard
//! again at *r* + 2*d*: until then nothing can be sent. What came in (*r*, *r* + 2*d*] leaves at *r* + 2*d*; if nothing did, the
//! poll is held, and the next update leaves as it comes.
//!
//! *2d < T.* A response at an update is followed by the next poll before the next update, which therefore finds a poll that
//! waits: every update takes *d*.
//!
//! *2d ≥ T.* In (*r*, *r* + 2*d*], which is as long as *T* or longer, there is always an update. So responses leave 2*d* apart, for
//! good, and begin with an update (the first poll was held for it). Update *k* waits until the next multiple of 2*d*:
//! (−*kT*) mod 2*d*, and then takes *d*.
//!
//! - In step: if *T* and 2*d* have a common measure *g*, the largest, then the waits are 0, *g*, 2*g*, …, 2*d* − *g*, equally
//!   often. Their mean is *d* − *g*/2: in all **2*d* − *g*/2**, and the longest is **3*d* − *g***. As *g* ≤ *T*, these tend to
//!   2*d* and 3*d* for 2*d* ≫ *T*, as published. At 2*d* = *T* it is *g* = *T*: still *d*.
//! - Drifting: a real cycle takes a little longer than 2*d*, so that nothing is in step for long. Then waits are spread over
//!   [0, 2*d*): mean **2*d***, longest **3*d***, from the knee on.
//!
//! So the mean leaps from *d* to 2*d* at the knee 2*d* = *T*, and close to it anything between is seen, according to how far
//! the phase has drifted meanwhile.

/// A transit time, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Transit {
    pub(super) mean: f64,
    pub(super) max: f64,
}

/// Over a connection on which the server may send at any time.
pub(super) const fn push(delay: f64) -> Transit {
    Transit { mean: delay, max: delay }
}

/// By a poll each `interval`.
pub(super) const fn polling(interval: f64, delay: f64) -> Transit {
    Transit { mean: interval / 2.0 + delay, max: interval + delay }
}

/// By long polls of which one follows the other, updates being a `period` apart, where phases drift.
pub(super) fn long_polling(period: f64, delay: f64) -> Transit {
    if 2.0 * delay < period { push(delay) } else { Transit { mean: 2.0 * delay, max: 3.0 * delay } }
}

/// The same where polls and updates keep in step for ever; in whole milliseconds.
pub(super) fn long_polling_in_step(period: u32, delay: u32) -> Transit {
    let measure = f64::from(common_measure(period, 2 * delay));
    let delay = f64::from(delay);
    if 2.0 * delay < f64::from(period) {
        return push(delay);
    }
    Transit { mean: 2.0 * delay - measure / 2.0, max: 3.0 * delay - measure }
}

const fn common_measure(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { common_measure(other, one % other) }
}

/// Where a curve of (delay, mean less its floor) turns from one transit to two, by *half-rise*: the delay at which the mean,
/// in transits, is half-way from 1 to 2, between the last point below and the first above. `None` where it never rises.
pub(super) fn knee(curve: &[(f64, f64)]) -> Option<f64> {
    const HALF_WAY: f64 = 1.5;
    let transits: Vec<(f64, f64)> =
        curve.iter().filter(|(delay, _)| *delay > 0.0).map(|(delay, mean)| (*delay, mean / delay)).collect();
    transits.windows(2).find_map(|pair| match *pair {
        [(before, low), (after, high)] if low < HALF_WAY && high >= HALF_WAY => {
            Some(before + (after - before) * (HALF_WAY - low) / (high - low))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What updates take if a poll is heard again one `cycle` after a response, step by step.
    fn walk(period: f64, cycle: f64, delay: f64, updates: u32) -> Transit {
        let (mut ready, mut is_pending) = (0.0, false);
        let (mut sum, mut max) = (0.0, 0.0_f64);
        for update in 0..updates {
            let now = f64::from(update) * period;
            if is_pending && ready < now {
                ready += cycle;
            }
            let wait = (ready - now).max(0.0);
            if wait > 0.0 {
                is_pending = true;
            } else {
                (ready, is_pending) = (now + cycle, false);
            }
            sum += wait + delay;
            max = max.max(wait + delay);
        }
        Transit { mean: sum / f64::from(updates), max }
    }

    #[test]
    fn long_polls_in_step_take_what_walking_through_them_takes() {
        for period in [100, 250] {
            for delay in 0..=600 {
                let calculated = long_polling_in_step(period, delay);
                // Whole rounds of the pattern, of which each is 2d / g updates long.
                let round = if 2 * delay < period { 1 } else { 2 * delay / common_measure(period, 2 * delay) };
                let walked = walk(f64::from(period), f64::from(2 * delay), f64::from(delay), round * 3);
                assert!((walked.mean - calculated.mean).abs() < 1e-9, "T {period}, d {delay}: {walked:?}");
                assert!((walked.max - calculated.max).abs() < 1e-9, "T {period}, d {delay}: {walked:?}");
            }
        }
    }

    #[test]
    fn long_polls_that_drift_take_what_walking_through_them_takes() {
        for delay in [0.0, 25.0, 50.0, 100.0, 115.0, 135.0, 150.0, 200.0, 400.0] {
            let calculated = long_polling(250.0, delay);
            let walked = walk(250.0, 2.0 * delay + 0.618, delay, 100_000);
            assert!((walked.mean - calculated.mean).abs() < 1.0, "d {delay}: {walked:?}");
            assert!((walked.max - calculated.max).abs() < 1.0, "d {delay}: {walked:?}");
        }
    }

    #[test]
    fn long_polling_is_as_published() {
        for delay in [0, 25, 50, 100, 124] {
            assert_eq!(long_polling_in_step(250, delay), push(f64::from(delay)));
            assert_eq!(long_polling(250.0, f64::from(delay)), push(f64::from(delay)));
        }
        // At the knee in step it is still one transit; drifting, it may be any up to the second figure.
        assert_eq!(long_polling_in_step(250, 125), push(125.0));
        assert_eq!(long_polling(250.0, 125.0), Transit { mean: 250.0, max: 375.0 });
        assert_eq!(long_polling_in_step(250, 150), Transit { mean: 275.0, max: 400.0 });
        assert_eq!(long_polling_in_step(250, 200), Transit { mean: 375.0, max: 550.0 });
        // For 2d ≫ T both tend to two transits in the mean, and three at the longest.
        let far = long_polling_in_step(250, 10_000);
        assert!((far.mean / 10_000.0 - 2.0).abs() < 0.02 && (far.max / 10_000.0 - 3.0).abs() < 0.03, "{far:?}");
    }

    #[test]
    fn polling_waits_half_an_interval_and_one_at_the_longest() {
        assert_eq!(polling(1_000.0, 0.0), Transit { mean: 500.0, max: 1_000.0 });
        assert_eq!(polling(1_000.0, 200.0), Transit { mean: 700.0, max: 1_200.0 });
    }

    #[test]
    fn the_knee_is_found_between_the_points_around_it() {
        let curve = |at_the_knee: f64| {
            let mean = |delay: f64| if delay == 125.0 { at_the_knee } else { long_polling(250.0, delay).mean };
            [0.0, 25.0, 50.0, 100.0, 115.0, 125.0, 135.0, 150.0, 200.0].map(|delay| (delay, mean(delay)))
        };
        assert_eq!(knee(&curve(125.0 * 1.5)), Some(125.0));
        for at_the_knee in [125.0, 150.0, 200.0, 250.0] {
            let found = knee(&curve(at_the_knee)).unwrap();
            assert!((112.5..=137.5).contains(&found), "{found}");
        }
        assert_eq!(knee(&[(0.0, 1.0), (25.0, 25.0), (50.0, 50.0)]), None);
        assert_eq!(knee(&[]), None);
    }
}
