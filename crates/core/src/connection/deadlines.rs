//! What must have happened by when. The clock is the caller's.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Connection, Ended, Keepalive};
use crate::{
    error::{Error, Timeout},
    frame::Opcode,
};

/// The times at which something is due. Each is a word: a connection is held a million times.
#[derive(Debug)]
pub(super) struct Deadlines {
    /// What the times below count from.
    start: Instant,
    next_ping: Time,
    pong_by: Time,
    message_by: Time,
    close_by: Time,
    ping_sent: Time,
    round_trip: Time,
    ping_number: u32,
    /// Whether anything came since the last ping.
    pub(super) heard: bool,
}

/// Nanoseconds since the start, or [`NEVER`].
type Time = u64;

/// 584 years after the start.
const NEVER: Time = Time::MAX;

fn nanoseconds(duration: Duration) -> Time {
    Time::try_from(duration.as_nanos()).unwrap_or(NEVER)
}

impl Deadlines {
    pub(super) fn new(keepalive: Option<Keepalive>, now: Instant) -> Self {
        Self {
            start: now,
            next_ping: keepalive.map_or(NEVER, next_ping),
            pong_by: NEVER,
            message_by: NEVER,
            close_by: NEVER,
            ping_sent: NEVER,
            round_trip: NEVER,
            ping_number: 0,
            heard: false,
        }
    }

    fn time(&self, now: Instant) -> Time {
        nanoseconds(now.saturating_duration_since(self.start))
    }

    /// A message has begun; it has a deadline already if it began before.
    pub(super) fn message_began(&mut self, now: impl FnOnce() -> Instant, allowed: Duration) {
        if self.message_by == NEVER {
            self.message_by = self.time(now()).saturating_add(nanoseconds(allowed));
        }
    }

    pub(super) const fn message_ended(&mut self) {
        self.message_by = NEVER;
    }

    /// The connection has ended: nothing is due any more.
    pub(super) const fn end(&mut self) {
        (self.next_ping, self.pong_by, self.message_by, self.close_by) = (NEVER, NEVER, NEVER, NEVER);
    }

    /// The closing handshake has begun: its end is all that is due.
    pub(super) fn closing_began(&mut self, now: Instant, allowed: Duration) {
        self.end();
        self.close_by = self.time(now).saturating_add(nanoseconds(allowed));
    }

    pub(super) fn pong_came(&mut self, payload: &Bytes, now: impl Fn() -> Instant) {
        if self.ping_sent != NEVER && payload[..] == self.ping_number.to_be_bytes() {
            self.round_trip = self.time(now()) - self.ping_sent;
            self.ping_sent = NEVER;
        }
    }
}

/// ± 10 %, so that connections opened together don't ping together.
fn next_ping(keepalive: Keepalive) -> Time {
    nanoseconds(keepalive.ping_interval.mul_f64(rand::random_range(0.9..1.1)))
}

impl Connection {
    /// When [`handle_timeout`](Self::handle_timeout) is due next; ask again after every call.
    #[inline]
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let Deadlines { start, next_ping, pong_by, message_by, close_by, .. } = self.deadlines;
        let first = next_ping.min(pong_by).min(message_by).min(close_by);
        if first == NEVER { None } else { start.checked_add(Duration::from_nanos(first)) }
    }

    /// Does what is due: queues a Ping, or fails the connection.
    ///
    /// # Errors
    /// [`Error::Timeout`] with what didn't happen in time; a Close frame with its code has been queued.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        let time = self.deadlines.time(now);
        let due = |deadline: Time| deadline <= time;
        if due(self.deadlines.close_by) {
            self.end(Ended::new(false, false, None));
            return Err(Timeout::Close.into());
        }
        if due(self.deadlines.message_by) {
            return Err(self.fail(Timeout::Message.into()));
        }
        if due(self.deadlines.pong_by) {
            if !self.deadlines.heard {
                return Err(self.fail(Timeout::Pong.into()));
            }
            self.deadlines.pong_by = NEVER;
        }
        if due(self.deadlines.next_ping)
            && let Some(keepalive) = self.config.keepalive
        {
            self.keepalive_ping(keepalive, time);
        }
        Ok(())
    }

    /// Nothing has been read for reasons of this end, so that the peer's silence isn't held against it: call it before
    /// [`handle_timeout`](Self::handle_timeout).
    pub const fn excuse_silence(&mut self) {
        self.deadlines.heard = true;
        self.deadlines.message_by = NEVER;
    }

    fn keepalive_ping(&mut self, keepalive: Keepalive, time: Time) {
        let deadlines = &mut self.deadlines;
        deadlines.ping_number = deadlines.ping_number.wrapping_add(1);
        deadlines.ping_sent = time;
        deadlines.next_ping = time.saturating_add(next_ping(keepalive));
        if deadlines.heard || deadlines.pong_by == NEVER {
            deadlines.pong_by = time.saturating_add(nanoseconds(keepalive.ping_timeout));
            deadlines.heard = false;
        }
        let number = deadlines.ping_number.to_be_bytes();
        self.queue_control(Opcode::Ping, &number);
    }

    /// The time from the latest answered keepalive Ping to its Pong.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        match self.deadlines.round_trip {
            NEVER => None,
            time => Some(Duration::from_nanos(time)),
        }
    }
}
