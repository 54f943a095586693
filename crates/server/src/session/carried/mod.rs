//! A session that goes from carrier to carrier (`bowline.v1`).
//!
//! ```text
//!                 ┌── ring ────────┐
//! handler, answers┤                ├──► WebSocket, by the session's task
//!                 │                ├──► response, by whoever polls its body
//! rooms' logs ────┘ (cursors only) ┘
//!                                       POST, WebSocket ──► intake ──► handler, commands
//! ```
//! There is one carrier at a time, and attaching another one supersedes it. Whatever it was given stays, in the ring or in the
//! rooms' logs, until the client has acknowledged it.

mod attach;
mod commands;
mod post;
mod read;
mod sent;
mod socket;

use std::{task::Waker, time::Duration};

use bowline_core::{
    CloseFrame, SendError,
    connection::Ended,
    error::SendErrorReason,
    message::Outgoing,
    session::{Carrier, Endpoint, RingBounds, ServerRecord},
};
use tokio::time::Instant;

use self::sent::Sent;
pub(crate) use self::{
    attach::Attached,
    post::Posted,
    read::{Reading, append_superseded},
    socket::{Came, Socket},
};
use super::{Shared, Unread, unread::Flow};
use crate::room::Encoding;

/// What a session is that goes from carrier to carrier; behind the lock of its wire.
pub(crate) struct Carried {
    ends: Endpoint<Sent>,
    /// The latest carrier.
    carrier: Carrier,
    by: By,
    /// How the latest carrier gets publications.
    encoding: Option<Encoding>,
    unread: Unread,
    closing: Option<Box<Closing>>,
    /// The client wants it to end, and since when: the handler may still answer what came before.
    asked: Option<Box<Asked>>,
    /// Since when the client has acknowledged so little that the ring is full.
    full_since: Option<Instant>,
    /// Nobody waits in a room for what it has not read.
    is_left_behind: bool,
}

/// What carries it.
enum By {
    /// Nothing, since then.
    Nothing(Instant),
    /// A response, and who waits for something to put into it.
    Response(Option<Waker>),
    WebSocket(Box<Socket>),
}

/// The client has sent `close`.
struct Asked {
    frame: CloseFrame,
    since: Instant,
    /// The handler has received that, after all that came before.
    is_received: bool,
}

/// How it ends: the record `close` is the ring's last.
struct Closing {
    frame: CloseFrame,
    by_peer: bool,
    since: Instant,
    /// The present carrier has it.
    is_given: bool,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    Nothing,
    /// Publishers that wait for it are to wait no more.
    LeaveBehind,
    /// The client has acknowledged nothing for too long.
    Stalled,
    /// It was without a carrier for too long.
    Expired,
    /// Its end was told, and the client had time enough to say that it knows.
    Over,
}

/// How long a session lives in which nothing happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) ttl: Duration,
    /// How long publishers wait for it.
    pub(crate) patience: Duration,
    /// How long a handler may answer what came before a client's `close`.
    pub(crate) flush: Duration,
}

/// The last record that the client has, or the carrier was given: the client may have acknowledged more by another way.
fn given(ends: &Endpoint<Sent>, carrier: &Carrier) -> u64 {
    carrier.sent().max(ends.ring.acked())
}

/// How long a ring may be full without an acknowledgement.
const MAX_STALL: Duration = Duration::from_secs(60);

impl Carried {
    /// A new one, without a carrier.
    pub(crate) fn new(bounds: RingBounds) -> Option<Self> {
        let mut ends = Endpoint::new(bounds);
        let carrier = ends.attach(0, 0).ok()?;
        Some(Self {
            ends,
            carrier,
            by: By::Nothing(Instant::now()),
            encoding: None,
            unread: Unread::default(),
            closing: None,
            asked: None,
            full_since: None,
            is_left_behind: false,
        })
    }

    /// Whether the ring has room for a message of `size` bytes; where none may be sent any more it may, and fails.
    pub(super) fn has_room(&self, size: usize) -> bool {
        self.is_shut() || self.ends.ring.has_room(size)
    }

    /// Whether the handler may send no more: it closes, or has received that its client is done.
    pub(crate) fn is_shut(&self) -> bool {
        self.closing.is_some() || self.asked.as_deref().is_some_and(|asked| asked.is_received)
    }

    pub(super) fn send(&mut self, message: Outgoing) -> Result<(), SendError<Outgoing>> {
        if self.is_shut() {
            return Err(SendError::rejected(SendErrorReason::Closed, message));
        }
        self.ends.ring.push(Sent::Message(message));
        Ok(())
    }

    /// Sends from the outbox what the ring takes; whether that is all.
    pub(crate) fn send_from(&mut self, outbox: &mut super::outbox::Outbox) -> bool {
        while self.closing.is_none()
            && let Some(len) = outbox.next_len()
            && self.ends.ring.has_room(len)
            && let Some(message) = outbox.take()
        {
            self.ends.ring.push(Sent::Message(message));
        }
        outbox.is_empty()
    }

    /// An answer, or what the application did; nothing once the end was told.
    fn tell(&mut self, record: ServerRecord) {
        if self.closing.is_none() {
            self.ends.ring.push(Sent::Record(Box::new(record)));
        }
    }

    /// The number that the next record gets.
    fn next_number(&self) -> u64 {
        self.ends.ring.last() + 1
    }

    /// Whether all that was sent has been given to a carrier, and this has written it.
    pub(super) fn is_flushed(&self) -> bool {
        let is_written = if let By::WebSocket(socket) = &self.by { socket.ws.is_flushed() } else { true };
        self.given() >= self.last_before_close() && is_written
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        if let By::WebSocket(socket) = &self.by { socket.ws.round_trip() } else { None }
    }

    /// The end is told once all else is; nothing comes after it.
    pub(crate) fn close(&mut self, frame: CloseFrame) {
        self.start_closing(frame, false);
    }

    /// The client has said that it is done. What it sent before is still received, and may be answered.
    fn ask_to_close(&mut self, frame: CloseFrame) {
        if self.closing.is_none() {
            self.asked.get_or_insert_with(|| Box::new(Asked { frame, since: Instant::now(), is_received: false }));
        }
    }

    /// The handler has all that came before the client's `close`, and knows of that.
    pub(crate) fn receive_close(&mut self) {
        if let Some(asked) = &mut self.asked {
            asked.is_received = true;
        }
    }

    /// Answers the client's `close`, if it has sent one. Whether it has.
    pub(crate) fn answer_close(&mut self) -> bool {
        let asked = self.asked.take();
        asked.map(|asked| self.start_closing(asked.frame, true)).is_some()
    }

    /// Whether the client's `close` has waited as long as it may for the handler to receive what came before.
    pub(crate) fn is_close_overdue(&self, times: Times) -> bool {
        self.asked.as_deref().is_some_and(|asked| asked.since.elapsed() >= times.flush)
    }

    fn start_closing(&mut self, frame: CloseFrame, by_peer: bool) {
        self.asked = None;
        if self.closing.is_none() {
            self.ends.ring.push(Sent::Record(Box::new(ServerRecord::Close(frame.clone()))));
            self.closing = Some(Box::new(Closing { frame, by_peer, since: Instant::now(), is_given: false }));
        }
    }

    /// Nothing of what was sent is wanted any more.
    fn forget_all(&mut self) {
        // It isn't ahead of itself.
        let _ = self.ends.ring.ack(self.ends.ring.last());
    }

    pub(crate) const fn is_closing(&self) -> bool {
        self.closing.is_some()
    }

    /// What the client closed with, if it has.
    pub(crate) fn closed_by_peer(&self) -> Option<&CloseFrame> {
        let answered = self.closing.as_deref().filter(|closing| closing.by_peer).map(|closing| &closing.frame);
        answered.or_else(|| self.asked.as_deref().map(|asked| &asked.frame))
    }

    /// Whether nothing is sent any more because the client is done.
    pub(super) fn is_shut_by_peer(&self) -> bool {
        self.is_shut() && self.closed_by_peer().is_some()
    }

    /// How it has ended, once its client knows of that.
    pub(crate) fn ended(&self) -> Option<Ended> {
        let closing = self.closing.as_ref().filter(|_| self.ends.ring.is_empty())?;
        Some(Ended::new(closing.by_peer, true, Some(closing.frame.clone())))
    }

    /// The last record that the client has, or the carrier was given.
    fn given(&self) -> u64 {
        given(&self.ends, &self.carrier)
    }

    /// The last record but `close`, which waits for the rooms.
    fn last_before_close(&self) -> u64 {
        self.ends.ring.last() - u64::from(self.closing.is_some())
    }

    /// Takes note of what the session's signal says of rooms.
    pub(crate) const fn note(&mut self, bits: u64) {
        self.unread.note(bits);
    }

    /// All rooms may have something.
    pub(crate) fn note_rooms(&mut self, shared: &Shared) {
        shared.note_places(&mut self.unread);
    }

    /// Whether there is nothing to be done for a WebSocket but to wait for what comes.
    pub(crate) fn is_settled(&self) -> bool {
        match &self.by {
            By::WebSocket(socket) => socket.ws.is_flushed() && socket.ws.may_send(),
            By::Nothing(_) | By::Response(_) => true,
        }
    }

    /// Whether a carrier would be given something.
    fn has_output(&self) -> bool {
        self.given() < self.last_before_close()
            || !self.unread.is_empty()
            || self.closing.as_ref().is_some_and(|closing| !closing.is_given)
    }

    /// Wakes the response, if there is something for it.
    pub(crate) fn wake_response(&mut self) {
        if self.has_output()
            && let By::Response(waker) = &mut self.by
            && let Some(waker) = waker.take()
        {
            waker.wake();
        }
    }

    /// When [`due`](Self::due) is to be asked next.
    pub(crate) fn deadline(&self, times: Times) -> Option<Instant> {
        let unattended = match self.by {
            By::Nothing(since) if self.is_left_behind => since.checked_add(times.ttl),
            By::Nothing(since) => since.checked_add(times.patience.min(times.ttl)),
            By::Response(_) | By::WebSocket(_) => None,
        };
        let ack = match &self.by {
            By::WebSocket(socket) if socket.ws.can_queue() => self.ends.intake.poll_timeout().map(Instant::from_std),
            By::WebSocket(_) | By::Nothing(_) | By::Response(_) => None,
        };
        let stalled = self.full_since.filter(|_| self.is_attended()).and_then(|since| since.checked_add(MAX_STALL));
        let closing = self.closing.as_ref().and_then(|closing| closing.since.checked_add(times.ttl));
        let asked = self.asked.as_deref().and_then(|asked| asked.since.checked_add(times.flush));
        [unattended, ack, stalled, closing, asked].into_iter().flatten().min()
    }

    /// Whether nothing carries it.
    pub(super) const fn is_away(&self) -> bool {
        matches!(self.by, By::Nothing(_))
    }

    /// Whether there is a carrier, or was a moment ago, as between two polls.
    const fn is_attended(&self) -> bool {
        !(self.is_away() && self.is_left_behind)
    }

    /// What is due `now`. `is_wanted` tells that something waits for room in the ring.
    pub(crate) fn due(&mut self, now: Instant, is_wanted: bool, times: Times) -> Due {
        let is_past = |since: Instant, wait: Duration| now.saturating_duration_since(since) >= wait;
        match &self.closing {
            Some(closing) if is_past(closing.since, times.ttl) => return Due::Over,
            Some(_) => self.full_since = None,
            None if !is_wanted && self.ends.ring.has_room(1) => self.full_since = None,
            // Without a carrier nobody can acknowledge: its own time bounds that.
            None if is_past(*self.full_since.get_or_insert(now), MAX_STALL) && self.is_attended() => {
                return Due::Stalled;
            }
            None => {}
        }
        match self.by {
            By::Nothing(since) if is_past(since, times.ttl) => Due::Expired,
            By::Nothing(since) if !self.is_left_behind && is_past(since, times.patience) => {
                self.is_left_behind = true;
                Due::LeaveBehind
            }
            By::Nothing(_) | By::Response(_) | By::WebSocket(_) => Due::Nothing,
        }
    }

    /// Lets go of the carrier: a response ends, a WebSocket is dropped where it stands.
    pub(super) fn let_go(self) {
        if let By::Response(Some(waker)) = self.by {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use bowline_core::CloseCode;

    use super::*;

    /// As when the application has it leave a room just then.
    #[test]
    fn what_is_told_after_a_clients_close_does_not_undo_it() {
        let mut carried = Carried::new(RingBounds { records: 10, bytes: 1_000 }).unwrap();
        carried.ask_to_close(CloseCode::NORMAL_CLOSURE.into());
        carried.tell(ServerRecord::Left { to: None, room: "a".into() });
        assert!(carried.closed_by_peer().is_some() && carried.answer_close());
        // What waits for nothing, a DELETE for instance, leaves no close to be answered.
        let mut carried = Carried::new(RingBounds { records: 10, bytes: 1_000 }).unwrap();
        carried.ask_to_close(CloseCode::NORMAL_CLOSURE.into());
        carried.start_closing(CloseCode::GOING_AWAY.into(), false);
        assert!(carried.closed_by_peer().is_none() && !carried.answer_close());
    }
}
