//! A WebSocket on a byte stream.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite};

use super::{closing::Closing, drive::Step, timer::Timer};
use crate::{
    Error, Message, SendError,
    buffer::Input,
    close::CloseFrame,
    connection::{Config, Connection, Ended, Event},
    handshake::Negotiated,
    message::{Outgoing, Piece},
};

/// The time, as tokio's clock tells it: a test may pause it.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// A WebSocket on any byte stream.
///
/// Pings are answered, keepalive is kept up and the closing handshake is done while one of its methods is awaited:
/// most of all [`recv`](Self::recv). An idle connection holds no buffer; it borrows its thread's while it works.
///
/// # Cancel safety
/// Every method may be dropped before it is done, and the connection goes on. What each of them leaves behind is said
/// with it.
#[derive(Debug)]
// In this order, so that what each message touches lies in few cache lines; a fan-out to many is as fast as these are few.
#[repr(C)]
pub struct WebSocket<IO> {
    pub(super) io: IO,
    pub(super) closing: Option<Box<Closing>>,
    /// Since when the transport has taken nothing of what waits.
    pub(super) stalled_since: Option<Instant>,
    /// Bytes may wait inside of `io`.
    pub(super) unflushed: bool,
    /// Something that was queued will never be written.
    pub(super) lost: bool,
    pub(super) connection: Connection,
    pub(super) input: Input,
    /// What came while a write had to wait.
    pub(super) parked: Option<Box<Event>>,
    pub(super) timer: Timer,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// A WebSocket on a stream whose opening handshake was done elsewhere; `unread` is what came after it.
    #[must_use]
    pub fn from_raw(io: IO, negotiated: &Negotiated, config: impl Into<Arc<Config>>, unread: BytesMut) -> Self {
        Self::new(io, negotiated, config.into(), Input::new(unread))
    }

    pub(super) fn new(io: IO, negotiated: &Negotiated, config: Arc<Config>, mut input: Input) -> Self {
        input.settle();
        Self {
            io,
            connection: Connection::new(negotiated, config, now()),
            input,
            parked: None,
            closing: None,
            timer: Timer::default(),
            stalled_since: None,
            unflushed: false,
            lost: false,
        }
    }

    /// The stream, and what came of it that has not been received. What waits to be written is lost: flush first.
    #[must_use]
    pub fn into_inner(self) -> (IO, BytesMut) {
        (self.io, self.input.into_unread())
    }

    /// The stream underneath. Reading from or writing to it breaks the WebSocket.
    pub const fn get_ref(&self) -> &IO {
        &self.io
    }

    /// The subprotocol that the opening handshake agreed on.
    pub fn subprotocol(&self) -> Option<&str> {
        self.connection.subprotocol()
    }

    /// How the connection ended, once it has.
    pub fn ended(&self) -> Option<&Ended> {
        self.connection.ended()
    }

    /// The time from the latest answered keepalive Ping to its Pong.
    pub const fn round_trip(&self) -> Option<Duration> {
        self.connection.round_trip()
    }

    /// The next message; `None` once the connection has ended in good order, as [`ended`](Self::ended) then tells.
    ///
    /// # Errors
    /// The connection failed: the peer broke the protocol or a limit, was silent for too long, or went away. The peer
    /// has been told where it could be. After the error, `None`.
    ///
    /// # Cancel safety
    /// Cancel safe: no message is lost, whole or in part.
    #[inline]
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        // What has come already needs no detour over a poll function.
        if let Some(message) = self.take_plain() {
            return Ok(Some(message));
        }
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The next event: a message, a Ping (already answered), a Pong, or the peer's Close; `None` after the end.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        poll_fn(|cx| self.poll_recv_event(cx)).await
    }

    /// The next piece of a message, as it comes, so that a message of any size needs no memory of that size; limits on
    /// the size of messages don't apply. A message that `recv` has begun to put together comes as one piece.
    ///
    /// Calling [`recv`](Self::recv) in the middle of a message discards its other pieces.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn recv_piece(&mut self) -> Result<Option<Piece>, Error> {
        poll_fn(|cx| self.poll_recv_piece(cx)).await
    }

    /// Sends a message: waits until there is room for it, and then until it is written, or until it will leave with the
    /// answer to a message that waits to be received ([`Config::autocork`]).
    ///
    /// # Errors
    /// The connection is closing or closed, and the message comes back; or it failed while writing.
    ///
    /// # Cancel safety
    /// If dropped while there is no room, the message is not sent. If dropped later, it leaves with the next call that
    /// writes; it is never sent in part.
    #[inline]
    pub async fn send(&mut self, message: impl Into<Outgoing>) -> Result<(), SendError<Outgoing>> {
        let mut message = message.into();
        if !self.has_room() {
            poll_fn(|cx| self.poll_room(cx)).await.map_err(SendError::failed)?;
        }
        if let Err(reason) = self.connection.send_from(&mut message) {
            return Err(SendError::new(reason, message));
        }
        if self.holds_back() {
            return Ok(());
        }
        poll_fn(|cx| self.poll_flush(cx)).await.map_err(SendError::failed)
    }

    /// Queues a message, once there is room for it (`max_write_buffer`), without writing it: [`flush`](Self::flush), or
    /// the next call that waits, does.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// If dropped before it is done, the message is not sent.
    #[inline]
    pub async fn feed(&mut self, message: impl Into<Outgoing>) -> Result<(), SendError<Outgoing>> {
        if !self.has_room() {
            poll_fn(|cx| self.poll_room(cx)).await.map_err(SendError::failed)?;
        }
        self.connection.send(message)
    }

    /// Sends a piece of a message, so that a message of any size needs no memory of that size. The pieces of a message
    /// follow each other, up to one that is the [`last`](Piece::last): nothing else can be sent between them.
    ///
    /// # Errors
    /// As [`send`](Self::send), and for a piece that doesn't go on from the one before, or isn't UTF-8 though text.
    ///
    /// # Cancel safety
    /// As [`send`](Self::send).
    pub async fn send_piece(&mut self, piece: Piece) -> Result<(), SendError<Piece>> {
        self.feed_piece(piece).await?;
        poll_fn(|cx| self.poll_flush(cx)).await.map_err(SendError::failed)
    }

    /// Queues a piece of a message, once there is room for it, without writing it. Unlike
    /// [`send_piece`](Self::send_piece), it tells the caller whether the piece went, even where it is dropped.
    ///
    /// # Errors
    /// As [`send_piece`](Self::send_piece).
    ///
    /// # Cancel safety
    /// If dropped before it is done, the piece is not sent: send it again.
    pub async fn feed_piece(&mut self, piece: Piece) -> Result<(), SendError<Piece>> {
        if !self.has_room() {
            poll_fn(|cx| self.poll_room(cx)).await.map_err(SendError::failed)?;
        }
        self.connection.send_piece(piece)
    }

    /// Sends a Ping of at most 125 bytes; its Pong comes as an [`Event::Pong`]. Keepalive sends its own.
    ///
    /// # Errors
    /// The connection is closing or closed, or the payload too long.
    ///
    /// # Cancel safety
    /// Cancel safe: once called, the Ping is on its way.
    pub async fn ping(&mut self, payload: impl Into<Bytes>) -> Result<(), SendError<Bytes>> {
        self.connection.ping(payload.into())?;
        poll_fn(|cx| self.poll_flush(cx)).await.map_err(SendError::failed)
    }

    /// Writes all that is queued.
    ///
    /// # Errors
    /// The connection failed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Closes the connection: sends Close, waits for the peer's (`close_timeout`), and ends the transport in good order.
    /// Messages that still come are discarded; to receive them, call [`start_close`](Self::start_close) and then
    /// [`recv`](Self::recv) until it gives `None`.
    ///
    /// # Errors
    /// The peer didn't answer, or the connection failed before it could.
    ///
    /// # Cancel safety
    /// Cancel safe: the closing handshake has begun, and goes on with the next call.
    pub async fn close(&mut self, frame: impl Into<Option<CloseFrame>>) -> Result<(), Error> {
        self.start_close(frame);
        poll_fn(|cx| self.poll_close(cx)).await
    }

    /// Begins the closing handshake: queues Close, after which nothing can be sent. Does nothing if it has begun.
    pub fn start_close(&mut self, frame: impl Into<Option<CloseFrame>>) {
        self.connection.close(frame.into().as_ref(), now());
    }

    /// [`recv`](Self::recv) as a poll function.
    #[inline]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        self.connection.receive_in_pieces(false);
        loop {
            if let Some(message) = self.take_plain() {
                return Poll::Ready(Ok(Some(message)));
            }
            match ready!(self.poll_step(cx))? {
                Step::Event(Event::Message(message)) => return Poll::Ready(Ok(Some(message))),
                Step::End => return Poll::Ready(Ok(None)),
                Step::Event(_) | Step::Again => {}
            }
        }
    }

    /// [`recv_event`](Self::recv_event) as a poll function.
    pub fn poll_recv_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, Error>> {
        self.connection.receive_in_pieces(false);
        self.poll_event(cx)
    }

    /// [`recv_piece`](Self::recv_piece) as a poll function.
    pub fn poll_recv_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Piece>, Error>> {
        self.connection.receive_in_pieces(true);
        loop {
            return Poll::Ready(Ok(match ready!(self.poll_event(cx))? {
                Some(Event::Piece(piece)) => Some(piece),
                Some(Event::Message(message)) => {
                    Some(Piece { kind: message.kind(), data: message.into_bytes(), last: true })
                }
                Some(_) => continue,
                None => None,
            }));
        }
    }

    /// [`flush`](Self::flush) as a poll function.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_drain(cx, 0)
    }

    /// [`close`](Self::close) as a poll function, after [`start_close`](Self::start_close).
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.connection.receive_in_pieces(true);
        while ready!(self.poll_event(cx))?.is_some() {}
        Poll::Ready(Ok(()))
    }

    /// A message that has come whole, if it is next and nothing else is going on.
    #[inline(always)]
    pub(super) fn take_plain(&mut self) -> Option<Message> {
        if self.input.is_empty() || self.parked.is_some() {
            return None;
        }
        let message = self.connection.receive_plain(&mut self.input)?;
        self.input.settle();
        Some(message)
    }

    /// Whether nothing more can come.
    pub(super) fn is_over(&self) -> bool {
        self.parked.is_none() && self.closing.as_ref().is_some_and(|closing| closing.is_done())
    }

    /// Whether another message may be queued.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        let limit = self.connection.config().limits.max_write_buffer;
        self.connection.output_len() < limit.max(1)
    }

    /// Waits until another message may be queued.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let limit = self.connection.config().limits.max_write_buffer;
        self.poll_drain(cx, limit.saturating_sub(1))
    }

    /// Whether what is queued may wait for the answer to a message that has come already.
    #[inline]
    fn holds_back(&self) -> bool {
        self.connection.config().autocork && self.connection.has_whole_message(&self.input) && self.has_room()
    }
}
