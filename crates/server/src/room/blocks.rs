//! Publications encoded once for all readers of a kind, in blocks that they share.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{
    Position,
    encoding::Encoding,
    log::{Entry, Log},
};
use crate::session::SessionId;

/// The most bytes of a block, unless a single publication has more. A member that stalls in the middle of a block keeps
/// it from being freed, so this bounds what a slow member costs.
pub(super) const MAX_BLOCK: usize = 64 << 10;

/// The blocks of one encoding, in the order of their offsets.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) encoding: Encoding,
    /// Members and readers that take it; without any it is dropped.
    pub(super) readers: usize,
    blocks: VecDeque<Block>,
}

/// Publications that were encoded together: as a rule those that came within one tick.
#[derive(Debug)]
struct Block {
    first: u64,
    /// The offset of the entry after the last.
    end: u64,
    bytes: Bytes,
    bounds: Box<[Bound]>,
    /// Every reader gets all of it, as far as is known.
    for_all: bool,
}

/// An entry's place in a block: from the end of the one before.
#[derive(Clone, Copy, Debug)]
struct Bound {
    offset: u64,
    end: usize,
}

/// Consecutive publications for a reader.
#[derive(Debug)]
pub(super) struct Run {
    /// Whole frames or events; empty if nothing up to `next` is for this reader.
    pub(super) bytes: Bytes,
    /// How many.
    pub(super) count: u32,
    /// Where to go on.
    pub(super) next: u64,
}

impl Variant {
    /// With its first reader.
    pub(super) const fn new(encoding: Encoding) -> Self {
        Self { encoding, readers: 1, blocks: VecDeque::new() }
    }

    /// Forgets blocks that nobody can ask for any more.
    pub(super) fn trim(&mut self, log: &Log) {
        let first = log.first();
        let gone = |block: &Block| block.end <= first;
        while self.blocks.front().is_some_and(gone) {
            self.blocks.pop_front();
        }
    }

    /// Forgets all blocks: what they hold besides has been superseded.
    pub(super) fn clear(&mut self) {
        self.blocks.clear();
    }

    /// How many blocks it has, and their bytes.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.blocks.len(), self.blocks.iter().map(|block| block.bytes.len()).sum())
    }

    /// What comes for `reader` at or after `offset`, which is not past the log's head.
    pub(super) fn read(&mut self, log: &Log, offset: u64, reader: Option<SessionId>) -> Run {
        let nothing = Run { bytes: Bytes::new(), count: 0, next: log.head() + 1 };
        let Some(index) = log.index_of(offset) else { return nothing };
        let Some(entry) = log.from(index).find(|entry| entry.is_for(reader)) else { return nothing };
        let at = match self.find(entry.offset) {
            Some(at) if entry.offset < self.blocks[at].end => at,
            before => {
                let at = before.map_or(0, |before| before + 1);
                let until = self.blocks.get(at).map_or(u64::MAX, |next| next.first);
                let block = encode(self.encoding, log, entry.offset, until);
                self.blocks.insert(at, block);
                at
            }
        };
        self.blocks[at].run(log, entry.offset, reader)
    }

    /// The last block that begins at `offset` or before, as a rule the latest. Others are found by halving: a reader that is
    /// far behind would else go over all blocks for each of them (threat S7).
    fn find(&self, offset: u64) -> Option<usize> {
        let begins = |block: &Block| block.first <= offset;
        if self.blocks.back().is_some_and(begins) {
            return Some(self.blocks.len() - 1);
        }
        self.blocks.partition_point(begins).checked_sub(1)
    }
}

fn encode(encoding: Encoding, log: &Log, offset: u64, until: u64) -> Block {
    let mut bytes = Vec::new();
    let mut bounds = Vec::new();
    let mut for_all = true;
    let mut end = offset;
    let entries = log.index_of(offset).map(|index| log.from(index)).into_iter().flatten();
    for entry in entries.take_while(|entry| entry.offset < until) {
        let Some(message) = &entry.message else { continue };
        if !bytes.is_empty() && bytes.len() + message.len() > MAX_BLOCK {
            break;
        }
        let before = bytes.len();
        encoding.encode(log.number(), entry_place(log, entry), message, &mut bytes);
        if before > 0 && bytes.len() > MAX_BLOCK {
            // By no more than its header, as a rule.
            bytes.truncate(before);
            break;
        }
        for_all &= entry.is_for_all();
        bounds.push(Bound { offset: entry.offset, end: bytes.len() });
        end = entry.offset + 1;
    }
    Block { first: offset, end, bytes: bytes.into(), bounds: bounds.into(), for_all }
}

/// The place that the wire names, so that a reader can come back to it; events of presence have none.
fn entry_place(log: &Log, entry: &Entry) -> Option<Position> {
    (!log.is_presence).then(|| log.place(entry.offset))
}

impl Block {
    /// From the entry at `offset` to the end of the block, or to the next entry that is not for `reader`.
    fn run(&self, log: &Log, offset: u64, reader: Option<SessionId>) -> Run {
        let from = self.bounds.partition_point(|bound| bound.offset < offset);
        let start = from.checked_sub(1).map_or(0, |before| self.bounds[before].end);
        let to =
            if self.for_all && !log.has_superseded() { self.bounds.len() } else { self.until_other(log, from, reader) };
        let end = to.checked_sub(1).map_or(start, |last| self.bounds[last].end.max(start));
        let next = if to == self.bounds.len() { self.end } else { self.bounds[to].offset };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an entry has a byte, and a block of several 64 KiB at most"
        )]
        let count = (to - from) as u32;
        Run { bytes: self.bytes.slice(start..end), count, next }
    }

    /// The first entry from `from` on that `reader` doesn't get.
    fn until_other(&self, log: &Log, from: usize, reader: Option<SessionId>) -> usize {
        let Some(index) = self.bounds.get(from).and_then(|bound| log.index_of(bound.offset)) else { return from };
        let mut entries = log.from(index).peekable();
        let bounds = self.bounds[from..].iter().take_while(|bound| {
            while entries.next_if(|entry| entry.offset < bound.offset).is_some() {}
            entries.peek().is_some_and(|entry| entry.offset == bound.offset && entry.is_for(reader))
        });
        from + bounds.count()
    }
}
