//! What must have happened by when. The clock is the caller's.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Connection, Ended, Keepalive, State};
use crate::{
    error::{Error, Timeout},
    frame::Opcode,
};

/// The times at which something is due.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    /// Whether anything came since the last ping.
    pub(super) heard: bool,
    next_ping: Option<Instant>,
    pong_by: Option<Instant>,
    message_by: Option<Instant>,
    close_by: Option<Instant>,
    /// The earliest of these.
    first: Option<Instant>,
    ping: Option<(u32, Instant)>,
    round_trip: Option<Duration>,
}

impl Deadlines {
    pub(super) fn new(keepalive: Option<Keepalive>, now: Instant) -> Self {
        let next_ping = keepalive.and_then(|keepalive| next_ping(keepalive, now));
        Self { next_ping, first: next_ping, ..Self::default() }
    }

    /// Finds the earliest, after any of them has changed.
    fn sort(&mut self) {
        self.first = [self.next_ping, self.pong_by, self.message_by, self.close_by].into_iter().flatten().min();
    }

    /// A message has begun; it has a deadline already if it began before.
    pub(super) fn message_began(&mut self, deadline: impl FnOnce() -> Option<Instant>) {
        if self.message_by.is_none() {
            self.message_by = deadline();
            self.sort();
        }
    }

    pub(super) fn message_ended(&mut self) {
        if self.message_by.take().is_some() {
            self.sort();
        }
    }

    /// The connection has ended: nothing is due any more.
    pub(super) fn end(&mut self) {
        *self = Self { round_trip: self.round_trip, ..Self::default() };
    }

    pub(super) fn close_by(&mut self, deadline: Option<Instant>) {
        self.end();
        self.close_by = deadline;
        self.sort();
    }

    pub(super) fn pong_came(&mut self, payload: &Bytes, now: impl Fn() -> Instant) {
        if let Some((number, sent)) = self.ping
            && payload[..] == number.to_be_bytes()
        {
            self.round_trip = Some(now().saturating_duration_since(sent));
            self.ping = None;
        }
    }
}

/// ± 10 %, so that connections opened together don't ping together.
fn next_ping(keepalive: Keepalive, now: Instant) -> Option<Instant> {
    now.checked_add(keepalive.ping_interval.mul_f64(rand::random_range(0.9..1.1)))
}

impl Connection {
    /// When [`handle_timeout`](Self::handle_timeout) is due next; ask again after every call.
    #[inline]
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first
    }

    /// Does what is due: queues a Ping, or fails the connection.
    ///
    /// # Errors
    /// [`Error::Timeout`] with what didn't happen in time; a Close frame with its code has been queued.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        let due = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if due(self.deadlines.close_by) {
            self.state = State::Closed;
            self.deadlines.end();
            self.ended = Some(Box::new(Ended { by_peer: false, clean: false, frame: None }));
            return Err(Timeout::Close.into());
        }
        if due(self.deadlines.message_by) {
            return Err(self.fail(Timeout::Message.into()));
        }
        if due(self.deadlines.pong_by) {
            if !self.deadlines.heard {
                return Err(self.fail(Timeout::Pong.into()));
            }
            self.deadlines.pong_by = None;
        }
        if due(self.deadlines.next_ping)
            && let Some(keepalive) = self.config.keepalive
        {
            self.keepalive_ping(keepalive, now);
        }
        self.deadlines.sort();
        Ok(())
    }

    /// Nothing has been read for reasons of this end, so that the peer's silence isn't held against it: call it before
    /// [`handle_timeout`](Self::handle_timeout).
    pub const fn excuse_silence(&mut self) {
        self.deadlines.heard = true;
        self.deadlines.message_by = None;
    }

    fn keepalive_ping(&mut self, keepalive: Keepalive, now: Instant) {
        let number = self.deadlines.ping.map_or(0, |(number, _)| number).wrapping_add(1);
        self.deadlines.ping = Some((number, now));
        self.deadlines.next_ping = next_ping(keepalive, now);
        if self.deadlines.heard || self.deadlines.pong_by.is_none() {
            self.deadlines.pong_by = now.checked_add(keepalive.ping_timeout);
            self.deadlines.heard = false;
        }
        self.queue_control(Opcode::Ping, &number.to_be_bytes());
    }

    /// The time from the latest answered keepalive Ping to its Pong.
    #[must_use]
    pub const fn round_trip(&self) -> Option<Duration> {
        self.deadlines.round_trip
    }
}
