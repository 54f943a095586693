//! The log of a room: publications in order, bounded in count, bytes and age.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Instant,
};

use bowline_core::{Message, session::RoomNumber};

use super::{Epoch, Gap, GapReason, Position, Publication};
use crate::session::SessionId;

/// A publication in the log.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) offset: u64,
    at: Instant,
    /// `None` once it has been superseded.
    pub(super) message: Option<Message>,
    /// Boxed, because few have any.
    marks: Option<Box<Marks>>,
}

#[derive(Debug)]
struct Marks {
    key: Option<Arc<str>>,
    except: Option<SessionId>,
}

impl Entry {
    fn len(&self) -> usize {
        self.message.as_ref().map_or(0, Message::len)
    }

    /// Whom it passes over.
    pub(super) fn except(&self) -> Option<SessionId> {
        self.marks.as_ref().and_then(|marks| marks.except)
    }

    /// Whether every reader gets it.
    pub(super) fn is_for_all(&self) -> bool {
        self.message.is_some() && self.except().is_none()
    }

    pub(super) fn is_for(&self, reader: Option<SessionId>) -> bool {
        self.message.is_some() && self.except().is_none_or(|except| Some(except) != reader)
    }
}

/// Superseded entries that are left alone, so that a log of a few entries isn't gone over for each of them.
const MIN_SUPERSEDED: usize = 16;

/// How much a log may hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) count: usize,
    pub(super) bytes: usize,
}

/// Publications in order. Offsets begin at 1.
#[derive(Debug)]
pub(super) struct Log {
    epoch: Epoch,
    /// The epoch's short name.
    number: RoomNumber,
    /// The offset of the latest publication; 0 before the first.
    head: u64,
    /// In the order of their offsets. They are without holes unless superseded entries have been taken out.
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The latest publication that has left the log without having been superseded.
    lost: u64,
    /// Superseded entries that are still there.
    superseded: usize,
    /// Bytes of payload that were superseded since the last compaction, which may still stand in blocks.
    superseded_bytes: usize,
    /// The latest publication of each key, where that is what the room keeps.
    latest: Option<HashMap<Arc<str>, u64>>,
    /// What is in it are events of presence.
    pub(super) is_presence: bool,
}

impl Log {
    pub(super) fn new(number: RoomNumber, keep_latest: bool) -> Self {
        Self {
            epoch: Epoch::random(),
            number,
            head: 0,
            entries: VecDeque::new(),
            bytes: 0,
            lost: 0,
            superseded: 0,
            superseded_bytes: 0,
            latest: keep_latest.then(HashMap::new),
            is_presence: false,
        }
    }

    pub(super) fn of_presence(number: RoomNumber) -> Self {
        Self { is_presence: true, ..Self::new(number, false) }
    }

    pub(super) const fn number(&self) -> RoomNumber {
        self.number
    }

    pub(super) const fn head(&self) -> u64 {
        self.head
    }

    pub(super) const fn place(&self, offset: u64) -> Position {
        Position { epoch: self.epoch, offset }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Payload bytes that it holds.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The offset of the oldest entry; after the head if there is none.
    pub(super) fn first(&self) -> u64 {
        self.entries.front().map_or(self.head + 1, |entry| entry.offset)
    }

    /// The latest publication that nobody can get any more, unless it was superseded.
    pub(super) const fn lost(&self) -> u64 {
        self.lost
    }

    /// Appends a publication, after which the log may be past its bounds: [`trim`](Self::trim) it.
    pub(super) fn append(&mut self, publication: Publication, now: Instant) -> u64 {
        self.head += 1;
        let Publication { message, key, except, .. } = publication;
        if let Some(key) = &key {
            self.supersede(key);
        }
        self.bytes += message.len();
        let marks = (key.is_some() || except.is_some()).then(|| Box::new(Marks { key, except }));
        self.entries.push_back(Entry { offset: self.head, at: now, message: Some(message), marks });
        self.head
    }

    fn supersede(&mut self, key: &Arc<str>) {
        let Some(latest) = &mut self.latest else { return };
        let Some(before) = latest.insert(Arc::clone(key), self.head) else { return };
        if let Some(index) = self.index_of(before)
            && let Some(entry) = self.entries.get_mut(index)
            && entry.offset == before
            && let Some(message) = entry.message.take()
        {
            self.bytes -= message.len();
            self.superseded += 1;
            self.superseded_bytes += message.len();
        }
    }

    /// Drops what is past the bounds or older than `oldest`, the oldest first, but never the latest publication for its
    /// size alone. Says whether superseded entries were taken out from among others.
    pub(super) fn trim(&mut self, bounds: Bounds, oldest: Option<Instant>) -> bool {
        // Half of the entries go at a time, so that each publication pays for one.
        let is_sparse = self.superseded > MIN_SUPERSEDED && self.superseded * 2 >= self.entries.len();
        let compacts = is_sparse || self.superseded_bytes > bounds.bytes;
        if compacts {
            self.entries.retain(|entry| entry.message.is_some());
            self.superseded = 0;
            self.superseded_bytes = 0;
        }
        while let Some(first) = self.entries.front() {
            let over = self.living() > bounds.count || self.bytes > bounds.bytes;
            let expired = oldest.is_some_and(|oldest| first.at < oldest);
            if first.message.is_some() && !(expired || over && self.entries.len() > 1) {
                break;
            }
            self.drop_first();
        }
        compacts
    }

    /// Whether some entry that is still there has been superseded.
    pub(super) const fn has_superseded(&self) -> bool {
        self.superseded > 0
    }

    fn living(&self) -> usize {
        self.entries.len() - self.superseded
    }

    fn drop_first(&mut self) {
        let Some(first) = self.entries.pop_front() else { return };
        self.bytes -= first.len();
        if first.message.is_none() {
            self.superseded -= 1;
            return;
        }
        self.lost = first.offset;
        if let (Some(latest), Some(key)) = (&mut self.latest, first.marks.and_then(|marks| marks.key))
            && latest.get(&key) == Some(&first.offset)
        {
            latest.remove(&key);
        }
    }

    /// The offset of the last entry that a trim would drop after one of `len` bytes was appended; `None` if none.
    pub(super) fn last_in_the_way(&self, len: usize, bounds: Bounds) -> Option<u64> {
        let mut count = self.living() + 1;
        let mut bytes = self.bytes.saturating_add(len);
        let drops = self.entries.iter().filter(|entry| entry.message.is_some()).take_while(|entry| {
            let is_over = count > bounds.count || bytes > bounds.bytes;
            count -= 1;
            bytes -= entry.len();
            is_over
        });
        drops.last().map(|entry| entry.offset)
    }

    /// The first entry at or after `offset`, by its index.
    pub(super) fn index_of(&self, offset: u64) -> Option<usize> {
        let first = self.entries.front()?.offset;
        let guess = usize::try_from(offset.saturating_sub(first)).ok()?;
        match self.entries.get(guess) {
            Some(entry) if entry.offset == offset || guess == 0 => Some(guess),
            _ => {
                let index = self.entries.partition_point(|entry| entry.offset < offset);
                (index < self.entries.len()).then_some(index)
            }
        }
    }

    /// The entries from the one at `index` on.
    pub(super) fn from(&self, index: usize) -> impl Iterator<Item = &Entry> {
        self.entries.range(index.min(self.entries.len())..)
    }

    /// Where a reader begins that wants the last `count` publications.
    pub(super) fn last(&self, count: u64) -> u64 {
        let skip = self.living().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX));
        let begins = if self.superseded == 0 {
            self.entries.get(skip)
        } else {
            self.entries.iter().filter(|entry| entry.message.is_some()).nth(skip)
        };
        begins.map_or(self.head, |entry| entry.offset - 1)
    }

    /// Where a reader goes on that stood at `known`, of which the last `history` are for latecomers; and the gap.
    pub(super) fn resume(&self, known: Position, history: u64) -> (u64, Option<Gap>) {
        let oldest = self.last(history);
        let to = self.place(oldest);
        if known.epoch != self.epoch || known.offset > self.head {
            return (oldest, Some(Gap { from: known, to, reason: GapReason::Epoch }));
        }
        // Whoever knows the latest has missed nothing, however little is kept for latecomers.
        if known.offset < oldest && self.has_living_between(known.offset, oldest) {
            return (oldest, Some(Gap { from: known, to, reason: GapReason::Expired }));
        }
        (known.offset, None)
    }

    /// Whether a publication after `from`, up to `to`, is missed by whoever goes on after `to`: superseded ones aren't.
    fn has_living_between(&self, from: u64, to: u64) -> bool {
        from < self.lost
            || self.index_of(from + 1).is_some_and(|index| {
                self.from(index).take_while(|entry| entry.offset <= to).any(|entry| entry.message.is_some())
            })
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}
