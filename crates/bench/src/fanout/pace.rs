//! When the next publication is due.

use std::time::{Duration, Instant};

/// When to publish.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    /// Nothing new.
    Still,
    /// As soon as fewer than so many are outstanding.
    Closed(usize),
    /// At fixed times.
    Open(Schedule),
}

/// Fixed times, and how many of them have been kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    start: Instant,
    /// Seconds between two.
    interval: f64,
    kept: u32,
    largest_lag: Duration,
}

impl Schedule {
    /// From `start` on, `rate` in a second.
    pub(crate) fn new(start: Instant, rate: f64) -> Self {
        Self { start, interval: 1.0 / rate, kept: 0, largest_lag: Duration::ZERO }
    }

    /// When the next is due.
    pub(crate) fn next(&self) -> Instant {
        // Each from the start, so that no error adds up.
        self.start + Duration::try_from_secs_f64(self.interval * f64::from(self.kept)).unwrap_or(Duration::MAX / 4)
    }

    /// The next was sent at `now`.
    pub(crate) fn keep(&mut self, now: Instant) {
        self.largest_lag = self.largest_lag.max(self.lag(now));
        self.kept = self.kept.saturating_add(1);
    }

    /// How late the next is already.
    pub(crate) fn lag(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.next())
    }

    /// How late one was at most.
    pub(crate) fn largest_lag(&self) -> Duration {
        self.largest_lag
    }

    /// Forgets how late others were.
    pub(crate) fn forget_lag(&mut self) {
        self.largest_lag = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_does_not_shift_when_one_is_late() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 100.0);
        schedule.keep(start + Duration::from_millis(7));
        assert_eq!(schedule.next(), start + Duration::from_millis(10));
        assert_eq!(schedule.largest_lag(), Duration::from_millis(7));
        assert_eq!(schedule.lag(start + Duration::from_millis(4)), Duration::ZERO);
        schedule.forget_lag();
        schedule.keep(start + Duration::from_millis(12));
        assert_eq!(schedule.largest_lag(), Duration::from_millis(2));
        assert_eq!(schedule.next(), start + Duration::from_millis(20));
    }
}
