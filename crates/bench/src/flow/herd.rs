//! How many come back at once.

use std::{collections::VecDeque, time::Duration};

/// The time in which those that come back are counted together.
const WINDOW: Duration = Duration::from_secs(1);

/// The most that came back within a second.
#[derive(Debug, Default)]
pub(crate) struct Herd {
    recent: VecDeque<Duration>,
    peak: usize,
}

impl Herd {
    /// One came back, at a time that doesn't go backwards.
    pub(crate) fn add(&mut self, at: Duration) {
        while self.recent.front().is_some_and(|first| *first + WINDOW <= at) {
            self.recent.pop_front();
        }
        self.recent.push_back(at);
        self.peak = self.peak.max(self.recent.len());
    }

    /// The most in a second so far.
    pub(crate) const fn peak(&self) -> usize {
        self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_second_counts() {
        let mut herd = Herd::default();
        for at in [0, 400, 999, 1_000, 1_500, 5_000] {
            herd.add(Duration::from_millis(at));
        }
        assert_eq!(herd.peak(), 3);
    }
}
