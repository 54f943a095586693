//! Numbers that are to come once and in order.

use std::collections::BTreeSet;

/// Most skipped numbers that are remembered, to tell what comes late from what comes twice: 1,024.
const MAX_SKIPPED: usize = 1_024;

/// What a number means for those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is the next.
    Next,
    /// So many before it are left out.
    Skips(u64),
    /// It was left out before, and comes after all.
    Late,
    /// It came before.
    Again,
}

/// Numbers that are to come once and in order.
#[derive(Debug)]
pub(crate) struct Sequence {
    next: u64,
    skipped: BTreeSet<u64>,
}

impl Sequence {
    pub(crate) const fn new(next: u64) -> Self {
        Self { next, skipped: BTreeSet::new() }
    }

    /// The number that is to come next.
    pub(crate) const fn next(&self) -> u64 {
        self.next
    }

    /// Takes a number.
    pub(crate) fn take(&mut self, number: u64) -> Step {
        if number < self.next {
            return if self.skipped.remove(&number) { Step::Late } else { Step::Again };
        }
        let (from, skips) = (self.next, number - self.next);
        self.next = number.saturating_add(1);
        if skips == 0 {
            return Step::Next;
        }
        self.skipped.extend((from..number).rev().take(MAX_SKIPPED));
        while self.skipped.len() > MAX_SKIPPED {
            self.skipped.pop_first();
        }
        Step::Skips(skips)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_late_or_doubled_is_told_apart() {
        let mut numbers = Sequence::new(1);
        let steps = [1, 2, 5, 4, 4, 6, 2].map(|number| numbers.take(number));
        assert_eq!(steps, [Step::Next, Step::Next, Step::Skips(2), Step::Late, Step::Again, Step::Next, Step::Again]);
        assert_eq!(numbers.next(), 7);
    }

    #[test]
    fn no_more_than_a_few_skipped_numbers_are_remembered() {
        let mut numbers = Sequence::new(0);
        assert_eq!(numbers.take(10_000), Step::Skips(10_000));
        assert_eq!(numbers.take(20_001), Step::Skips(10_000));
        assert_eq!(numbers.skipped.len(), MAX_SKIPPED);
        assert_eq!((numbers.take(20_000), numbers.take(9_999)), (Step::Late, Step::Again));
        assert_eq!(numbers.take(u64::MAX), Step::Skips(u64::MAX - 20_002));
    }
}
