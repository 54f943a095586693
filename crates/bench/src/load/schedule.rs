//! When each message is due: fixed times from one start, the same in all load processes.

use std::ops::Range;

use super::message::Header;
use crate::process::float;
use crate::{Error, LoadPlan, Traffic};

/// Numbers that a message can have: it writes its own in 8 hexadecimal digits.
const MAX_NUMBER: u64 = u32::MAX as u64;

/// The messages of all sources in turn, source 0 first. A source is a client of an echo, or a room.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    /// When the first is due, by `CLOCK_MONOTONIC`.
    start: u64,
    /// Nanoseconds between two.
    interval: f64,
    sources: u64,
    /// How many there are: what is due before the end.
    total: u64,
    /// The measured time.
    window: Range<u64>,
}

impl Schedule {
    /// What a plan wants, from `start` on.
    pub(super) fn new(plan: &LoadPlan, start: u64) -> Result<Self, Error> {
        let sources = match plan.traffic {
            Traffic::Echo => plan.clients,
            Traffic::Rooms { rooms, .. } => rooms,
        } as u64;
        let interval = if plan.rate > 0.0 { 1e9 / plan.rate } else { f64::INFINITY };
        let began = start + nanoseconds(plan.warm_up);
        let window = began..began + nanoseconds(plan.duration);
        let mut schedule = Self { start, interval, sources, total: 0, window };
        schedule.cut(schedule.window.end);
        if schedule.total / sources > MAX_NUMBER {
            return Err(Error::Plan {
                problem: format!("more than {MAX_NUMBER} messages of one client or room can't be told apart"),
            });
        }
        Ok(schedule)
    }

    /// Makes the end earlier.
    pub(super) fn cut(&mut self, end: u64) {
        self.window.end = self.window.end.min(end).max(self.window.start);
        let time = float(end.min(self.window.end).saturating_sub(self.start));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count, not below 0")]
        let mut total = (time / self.interval).ceil() as u64;
        // What the division rounded.
        while total > 0 && self.due(total - 1) >= end {
            total -= 1;
        }
        self.total = total;
    }

    /// The measured time.
    pub(super) fn window(&self) -> Range<u64> {
        self.window.clone()
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// When a message is due, by its place among all.
    pub(super) fn due(&self, place: u64) -> u64 {
        if place == 0 {
            return self.start;
        }
        // Each from the start, so that no error adds up.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most some days, not below 0")]
        let since = (float(place) * self.interval) as u64;
        self.start.saturating_add(since)
    }

    /// The place among all of a source's message.
    pub(super) fn place(&self, source: u32, number: u32) -> u64 {
        u64::from(number) * self.sources + u64::from(source)
    }

    /// The source of the message at a place, and which of its messages it is.
    pub(super) fn at(&self, place: u64) -> (u32, u32) {
        let part = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        (part(place % self.sources), part(place / self.sources))
    }

    /// Whether such a message is due by `now`: whatever else claims to be one, nobody sent.
    pub(super) fn knows(&self, header: &Header, now: u64) -> bool {
        u64::from(header.source) < self.sources
            && header.due == self.due(self.place(header.source, header.number))
            && (header.due..=now).contains(&header.sent)
    }

    /// How many of a source's messages are among the first `places`.
    pub(super) fn of_source(&self, source: u32, places: u64) -> u64 {
        places / self.sources + u64::from(u64::from(source) < places % self.sources)
    }
}

/// A time of a plan: a day at most, but for slips that saturate.
pub(super) fn nanoseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Transport;
    use std::time::Duration;

    fn plan(rate: f64, rooms: usize) -> LoadPlan {
        let traffic = Traffic::Rooms { rooms, per_client: 1 };
        let mut plan = LoadPlan::new("ws://127.0.0.1:1/".parse().unwrap(), Transport::WebSocket, traffic);
        (plan.rate, plan.warm_up, plan.duration) = (rate, Duration::from_secs(1), Duration::from_secs(2));
        plan
    }

    #[test]
    fn what_is_due_before_the_end_is_all() {
        for (rate, total) in [(1_000.0, 3_000), (0.4, 2), (3.0, 9), (1.0 / 3.0, 1), (0.0, 0)] {
            let schedule = Schedule::new(&plan(rate, 7), 1_000).unwrap();
            assert_eq!(schedule.total(), total, "{rate}");
            if total > 0 {
                assert!(schedule.due(total - 1) < schedule.window().end, "{rate}");
                assert!(schedule.due(total) >= schedule.window().end, "{rate}");
            }
        }
    }

    #[test]
    fn sources_take_turns() {
        let schedule = Schedule::new(&plan(1_000.0, 3), 0).unwrap();
        let turns: Vec<_> = (0..5).map(|place| schedule.at(place)).collect();
        assert_eq!(turns, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)]);
        assert!((0..100).all(|place| {
            let (source, number) = schedule.at(place);
            schedule.place(source, number) == place
        }));
        assert_eq!([0, 1, 2].map(|source| schedule.of_source(source, 5)), [2, 2, 1]);
        assert_eq!(schedule.due(2_500), 2_500_000_000);
    }

    #[test]
    fn what_is_not_due_nobody_sent() {
        let schedule = Schedule::new(&plan(1_000.0, 3), 0).unwrap();
        let header = Header { source: 1, number: 1, due: 4_000_000, sent: 4_000_100 };
        assert!(schedule.knows(&header, 4_000_100));
        assert!(!schedule.knows(&header, 4_000_099));
        assert!(!schedule.knows(&Header { due: 4_000_001, ..header }, 5_000_000));
        assert!(!schedule.knows(&Header { sent: 3_999_999, ..header }, 5_000_000));
        assert!(!schedule.knows(&Header { source: 3, number: 0, due: 3_000_000, sent: 3_000_000 }, 5_000_000));
    }

    #[test]
    fn an_earlier_end_takes_away_what_is_due_later() {
        let mut schedule = Schedule::new(&plan(1_000.0, 1), 0).unwrap();
        schedule.cut(1_500_000_000);
        assert_eq!((schedule.total(), schedule.window()), (1_500, 1_000_000_000..1_500_000_000));
        schedule.cut(500_000_000);
        assert_eq!((schedule.total(), schedule.window()), (500, 1_000_000_000..1_000_000_000));
    }

    #[test]
    fn numbers_have_a_limit() {
        let mut endless = plan(crate::MAX_RATE, 1);
        endless.warm_up = Duration::ZERO;
        endless.duration = Duration::from_secs(4_294);
        assert!(Schedule::new(&endless, 0).is_ok());
        endless.duration = Duration::from_secs(4_296);
        assert!(Schedule::new(&endless, 0).unwrap_err().to_string().contains("told apart"));
    }
}
