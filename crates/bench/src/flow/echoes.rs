//! One client's messages, and what came back of them.

use std::time::Duration;

use super::{
    say::Said,
    sequence::{Sequence, Step},
};
use crate::Reconciled;

/// One client's messages, and what came back of them.
#[derive(Debug)]
pub(crate) struct Echoes {
    sent: u64,
    back: Sequence,
    /// Those below it may be gone: the session was lost when they had been sent.
    doubtful: u64,
    tally: Reconciled,
}

impl Echoes {
    pub(crate) fn new() -> Self {
        Self { sent: 0, back: Sequence::new(0), doubtful: 0, tally: Reconciled::default() }
    }

    /// The number of the next message.
    pub(crate) const fn send(&mut self) -> u64 {
        self.sent += 1;
        self.sent - 1
    }

    /// The session was lost.
    pub(crate) const fn lost(&mut self) {
        self.doubtful = self.sent;
    }

    /// Takes what came back: when it was due, if it is one that was sent.
    pub(crate) fn take(&mut self, by: &str, text: &str) -> Option<Duration> {
        let said = Said::read(text).filter(|said| said.by == by && said.number < self.sent);
        let Some(said) = said else {
            self.tally.wrong += 1;
            self.note(|| format!("{by} got {:?}, which it never sent", text.chars().take(64).collect::<String>()));
            return None;
        };
        let from = self.back.next();
        match self.back.take(said.number) {
            Step::Next => {}
            Step::Skips(_) => self.skip(by, from, said.number),
            Step::Late => {
                (self.tally.missing, self.tally.reordered) =
                    (self.tally.missing.saturating_sub(1), self.tally.reordered + 1);
                self.note(|| format!("{by} got message {} after a later one", said.number));
            }
            Step::Again => {
                self.tally.duplicate += 1;
                self.note(|| format!("{by} got message {} again", said.number));
            }
        }
        Some(said.due)
    }

    /// Whether all have come back, or may be gone.
    pub(crate) const fn are_back(&self) -> bool {
        self.back.next() >= self.sent || self.doubtful == self.sent
    }

    /// What is missing for good by now.
    pub(crate) fn finish(mut self, by: &str) -> Reconciled {
        self.skip(by, self.back.next(), self.sent);
        self.tally.expected = self.sent;
        self.tally
    }

    /// Those from `from` up to `to` were left out.
    fn skip(&mut self, by: &str, from: u64, to: u64) {
        let told = self.doubtful.clamp(from, to.max(from)) - from;
        let missing = to.saturating_sub(from) - told;
        (self.tally.told, self.tally.missing) = (self.tally.told + told, self.tally.missing + missing);
        if missing > 0 {
            self.note(|| format!("{by} never got message {} back", from + told));
        }
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        self.tally.first.get_or_insert_with(what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(by: &str, number: u64) -> String {
        Said { by, number, due: Duration::ZERO }.text(48)
    }

    fn after(sent: u64, back: &[u64]) -> Reconciled {
        let mut echoes = Echoes::new();
        for _ in 0..sent {
            echoes.send();
        }
        for number in back {
            echoes.take("a", &text("a", *number));
        }
        echoes.finish("a")
    }

    #[test]
    fn what_is_lost_doubled_or_swapped_is_counted() {
        assert!(!after(3, &[0, 1, 2]).is_faulty());
        let lost = after(4, &[0, 2]);
        assert_eq!((lost.expected, lost.missing, lost.first.as_deref()), (4, 2, Some("a never got message 1 back")));
        assert_eq!(after(3, &[0, 1, 1, 2]).duplicate, 1);
        let swapped = after(3, &[0, 2, 1]);
        assert_eq!((swapped.missing, swapped.reordered), (0, 1));
    }

    #[test]
    fn what_others_said_or_nobody_is_wrong() {
        let mut echoes = Echoes::new();
        echoes.send();
        for wrong in [text("b", 0), text("a", 1), "what?".to_owned()] {
            assert!(echoes.take("a", &wrong).is_none());
        }
        assert_eq!(echoes.finish("a").wrong, 3);
    }

    #[test]
    fn what_was_under_way_when_the_session_was_lost_is_told() {
        let mut echoes = Echoes::new();
        for _ in 0..4 {
            echoes.send();
        }
        assert!(echoes.take("a", &text("a", 0)).is_some() && !echoes.are_back());
        echoes.lost();
        assert!(echoes.are_back());
        for _ in 4..8 {
            echoes.send();
        }
        assert!(echoes.take("a", &text("a", 5)).is_some() && !echoes.are_back());
        let tally = echoes.finish("a");
        assert_eq!((tally.told, tally.missing), (3, 3), "1 to 3 are told; 4, 6 and 7 are not");
    }
}
