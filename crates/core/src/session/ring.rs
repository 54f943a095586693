//! What was sent and is not acknowledged.

use std::collections::VecDeque;

use super::{AheadOfSent, Record};

/// How much a [`Ring`] holds at most: by default 1,024 records and 256 KiB of payload ([`Record::size`]).
///
/// Where either is reached the sender waits; nothing is dropped. One record always fits, whatever its size: so a ring's worst
/// is the larger of `bytes` and one message, and up to 96 bytes for each of twice `records`, since it grows by doubling. It
/// can't be turned off, but `usize::MAX` comes to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingBounds {
    /// The most records.
    pub records: usize,
    /// The most bytes of payload.
    pub bytes: usize,
}

impl Default for RingBounds {
    fn default() -> Self {
        Self { records: 1024, bytes: 256 << 10 }
    }
}

/// What a [`Ring`] holds: a [`Record`], or an end's own form of one.
pub trait Kept {
    /// What it counts for, in bytes of payload.
    fn weight(&self) -> usize;
}

impl<R: Record> Kept for R {
    fn weight(&self) -> usize {
        self.size()
    }
}

/// One end's records in their order, from the first that the peer has not acknowledged. Empty, it owns no memory.
#[derive(Clone, Debug)]
pub struct Ring<R> {
    bounds: RingBounds,
    /// The number of the last that was acknowledged; the next is the first that is kept.
    acked: u64,
    bytes: usize,
    records: VecDeque<R>,
}

impl<R: Kept> Ring<R> {
    /// An empty one, whose first record gets the number 1.
    #[must_use]
    pub const fn new(bounds: RingBounds) -> Self {
        Self { bounds, acked: 0, bytes: 0, records: VecDeque::new() }
    }

    /// The number of the last record, 0 if there was none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.acked + self.records.len() as u64
    }

    /// The number of the last record that was acknowledged, 0 if none was.
    #[must_use]
    pub const fn acked(&self) -> u64 {
        self.acked
    }

    /// How many records wait to be acknowledged.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether all are acknowledged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The payload of what waits to be acknowledged.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there is room for one more of `size` bytes.
    #[must_use]
    pub fn has_room(&self, size: usize) -> bool {
        let fits = self.bytes.saturating_add(size) <= self.bounds.bytes;
        self.is_empty() || (fits && self.records.len() < self.bounds.records)
    }

    /// Adds a record and gives its number; whoever calls it has asked [`has_room`](Self::has_room). It goes past the bounds
    /// only for the record `close`, the last of a session, which never waits.
    pub fn push(&mut self, record: R) -> u64 {
        self.bytes += record.weight();
        self.records.push_back(record);
        self.last()
    }

    /// The peer has all up to `number`: they are forgotten. A number behind one that was acknowledged is passed over.
    ///
    /// # Errors
    /// [`AheadOfSent`] for a number that no record has; nothing has changed then.
    pub fn ack(&mut self, number: u64) -> Result<(), AheadOfSent> {
        let last = self.last();
        if number > last {
            return Err(AheadOfSent { acked: number, last });
        }
        while self.acked < number
            && let Some(record) = self.records.pop_front()
        {
            self.acked += 1;
            self.bytes -= record.weight();
        }
        if self.records.is_empty() {
            self.records = VecDeque::new();
        }
        Ok(())
    }

    /// The first record after `number` that is kept, with its number.
    pub fn next_after(&self, number: u64) -> Option<(u64, &R)> {
        let skipped = usize::try_from(number.saturating_sub(self.acked)).ok()?;
        self.records.get(skipped).map(|record| (self.acked + skipped as u64 + 1, record))
    }

    /// The records after `number` that are kept, in order, with their numbers.
    pub fn after(&self, number: u64) -> impl Iterator<Item = (u64, &R)> {
        let from = number.clamp(self.acked, self.last());
        // As many as there are at most.
        let skipped = usize::try_from(from - self.acked).unwrap_or(self.records.len());
        (from + 1..).zip(self.records.range(skipped..))
    }
}
