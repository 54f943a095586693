//! When the next request for messages goes.

use std::time::{Duration, Instant};

/// While a client waits to hear that it is in its rooms, it polls so often at least: opening shall not take as long as its interval.
const POLL_TO_JOIN: Duration = Duration::from_millis(50);

/// How a client gets its messages.
#[derive(Debug)]
pub(super) enum Pace {
    /// By one answer that goes on; when it ends, by another at once.
    Comet,
    /// By requests that are held; the next goes at once.
    LongPolling,
    /// By requests at fixed times.
    Polling(Schedule),
}

/// Fixed times: a poll that is late doesn't make those behind it late.
#[derive(Debug)]
pub(super) struct Schedule {
    interval: Duration,
    /// From when the session is opened to the first.
    phase: Duration,
    next: Option<Instant>,
}

impl Schedule {
    pub(super) const fn new(interval: Duration, phase: Duration) -> Self {
        Self { interval, phase, next: None }
    }

    /// A poll is answered.
    fn after(&mut self, now: Instant, is_joining: bool) -> Instant {
        let next = *self.next.get_or_insert(now + self.phase);
        if is_joining { next.min(now + POLL_TO_JOIN) } else { next }
    }

    /// A poll begins: if its time has come, the next one is the first that is still to come.
    fn asks(&mut self, now: Instant) {
        let Some(next) = &mut self.next else { return };
        let Some(late) = now.checked_duration_since(*next) else { return };
        let since_last = late.as_nanos() % self.interval.as_nanos().max(1);
        *next = now + self.interval - Duration::from_nanos(u64::try_from(since_last).unwrap_or_default());
    }
}

impl Pace {
    /// When the next request goes, now that one is answered.
    pub(super) fn after(&mut self, now: Instant, is_joining: bool) -> Instant {
        match self {
            Self::Comet | Self::LongPolling => now,
            Self::Polling(schedule) => schedule.after(now, is_joining),
        }
    }

    /// A request goes.
    pub(super) fn asks(&mut self, now: Instant) {
        if let Self::Polling(schedule) = self {
            schedule.asks(now);
        }
    }

    /// Whether requests for messages are too far between to acknowledge by them.
    pub(super) const fn acknowledges(&self) -> bool {
        matches!(self, Self::Comet)
    }

    pub(super) const fn accept(&self) -> &'static str {
        if matches!(self, Self::Comet) { "text/event-stream" } else { "*/*" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_are_at_fixed_times() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut schedule = Schedule::new(Duration::from_millis(100), Duration::from_millis(30));
        // The one that opens the session.
        schedule.asks(at(0));
        assert_eq!(schedule.after(at(10), false), at(40));
        for (asked, answered, next) in
            [(40, 45, 140), (141, 150, 240), (245, 360, 340), (361, 362, 440), (740, 741, 840)]
        {
            schedule.asks(at(asked));
            assert_eq!(schedule.after(at(answered), false), at(next), "asked at {asked}, answered at {answered}");
        }
        // Polls in between don't move them.
        assert_eq!(schedule.after(at(750), true), at(800));
        schedule.asks(at(800));
        assert_eq!(schedule.after(at(801), true), at(840));
    }
}
