//! Sessions: what a handler sees of a client.

mod carried;
mod link;
mod memberships;
mod outbox;
mod shared;
mod unread;
mod wire;

use std::{
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

pub use bowline_core::session::SessionId;
use bowline_core::{
    CloseFrame, Error, Message, SendError, connection::Ended, error::SendErrorReason, message::Outgoing,
};
use futures_core::Stream;
use http::{Extensions, request::Parts};

use self::wire::Wants;
pub(crate) use self::{
    carried::{Attached, Came, Carried, Due, Posted, Reading, Socket, Times, append_superseded},
    link::Link,
    outbox::OutboxBounds,
    shared::Shared,
    unread::{Flow, Unread},
    wire::{Received, Wire, over_rate},
};
pub use self::{
    outbox::{DirectError, Overflow, Queued},
    shared::Joined,
};
use crate::{
    hub::Hub,
    room::{JoinError, Room, Seat, Start},
    signal::OUTBOX,
};

/// A client, as its handler sees it: messages come in order and go in order until the session ends.
///
/// What carries it is no matter: a raw WebSocket; or, for a client that speaks
/// [the session protocol](bowline_core::session::protocol), a WebSocket, Comet, long polling or polling, one after the other.
/// What follows is said of a connection; where a session goes from carrier to carrier, its own task does the same, and:
///
/// - It ends [`session_ttl`](crate::hub::HubBuilder::session_ttl) after its last carrier, with
///   [`Timeout::Carrier`](bowline_core::error::Timeout::Carrier); or where the client says so, or this end.
/// - [`send`](Self::send) waits while as much is kept as may be that the client has not acknowledged
///   ([`session_ring`](crate::hub::HubBuilder::session_ring)), and [`flush`](Self::flush) until a carrier was given all.
/// - As much may wait for a handler that does something else. What a client asks of rooms is done as it arrives, though messages
///   before it wait; joining and leaving by the handler is told to the client, too.
///
/// The connection's task runs the handler, writes what is sent and what is published in the rooms joined, answers Pings
/// and keeps the time, also while the handler waits for something else. It must not block, though: then all of that waits.
///
/// Up to 16 messages or 16 KiB wait for a handler that does something else, so that it doesn't hold up what the connection's
/// task does besides; past that nothing is read from the client until the handler receives.
///
/// The session ends when the handler returns (with close code 1000), when the client closes, or when the connection fails.
/// A handler that panics ends its own session with 1011.
pub struct Session {
    shared: Arc<Shared>,
    request: Option<Box<Parts>>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.shared.id).finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) const fn new(shared: Arc<Shared>, request: Option<Box<Parts>>) -> Self {
        Self { shared, request }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.shared.id
    }

    /// Who it is, as `authorize` found out.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.shared.identity.as_deref()
    }

    /// The hub that it belongs to.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    /// The request that opened it: target, headers, and the extensions that `authorize` left. `None` once it was taken.
    #[must_use]
    pub fn request(&self) -> Option<&Parts> {
        self.request.as_deref()
    }

    /// Takes the request out, so that an idle session doesn't hold its headers, a kilobyte or more.
    pub fn take_request(&mut self) -> Option<Box<Parts>> {
        self.request.take()
    }

    /// The extensions that `authorize` left; `None` once the request was taken.
    #[must_use]
    pub fn extensions(&self) -> Option<&Extensions> {
        self.request.as_ref().map(|request| &request.extensions)
    }

    /// The next message; `None` once the session has ended in good order, as [`ended`](Self::ended) then tells.
    ///
    /// # Errors
    /// The connection failed. After the error, `None`.
    ///
    /// # Cancel safety
    /// Cancel safe: no message is lost.
    #[inline]
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// [`recv`](Self::recv) as a poll function.
    #[inline]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        let mut wire = self.shared.wire();
        if let Some(taken) = wire.take() {
            wire.is_receiving = false;
            drop(wire);
            self.wake_unless_inside(cx);
            return Poll::Ready(taken);
        }
        if wire.receiver.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            wire.receiver = Some(cx.waker().clone());
        }
        wire.is_receiving = true;
        drop(wire);
        self.wake_unless_inside(cx);
        Poll::Pending
    }

    /// Sends a message: waits until there is room for it (`max_write_buffer`, or `session_ring`), and leaves it to the task,
    /// which writes it as soon as the handler waits; so the answers to what one read brought leave in one write.
    ///
    /// # Errors
    /// The session is closing or has ended: the message comes back.
    ///
    /// # Cancel safety
    /// If dropped before it is done, the message is not sent.
    #[inline]
    pub fn send(&self, message: impl Into<Outgoing>) -> impl Future<Output = Result<(), SendError<Outgoing>>> + Send {
        // No `async fn`, which would hold the message twice: as its argument and as what it becomes.
        let mut message = Some(message.into());
        poll_fn(move |cx| self.poll_send(&mut message, cx))
    }

    fn poll_send(&self, message: &mut Option<Outgoing>, cx: &mut Context<'_>) -> Poll<Result<(), SendError<Outgoing>>> {
        let mut wire = self.shared.wire();
        let size = message.as_ref().map_or(0, |message| message.message().len());
        if !wire.link.has_room(size) {
            wire.wait(Wants::Room(size), cx.waker());
            drop(wire);
            self.wake_unless_inside(cx);
            return Poll::Pending;
        }
        let sent = message.take().map_or(Ok(()), |message| wire.link.queue(message));
        drop(wire);
        self.wake_unless_inside(cx);
        Poll::Ready(sent)
    }

    /// Waits until all that was sent has been handed to the system.
    ///
    /// # Errors
    /// The session has ended.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn flush(&self) -> Result<(), SendError<()>> {
        poll_fn(|cx| {
            let mut wire = self.shared.wire();
            match wire.link.is_flushed() {
                None => return Poll::Ready(Err(SendError::rejected(SendErrorReason::Closed, ()))),
                Some(true) => return Poll::Ready(Ok(())),
                Some(false) => {}
            }
            wire.wait(Wants::Flushed, cx.waker());
            drop(wire);
            self.wake_unless_inside(cx);
            Poll::Pending
        })
        .await
    }

    /// Closes the session once what was sent and published to it has been written, for which it has
    /// [`flush_timeout`](crate::hub::HubBuilder::flush_timeout); what others send and publish from here on doesn't reach it. [`recv`](Self::recv) gives what still comes, and then `None`. Does nothing if it is closing
    /// already.
    pub fn close(&self, frame: impl Into<Option<CloseFrame>>) {
        self.shared.close(frame);
    }

    /// Joins a room: from here on what is published in it goes to the client, as messages.
    ///
    /// # Errors
    /// See [`JoinError`].
    pub fn join(&self, room: &Room, start: Start) -> Result<Joined, JoinError> {
        self.shared.join(room, start)
    }

    /// Joins a room at a place that was taken before.
    pub(crate) fn join_at(&self, seat: Seat) -> Result<(), JoinError> {
        self.shared.join_at(seat)
    }

    /// Leaves a room; whether it was in it. What has not been written of it is not sent.
    pub fn leave(&self, room: &Room) -> bool {
        self.shared.leave(room.name().as_str())
    }

    /// The rooms that it is in, in no order.
    #[must_use]
    pub fn rooms(&self) -> Vec<Room> {
        self.shared.rooms()
    }

    /// How it ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.shared.wire().ended.as_deref().cloned()
    }

    /// The time from the latest answered keepalive Ping to its Pong; `None` too where no WebSocket carries it.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.shared.wire().link.round_trip()
    }

    /// The application's subprotocol that the opening handshake agreed on; one that may go from carrier to carrier has none.
    #[must_use]
    pub fn subprotocol(&self) -> Option<String> {
        self.shared.wire().link.subprotocol().map(ToOwned::to_owned)
    }

    /// A handle for other tasks.
    #[must_use]
    pub fn handle(&self) -> SessionHandle {
        SessionHandle(Arc::clone(&self.shared))
    }

    /// Whoever isn't polled by the connection's task must wake it to have something done.
    #[inline]
    fn wake_unless_inside(&self, cx: &Context<'_>) {
        if !cx.waker().will_wake(&self.shared.handler_waker) {
            self.shared.signal.raise(OUTBOX);
        }
    }
}

/// Messages, as [`recv`](Session::recv) gives them.
impl Stream for Session {
    type Item = Result<Message, Error>;

    fn poll_next(self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(cx).map(Result::transpose)
    }
}

/// A session, for tasks other than its handler. Cheap to clone; it keeps the session's name, not its connection.
#[derive(Clone)]
pub struct SessionHandle(Arc<Shared>);

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionHandle").field("id", &self.0.id).finish_non_exhaustive()
    }
}

impl SessionHandle {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.0.id
    }

    /// Who it is, as `authorize` found out.
    #[must_use]
    pub fn identity(&self) -> Option<&str> {
        self.0.identity.as_deref()
    }

    /// Sends a message without waiting, through the session's outbox.
    ///
    /// # Errors
    /// The outbox is full (see [`Overflow`]), or the session is closing or has ended: the message comes back.
    pub fn send(&self, message: impl Into<Outgoing>) -> Result<Queued, DirectError> {
        self.0.direct(message.into())
    }

    /// As [`Session::join`].
    ///
    /// # Errors
    /// See [`JoinError`].
    pub fn join(&self, room: &Room, start: Start) -> Result<Joined, JoinError> {
        self.0.join(room, start)
    }

    /// As [`Session::leave`].
    pub fn leave(&self, room: &Room) -> bool {
        self.0.leave(room.name().as_str())
    }

    /// The rooms that it is in, in no order.
    #[must_use]
    pub fn rooms(&self) -> Vec<Room> {
        self.0.rooms()
    }

    /// As [`Session::close`]. A client that takes what waits for it slowly puts its Close off for up to `flush_timeout`;
    /// [`abort`](Self::abort) doesn't wait for it.
    pub fn close(&self, frame: impl Into<Option<CloseFrame>>) {
        self.0.close(frame);
    }

    /// Drops the connection where it stands: nothing that waits is sent, and no Close. [`Session::recv`] gives what came
    /// before, and then an error.
    pub fn abort(&self) {
        self.0.abort();
    }
}
