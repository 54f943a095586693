//! One clock for what is due, what messages say and what wires are told.

use std::time::{Duration, Instant};

use crate::process::monotonic_nanoseconds;

/// A moment: by `CLOCK_MONOTONIC`, which all processes of a machine share, and as wires want it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) nanoseconds: u64,
    pub(super) instant: Instant,
}

/// Tells both of a moment by one look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(Now);

impl Clock {
    pub(super) fn new() -> Self {
        Self(Now { nanoseconds: monotonic_nanoseconds(), instant: Instant::now() })
    }

    pub(super) fn now(&self) -> Now {
        let nanoseconds = monotonic_nanoseconds();
        let since = Duration::from_nanos(nanoseconds.saturating_sub(self.0.nanoseconds));
        Now { nanoseconds, instant: self.0.instant + since }
    }

    /// The other form of an instant.
    pub(super) fn nanoseconds(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.0.instant).as_nanos();
        self.0.nanoseconds.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }
}
