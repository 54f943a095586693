//! How long things took, and how many there were.

use std::ops::Range;

use super::message::Header;
use crate::Distribution;
use crate::process::float;
use crate::report::{Behind, QUARTERS};

/// What one process measures.
#[derive(Debug, Default)]
pub(super) struct Measure {
    window: Range<u64>,
    /// Messages sent so far.
    pub(super) sent: u64,
    /// Deliveries so far.
    pub(super) deliveries: u64,
    /// Latency of all since the last progress.
    pub(super) recent: Distribution,
    /// Latency of those of the measured time, since the last stretch ended.
    pub(super) stretch: Distribution,
    /// The same, before that.
    latency: Distribution,
    pub(super) uncorrected: Distribution,
    pub(super) lag: Distribution,
    last_lag: u64,
    /// Sum and count of lag in each quarter of the measured time.
    quarters: [(u64, u64); QUARTERS],
}

impl Measure {
    /// What is due in `window` counts.
    pub(super) fn start(&mut self, window: Range<u64>) {
        self.window = window;
    }

    pub(super) fn say(&mut self, header: &Header) {
        self.sent += 1;
        self.last_lag = header.sent.saturating_sub(header.due);
        if !self.window.contains(&header.due) {
            return;
        }
        self.lag.record(self.last_lag);
        let length = (self.window.end - self.window.start).div_ceil(QUARTERS as u64);
        let quarter = usize::try_from((header.due - self.window.start) / length).unwrap_or(QUARTERS);
        if let Some((sum, count)) = self.quarters.get_mut(quarter) {
            *sum += self.last_lag;
            *count += 1;
        }
    }

    pub(super) fn hear(&mut self, header: &Header, now: u64) {
        self.deliveries += 1;
        let latency = now.saturating_sub(header.due);
        self.recent.record(latency);
        if self.window.contains(&header.due) {
            self.stretch.record(latency);
            self.uncorrected.record(now.saturating_sub(header.sent));
        }
    }

    /// A stretch is over: its times.
    pub(super) fn end_stretch(&mut self) -> Distribution {
        self.latency.add(&self.stretch);
        std::mem::take(&mut self.stretch)
    }

    /// Latency of all of the measured time.
    pub(super) fn latency(&mut self) -> Distribution {
        self.end_stretch();
        std::mem::take(&mut self.latency)
    }

    /// How sending fell behind by the end of the measured time, `now`, where the next is due at `next`; `None` where it didn't.
    pub(super) fn behind(&self, now: u64, next: Option<u64>) -> Option<Behind> {
        let waiting = next.map_or(0, |next| now.saturating_sub(next));
        let means = self.quarters.map(|(sum, count)| float(sum) / float(count.max(1)) / 1e6);
        Behind::of(float(self.last_lag.max(waiting)) / 1e6, means)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn header(due: u64, lag: u64) -> Header {
        Header { source: 0, number: 0, due: due * MS, sent: (due + lag) * MS }
    }

    fn measured(lags: impl Fn(u64) -> u64) -> Measure {
        let mut measure = Measure::default();
        measure.start(1_000 * MS..2_000 * MS);
        (900..2_000).for_each(|due| measure.say(&header(due, lags(due))));
        measure
    }

    #[test]
    fn latency_counts_from_when_a_message_was_due_in_the_measured_time() {
        let mut measure = measured(|_| 0);
        assert_eq!((measure.sent, measure.lag.count()), (1_100, 1_000));
        for (due, came) in [(999, 1_500), (1_000, 1_010), (1_999, 2_999), (2_000, 2_001)] {
            measure.hear(&header(due, 5), came * MS);
        }
        assert_eq!((measure.deliveries, measure.recent.count()), (4, 4));
        let first = measure.end_stretch();
        assert_eq!((first.count(), measure.end_stretch().count()), (2, 0));
        let close = |is: f64, told: f64| (is - told).abs() < is / 1_000.0;
        assert!(close(measure.uncorrected.min(), 5.0), "{}", measure.uncorrected.min());
        let latency = measure.latency();
        assert!(close(latency.min(), 10.0) && close(latency.max(), 1_000.0), "{} {}", latency.min(), latency.max());
    }

    #[test]
    fn lag_that_grows_or_is_long_at_the_end_is_noticed() {
        for (behind, lags) in [
            (false, (|_| 1) as fn(u64) -> u64),
            (false, |due| if (1_300..1_400).contains(&due) { 90 } else { 0 }),
            (false, |due| (due - 900) / 300),
            (true, |due| (due - 900) / 30),
            (true, |due| if due == 1_999 { 51 } else { 0 }),
        ] {
            assert_eq!(measured(lags).behind(2_000 * MS, None).is_some(), behind);
        }
        let waiting = |since: u64| measured(|_| 0).behind(2_000 * MS, Some(since * MS));
        assert_eq!(waiting(1_949).map(|behind| behind.at_end), Some(51.0));
        assert_eq!(waiting(1_950), None);
    }
}
