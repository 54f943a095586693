//! Which attempts to publish have succeeded already.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

/// What an attempt to publish is known by: the same key of two publishers names two attempts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Attempt {
    pub(super) publisher: Option<Arc<str>>,
    pub(super) key: Box<str>,
}

/// Attempts, each with the offset of what was published.
#[derive(Debug, Default)]
pub(super) struct Idempotency {
    offsets: HashMap<Arc<Attempt>, u64>,
    oldest: VecDeque<(Instant, Arc<Attempt>)>,
}

impl Idempotency {
    pub(super) fn find(&mut self, attempt: &Attempt, now: Instant, window: Duration) -> Option<u64> {
        self.forget(now, window);
        self.offsets.get(attempt).copied()
    }

    /// Remembers an attempt that [`find`](Self::find) didn't find, and at most `max` in all.
    pub(super) fn add(&mut self, attempt: Attempt, offset: u64, now: Instant, max: usize) {
        let attempt = Arc::new(attempt);
        self.offsets.insert(Arc::clone(&attempt), offset);
        self.oldest.push_back((now, attempt));
        while self.oldest.len() > max {
            self.forget_oldest();
        }
    }

    /// Forgets what is older than `window`.
    pub(super) fn forget(&mut self, now: Instant, window: Duration) {
        while self.oldest.front().is_some_and(|(since, _)| now.saturating_duration_since(*since) > window) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, attempt)) = self.oldest.pop_front() {
            self.offsets.remove(&attempt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    fn attempt(key: &str) -> Attempt {
        Attempt { publisher: None, key: key.into() }
    }

    #[test]
    fn the_oldest_key_past_the_bound_is_forgotten() {
        let now = Instant::now();
        let mut known = Idempotency::default();
        for (offset, key) in (1..).zip(["a", "b", "c"]) {
            known.add(attempt(key), offset, now, 2);
        }
        let found = ["a", "b", "c"].map(|key| known.find(&attempt(key), now, WINDOW));
        assert_eq!(found, [None, Some(2), Some(3)]);
        known.add(attempt("d"), 4, now, 0);
        assert_eq!(known.find(&attempt("d"), now, WINDOW), None);
        assert!(known.offsets.is_empty() && known.oldest.is_empty());
    }

    #[test]
    fn a_key_is_forgotten_after_the_window() {
        let now = Instant::now();
        let mut known = Idempotency::default();
        known.add(attempt("a"), 1, now, 2);
        assert_eq!(known.find(&attempt("a"), now + WINDOW, WINDOW), Some(1));
        assert_eq!(known.find(&attempt("a"), now + WINDOW + Duration::from_nanos(1), WINDOW), None);
    }
}
