//! One direction of a connection: what was read and is to be written, when, and how far. No I/O, and no clock of its own.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use tokio::time::Instant;

use super::End;
use super::faults::Shape;
use crate::random::Random;

/// Most reads that wait to be written: a delay keeps a time for each.
pub(super) const MAX_CHUNKS: usize = 1024;

/// Most bytes of one read.
pub(super) const READ_SIZE: usize = 16 << 10;

/// A limited rate is kept by so many writes a second.
const WRITES_PER_SECOND: u64 = 100;

/// How late a write may be for the next to make up for it: timers are, by a millisecond or so each.
pub(super) const MADE_UP: Duration = Duration::from_millis(10);

/// What was read at once.
#[derive(Debug)]
struct Chunk {
    bytes: Vec<u8>,
    due: Instant,
}

/// Whether what is received is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Passes,
    /// What is in the queue passes; bytes and end that come vanish, and are counted.
    Swallowed,
    /// There is nobody left to pass them to.
    Lost,
}

/// What to do about a flow now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing, until something is received.
    Nothing,
    /// Nothing before this time.
    Wait(Instant),
    /// Write [`Flow::output`], then tell [`Flow::wrote`].
    Write,
    /// End the writing side this way; it is told once.
    Finish(End),
    /// Cut the connection.
    Cut,
}

/// One direction of a connection.
///
/// ```text
///   receive ──→ chunk, chunk, …, end ──poll──→ Wait │ Write │ Finish │ Cut
///                  │
///                  └──→ swallowed, from where a black hole begins and for good
/// ```
/// After each call of anything else, [`poll`](Self::poll) says what to do.
#[derive(Debug)]
pub(super) struct Flow {
    shape: Shape,
    queue: VecDeque<Chunk>,
    /// Bytes in the queue, those of the first chunk that are written already left out.
    queued: usize,
    max_queued: usize,
    written_of_first: usize,
    /// When the latest chunk is due; nothing later may be due earlier.
    last_due: Instant,
    /// When the rate lets the next byte pass.
    free_at: Instant,
    /// Bytes written since the connection began.
    passed: u64,
    cut_at: Option<u64>,
    ended: Option<(Instant, End)>,
    finished: Option<End>,
    end_is_reset: bool,
    fate: Fate,
    swallowed: u64,
    random: Random,
}

impl Flow {
    pub(super) fn new(shape: Shape, max_queued: usize, cut_at: Option<u64>, random: Random, now: Instant) -> Self {
        Self {
            shape,
            queue: VecDeque::new(),
            queued: 0,
            max_queued,
            written_of_first: 0,
            last_due: now,
            free_at: now,
            passed: 0,
            cut_at,
            ended: None,
            finished: None,
            end_is_reset: false,
            fate: Fate::Passes,
            swallowed: 0,
            random,
        }
    }

    pub(super) const fn set_shape(&mut self, shape: Shape) {
        self.shape = shape;
    }

    /// How many bytes may be read now.
    pub(super) fn room(&self) -> usize {
        if self.ended.is_some() || self.queue.len() >= MAX_CHUNKS {
            return 0;
        }
        self.max_queued.saturating_sub(self.queued).min(READ_SIZE)
    }

    /// Takes bytes, in the order in which they were read.
    pub(super) fn receive(&mut self, now: Instant, bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self.fate {
            Fate::Passes => {
                let due = self.due(now, self.shape.jitter);
                self.queued += bytes.len();
                self.queue.push_back(Chunk { bytes, due });
            }
            Fate::Swallowed => self.swallowed += bytes.len() as u64,
            Fate::Lost => {}
        }
    }

    /// Takes the end of what the sender sends.
    pub(super) fn receive_end(&mut self, now: Instant, end: End) {
        let end = if self.end_is_reset { End::Reset } else { end };
        self.ended = Some((self.due(now, Duration::ZERO), end));
    }

    /// The sender is gone, though its end may still have to be read: that will be a reset.
    pub(super) const fn sender_lost(&mut self) {
        self.end_is_reset = true;
        if let Some((_, end)) = &mut self.ended {
            *end = End::Reset;
        }
    }

    /// The receiver is gone: what comes is thrown away.
    pub(super) fn receiver_lost(&mut self) {
        self.throw_away();
        if self.fate == Fate::Passes {
            self.fate = Fate::Lost;
        }
    }

    /// Bytes and end that come from here on vanish.
    pub(super) fn swallow(&mut self) {
        if self.fate == Fate::Passes {
            self.fate = Fate::Swallowed;
        }
    }

    /// What to do at this time.
    pub(super) fn poll(&mut self, now: Instant) -> Next {
        if self.cut_at == Some(self.passed) {
            return Next::Cut;
        }
        let has_something = !self.queue.is_empty() || self.ended.is_some();
        if has_something && self.shape.black_hole.is_some_and(|after| self.passed >= after) {
            self.swallowed += self.throw_away();
            self.swallow();
        }
        let (at, next) = match (self.queue.front(), self.ended) {
            (Some(chunk), _) => (chunk.due.max(self.free_at), Next::Write),
            (None, Some((due, end))) if self.fate == Fate::Passes && self.is_to_finish(end) => (due, Next::Finish(end)),
            _ => return Next::Nothing,
        };
        if at > now {
            return Next::Wait(at);
        }
        if let Next::Finish(end) = next {
            self.finished = Some(end);
        }
        next
    }

    /// What to write at once; empty unless [`poll`](Self::poll) said so.
    pub(super) fn output(&self) -> &[u8] {
        let Some(first) = self.queue.front() else { return &[] };
        let rest = &first.bytes[self.written_of_first..];
        let most = |bytes: Option<u64>| bytes.map_or(usize::MAX, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let len = rest
            .len()
            .min(if self.shape.one_byte_writes { 1 } else { usize::MAX })
            .min(most(self.shape.rate.map(|rate| (rate / WRITES_PER_SECOND).max(1))))
            .min(most(self.cut_at.map(|at| at.saturating_sub(self.passed))))
            .min(most(self.shape.black_hole.map(|after| after.saturating_sub(self.passed))));
        &rest[..len]
    }

    /// So many bytes of [`output`](Self::output) were written.
    pub(super) fn wrote(&mut self, now: Instant, bytes: usize) {
        self.passed += bytes as u64;
        self.queued -= bytes;
        self.written_of_first += bytes;
        if self.queue.front().is_some_and(|first| first.bytes.len() == self.written_of_first) {
            self.queue.pop_front();
            self.written_of_first = 0;
        }
        if let Some(rate) = self.shape.rate {
            // No other credit is saved up: a rate is the most that passes in any second.
            let nanos = (bytes as u64).saturating_mul(1_000_000_000) / rate;
            self.free_at = self.free_at.max(now.checked_sub(MADE_UP).unwrap_or(now)) + Duration::from_nanos(nanos);
        }
    }

    /// Whether each write is to be seen by itself.
    pub(super) const fn is_by_one_byte(&self) -> bool {
        self.shape.one_byte_writes
    }

    /// Whether nothing is left to read or to write.
    pub(super) fn is_done(&self) -> bool {
        self.finished.is_some() || self.fate != Fate::Passes && self.ended.is_some() && self.queue.is_empty()
    }

    /// Bytes swallowed since it was last asked.
    pub(super) const fn take_swallowed(&mut self) -> u64 {
        mem::replace(&mut self.swallowed, 0)
    }

    fn due(&mut self, now: Instant, jitter: Duration) -> Instant {
        let jitter = self.random.up_to(u64::try_from(jitter.as_nanos()).unwrap_or(u64::MAX));
        self.last_due = self.last_due.max(now + self.shape.delay + Duration::from_nanos(jitter));
        self.last_due
    }

    /// A reset may follow a FIN, and nothing follows a reset.
    fn is_to_finish(&self, end: End) -> bool {
        match self.finished {
            None => true,
            Some(End::Fin) => end == End::Reset,
            Some(End::Reset) => false,
        }
    }

    fn throw_away(&mut self) -> u64 {
        self.queue.clear();
        self.written_of_first = 0;
        mem::take(&mut self.queued) as u64
    }
}
