//! Whether the machine slept.

use std::time::{Duration, Instant, SystemTime};

/// Notices that the machine slept: the connections of before are dead as a rule, and nothing else would say so for a while.
///
/// The monotonic clock stands still during sleep on some systems and goes on on others, so both clocks are asked. A wall clock
/// that is set by hand looks the same, and costs one needless check.
#[derive(Debug)]
pub(crate) struct WakeDetector {
    last: (Instant, SystemTime),
}

impl WakeDetector {
    /// How often [`handle_tick`](Self::handle_tick) is to be called.
    pub(crate) const TICK: Duration = Duration::from_secs(5);

    /// The shortest sleep that is noticed; a busy machine is late by less.
    pub(crate) const SLACK: Duration = Duration::from_secs(10);

    pub(crate) const fn new(now: Instant, wall: SystemTime) -> Self {
        Self { last: (now, wall) }
    }

    /// Tells the time. Whether the machine slept since the last time.
    pub(crate) fn handle_tick(&mut self, now: Instant, wall: SystemTime) -> bool {
        let (then, wall_then) = std::mem::replace(&mut self.last, (now, wall));
        let passed = now.saturating_duration_since(then);
        // A wall clock that is set back says nothing.
        let wall_passed = wall.duration_since(wall_then).unwrap_or_default();
        passed.max(wall_passed.saturating_sub(passed)) >= Self::TICK.saturating_add(Self::SLACK)
    }

    /// When to call [`handle_tick`](Self::handle_tick) next.
    pub(crate) fn poll_timeout(&self) -> Instant {
        self.last.0 + Self::TICK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_of_either_clock_is_a_sleep() {
        // What either clock says has passed, in seconds.
        let table: [(u64, i64, bool); 8] = [
            (5, 5, false),
            (14, 14, false),
            // The monotonic clock stood still.
            (5, 600, true),
            (0, 14, false),
            (0, 15, true),
            // It went on.
            (600, 600, true),
            // The wall clock was set back, or runs slow.
            (5, -3_600, false),
            (5, 0, false),
        ];
        for (passed, wall_passed, slept) in table {
            let (now, wall) = (Instant::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000));
            let mut detector = WakeDetector::new(now, wall);
            assert_eq!(detector.poll_timeout(), now + WakeDetector::TICK);
            let shift = Duration::from_secs(wall_passed.unsigned_abs());
            let wall = if wall_passed < 0 { wall - shift } else { wall + shift };
            let now = now + Duration::from_secs(passed);
            assert_eq!(detector.handle_tick(now, wall), slept, "{passed} s, {wall_passed} s");
            assert!(!detector.handle_tick(now, wall), "told twice");
        }
    }
}
