//! What has come, and when to say so.

use std::time::{Duration, Instant};

use super::Hole;

/// At the latest with so many records, those of rooms among them, a receiver acknowledges.
pub const ACK_RECORDS: u32 = 64;
/// At the latest with so many bytes of payload a receiver acknowledges.
pub const ACK_BYTES: usize = 64 << 10;
/// At the latest so long after the first record that it has not acknowledged, a receiver acknowledges.
pub const ACK_DELAY: Duration = Duration::from_secs(1);

/// One end's side of the other's direct stream: which number came last, and when it is to be acknowledged (section 5).
///
/// Over HTTP records have numbers, which are [`offer`](Self::offer)ed; on a WebSocket they count, from where its carrier was
/// [`attach`](Self::attach)ed. What is new is handled, and then counts as [`received`](Self::received), as do publications.
#[derive(Clone, Debug, Default)]
pub struct Intake {
    last: u64,
    /// The number of the last record of a carrier whose records have none of their own.
    counted: u64,
    pending: u32,
    pending_bytes: usize,
    /// When the first of what is pending came.
    since: Option<Instant>,
}

/// What a record's number says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// It is the next one, and counts as had from now on.
    New,
    /// It came before: pass it over.
    Duplicate,
    /// What is between is missing: of this carrier nothing more can be taken.
    Hole,
}

impl Intake {
    /// Nothing has come.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of the last record that came, 0 if none did.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// A carrier begins, on which records follow after the number `from` and have no numbers of their own.
    ///
    /// # Errors
    /// [`Hole`] where records between the last and `from` would be missing: the carrier can't be used.
    pub const fn attach(&mut self, from: u64) -> Result<(), Hole> {
        if from > self.last {
            return Err(Hole { last: self.last, from });
        }
        self.counted = from;
        Ok(())
    }

    /// A record without a number came on the carrier. That is never a hole; if it is new, its number is [`last`](Self::last).
    pub const fn next(&mut self) -> Offered {
        // At most one above `last`, and from 0 on that comes to the end of 64 bits only with as many records.
        self.counted = self.counted.saturating_add(1);
        self.offer(self.counted)
    }

    /// A record with a number came.
    pub const fn offer(&mut self, number: u64) -> Offered {
        if number <= self.last {
            return Offered::Duplicate;
        }
        if number - self.last > 1 {
            return Offered::Hole;
        }
        self.last = number;
        Offered::New
    }

    /// Counts a direct record or a publication of `bytes` of payload towards the next acknowledgement. Duplicates count too:
    /// that they come shows that the peer doesn't know. `now` is asked only for the first of what one acknowledges.
    pub fn received(&mut self, now: impl FnOnce() -> Instant, bytes: usize) {
        self.pending = self.pending.saturating_add(1);
        self.pending_bytes = self.pending_bytes.saturating_add(bytes);
        self.since.get_or_insert_with(now);
    }

    /// When to call [`take_ack`](Self::take_ack) next, if nothing else comes; that may be now, or have been before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let since = self.since?;
        let is_due = self.pending >= ACK_RECORDS || self.pending_bytes >= ACK_BYTES;
        Some(if is_due { since } else { since + ACK_DELAY })
    }

    /// The number of the last record, if an acknowledgement is due. Whoever takes it sends it; a client with the places of
    /// its rooms.
    pub fn take_ack(&mut self, now: Instant) -> Option<u64> {
        if self.poll_timeout()? > now {
            return None;
        }
        self.acked_now();
        Some(self.last)
    }

    /// What came is acknowledged by other means: by a cursor, or by `open`.
    pub const fn acked_now(&mut self) {
        (self.pending, self.pending_bytes, self.since) = (0, 0, None);
    }
}
