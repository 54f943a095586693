//! How soon clients are served again.

use std::{collections::BTreeMap, time::Duration};

use super::crowd::nanoseconds;
use crate::Distribution;

/// From when something was killed until each client got something that was sent after it.
///
/// Unlike a reconnect it is measured from outside, whatever the client noticed of it: one that polls only asks again.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    /// Those that are not served again yet, by number, and since when.
    waiting: BTreeMap<usize, Duration>,
    /// How long it took those that are.
    pub(crate) times: Distribution,
}

impl Recovery {
    /// Something was killed that served so many clients. Who isn't served again since the time before waits since then.
    pub(crate) fn kill(&mut self, at: Duration, clients: usize) {
        for number in 0..clients {
            self.waiting.entry(number).or_insert(at);
        }
    }

    /// A client got something that was due at `due`. What was under way when it was killed shows nothing.
    pub(super) fn serve(&mut self, number: usize, due: Duration, now: Duration) {
        if let Some(killed) = self.waiting.get(&number).copied().filter(|killed| due >= *killed) {
            self.waiting.remove(&number);
            self.times.record(nanoseconds(now.saturating_sub(killed)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_after_the_kill_counts_once_and_from_the_first() {
        let (ms, mut recovery) = (Duration::from_millis, Recovery::default());
        recovery.serve(0, ms(10), ms(11));
        recovery.kill(ms(100), 2);
        for (number, due, now) in [(0, 99, 130), (0, 100, 150), (0, 140, 160)] {
            recovery.serve(number, ms(due), ms(now));
        }
        assert_eq!((recovery.times.count(), recovery.times.max().round()), (1, 50.0));
        // The other is not back yet, when both are killed again.
        recovery.kill(ms(200), 2);
        recovery.serve(0, ms(199), ms(205));
        recovery.serve(0, ms(201), ms(210));
        recovery.serve(1, ms(150), ms(400));
        assert_eq!((recovery.times.count(), recovery.times.max().round()), (3, 300.0));
        assert!(recovery.waiting.is_empty());
    }
}
