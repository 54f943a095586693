//! Pings of one's own, and how long their answers take.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Numbers pings, and knows the latest one: an answer to an older one would tell a wrong time.
#[derive(Debug, Default)]
pub(super) struct Pings {
    number: u64,
    sent: Option<Instant>,
}

impl Pings {
    /// The payload of the next ping, sent at `now`.
    pub(super) fn next(&mut self, now: Instant) -> Bytes {
        self.number += 1;
        self.sent = Some(now);
        Bytes::copy_from_slice(&self.number.to_be_bytes())
    }

    /// The round-trip time, if `payload` answers the latest ping and is the first to do so.
    pub(super) fn answered(&mut self, payload: &[u8], now: Instant) -> Option<Duration> {
        if payload != self.number.to_be_bytes() {
            return None;
        }
        self.sent.take().map(|sent| now.saturating_duration_since(sent))
    }
}

/// A tick every `period`, the first one at once; one that is late puts off those after it.
pub(super) fn ticks(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now(), period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_ping_is_timed_and_only_once() {
        let start = Instant::now();
        let later = start + Duration::from_millis(3);
        let mut pings = Pings::default();
        assert_eq!(pings.answered(&0_u64.to_be_bytes(), start), None);
        let first = pings.next(start);
        let second = pings.next(start);
        assert_eq!(pings.answered(&first, later), None);
        assert_eq!(pings.answered(b"unasked", later), None);
        assert_eq!(pings.answered(&second, later), Some(Duration::from_millis(3)));
        assert_eq!(pings.answered(&second, later), None);
    }
}
