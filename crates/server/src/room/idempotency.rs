//! Which attempts to publish have succeeded already.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

/// Idempotency keys, each with the offset of what was published under it.
#[derive(Debug, Default)]
pub(super) struct Idempotency {
    offsets: HashMap<Arc<str>, u64>,
    oldest: VecDeque<(Instant, Arc<str>)>,
}

impl Idempotency {
    pub(super) fn find(&mut self, key: &str, now: Instant, window: Duration) -> Option<u64> {
        self.forget(now, window);
        self.offsets.get(key).copied()
    }

    /// Remembers a key that [`find`](Self::find) didn't find, and at most `max` in all.
    pub(super) fn add(&mut self, key: Box<str>, offset: u64, now: Instant, max: usize) {
        let key: Arc<str> = key.into();
        self.offsets.insert(Arc::clone(&key), offset);
        self.oldest.push_back((now, key));
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
        if let Some((_, key)) = self.oldest.pop_front() {
            self.offsets.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(10);

    #[test]
    fn the_oldest_key_past_the_bound_is_forgotten() {
        let now = Instant::now();
        let mut known = Idempotency::default();
        for (offset, key) in (1..).zip(["a", "b", "c"]) {
            known.add(key.into(), offset, now, 2);
        }
        let found = ["a", "b", "c"].map(|key| known.find(key, now, WINDOW));
        assert_eq!(found, [None, Some(2), Some(3)]);
        known.add("d".into(), 4, now, 0);
        assert_eq!(known.find("d", now, WINDOW), None);
        assert!(known.offsets.is_empty() && known.oldest.is_empty());
    }

    #[test]
    fn a_key_is_forgotten_after_the_window() {
        let now = Instant::now();
        let mut known = Idempotency::default();
        known.add("a".into(), 1, now, 2);
        assert_eq!(known.find("a", now + WINDOW, WINDOW), Some(1));
        assert_eq!(known.find("a", now + WINDOW + Duration::from_nanos(1), WINDOW), None);
    }
}
