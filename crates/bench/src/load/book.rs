//! What one client got of one source, exactly and in little memory.

use std::collections::VecDeque;
use std::ops::Range;

/// Holes that are remembered, in case what is missing comes late: 1,024. Past that the oldest is missing for good, and what comes of it
/// is counted as come once too often.
pub(super) const MAX_HOLES: usize = 1_024;

/// What a delivery was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// In its place, or after a hole.
    New,
    /// After a later one.
    Late,
    /// It had come already.
    Again,
}

/// The messages of one source that came.
#[derive(Debug)]
pub(super) struct Page {
    /// The client or room.
    pub(super) source: u32,
    /// The number after the highest that came.
    next: u64,
    /// What is missing below that; none at all mostly.
    holes: Option<Box<Holes>>,
}

#[derive(Debug, Default)]
struct Holes {
    open: VecDeque<Range<u64>>,
    /// Messages of those that were forgotten.
    given_up: u64,
}

impl Page {
    pub(super) const fn new(source: u32) -> Self {
        Self { source, next: 0, holes: None }
    }

    /// Enters a message.
    pub(super) fn enter(&mut self, number: u32) -> Kind {
        let number = u64::from(number);
        if number >= self.next {
            if number > self.next {
                self.holes.get_or_insert_default().push(self.next..number);
            }
            self.next = number + 1;
            return Kind::New;
        }
        let fills = self.holes.as_mut().is_some_and(|holes| holes.fill(number));
        if fills { Kind::Late } else { Kind::Again }
    }

    /// How many never came of the first `sent`.
    pub(super) fn missing(&self, sent: u64) -> u64 {
        sent.saturating_sub(self.next) + self.holes.as_ref().map_or(0, |holes| holes.count())
    }
}

impl Holes {
    fn push(&mut self, hole: Range<u64>) {
        if self.open.len() == MAX_HOLES
            && let Some(oldest) = self.open.pop_front()
        {
            self.given_up += oldest.end - oldest.start;
        }
        self.open.push_back(hole);
    }

    /// Takes a number out, if it is missing.
    fn fill(&mut self, number: u64) -> bool {
        let at = self.open.partition_point(|hole| hole.end <= number);
        let Some(hole) = self.open.get_mut(at).filter(|hole| hole.contains(&number)) else { return false };
        let after = number + 1..hole.end;
        hole.end = number;
        match (hole.is_empty(), after.is_empty()) {
            (true, true) => drop(self.open.remove(at)),
            (true, false) => *hole = after,
            (false, true) => {}
            // What is between two may make one too many: then the later part is given up.
            (false, false) if self.open.len() == MAX_HOLES => self.given_up += after.end - after.start,
            (false, false) => self.open.insert(at + 1, after),
        }
        true
    }

    fn count(&self) -> u64 {
        self.given_up + self.open.iter().map(|hole| hole.end - hole.start).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Kind::{Again, Late, New};

    fn enter(numbers: &[u32]) -> (Vec<Kind>, Page) {
        let mut page = Page::new(0);
        (numbers.iter().map(|&number| page.enter(number)).collect(), page)
    }

    #[test]
    fn each_fault_is_counted_once() {
        for (numbers, kinds, missing) in [
            (&[0, 1, 2, 3][..], &[New, New, New, New][..], 0),
            (&[0, 2, 3], &[New, New, New], 1),
            (&[0, 1, 1, 2, 3], &[New, New, Again, New, New], 0),
            (&[0, 2, 1, 3], &[New, New, Late, New], 0),
            (&[0, 2, 1, 1, 3], &[New, New, Late, Again, New], 0),
            (&[3, 1, 1, 0], &[New, Late, Again, Late], 1),
            (&[3, 0, 2, 1], &[New, Late, Late, Late], 0),
            (&[0, 1], &[New, New], 2),
            (&[], &[], 4),
        ] {
            let (found, page) = enter(numbers);
            assert_eq!((found.as_slice(), page.missing(4)), (kinds, missing), "{numbers:?}");
        }
    }

    #[test]
    fn a_hole_in_the_middle_makes_two() {
        let (_, mut page) = enter(&[9]);
        assert_eq!((page.enter(4), page.missing(10)), (Late, 8));
        assert_eq!([page.enter(3), page.enter(5), page.enter(4)], [Late, Late, Again]);
        assert_eq!([page.enter(0), page.enter(8)], [Late, Late]);
        assert_eq!(page.missing(10), 4);
    }

    #[test]
    fn holes_have_a_limit_and_what_is_missing_stays_exact() {
        let most = u32::try_from(MAX_HOLES).unwrap();
        for (holes, oldest) in [(most, Late), (most + 1, Again)] {
            let (_, mut page) = enter(&(0..holes).map(|n| 2 * n + 1).collect::<Vec<_>>());
            assert_eq!(page.missing(u64::from(2 * holes)), u64::from(holes));
            assert_eq!(page.enter(0), oldest, "{holes}");
            assert_eq!(page.missing(u64::from(2 * holes)), u64::from(holes) - u64::from(oldest == Late));
        }
        let (_, mut page) = enter(&(0..most).map(|n| 4 * n + 3).collect::<Vec<_>>());
        assert_eq!([page.enter(1), page.enter(2), page.enter(0)], [Late, Again, Late]);
        assert_eq!(page.missing(u64::from(4 * most)), u64::from(3 * most) - 2);
    }
}
