//! What listeners count by themselves, added to the rest whenever it is read.

use std::fmt;

use super::{Handles, Refused};
use crate::listener::Counts;

type Source = Box<dyn Fn() -> Counts + Send + Sync>;

/// The listeners, each with what it had counted when it was last read.
#[derive(Default)]
pub(super) struct Listeners(pub(super) Vec<(Source, Counts)>);

impl Listeners {
    /// Adds what has come since.
    pub(super) fn read(&mut self, handles: &Handles) {
        if self.0.is_empty() {
            return;
        }
        let mut open = 0;
        for (source, before) in &mut self.0 {
            let now = source();
            let more = |of: fn(&Counts) -> u64| of(&now).saturating_sub(of(before));
            handles.accepted.increment(more(|counts| counts.accepted));
            for (reason, count) in [
                (Refused::Address, more(|counts| counts.refused_per_ip)),
                (Refused::Timeout, more(|counts| counts.timed_out)),
                (Refused::TooLarge, more(|counts| counts.heads_too_large)),
                (Refused::Tls, more(|counts| counts.tls_failed)),
                (Refused::Malformed, more(|counts| counts.bad_requests)),
            ] {
                handles.refused.of(reason).increment(count);
            }
            open += now.open;
            *before = now;
        }
        handles.sockets.set(open);
    }
}

impl fmt::Debug for Listeners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(_, counts)| counts)).finish()
    }
}
