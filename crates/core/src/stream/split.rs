//! The two halves of a WebSocket, for two tasks.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::WebSocket;
use crate::{
    Error, Message,
    close::CloseFrame,
    connection::{Ended, Event},
    error::SendError,
    message::{Outgoing, Piece},
};

/// The half that sends. Each call locks the WebSocket for the length of one poll, never while it waits.
#[derive(Debug)]
pub struct Sender<IO>(Arc<Shared<IO>>);

/// The half that receives. It must be awaited for the connection to live: it answers Pings, keeps the time, and ends
/// the closing handshake.
#[derive(Debug)]
pub struct Receiver<IO>(Arc<Shared<IO>>);

#[derive(Debug)]
struct Shared<IO> {
    socket: Mutex<WebSocket<IO>>,
    waiting: Arc<Waiting>,
    waker: Waker,
}

/// A byte stream remembers one waker a direction, but either half may wait for either direction: so it is given this,
/// which wakes both.
#[derive(Debug, Default)]
struct Waiting(Mutex<[Option<Waker>; 2]>);

#[derive(Clone, Copy)]
enum Half {
    Sender,
    Receiver,
}

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, [Option<Waker>; 2]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Waiting {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let waiting = std::mem::take(&mut *self.lock());
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

impl<IO> Shared<IO> {
    fn lock(&self) -> MutexGuard<'_, WebSocket<IO>> {
        // A panic inside a poll leaves the machine in some state that it checks like any other.
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll<T>(
        &self,
        half: Half,
        cx: &Context<'_>,
        poll: impl FnOnce(&mut WebSocket<IO>, &mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.waiting.lock()[half as usize] = Some(cx.waker().clone());
        poll(&mut self.lock(), &mut Context::from_waker(&self.waker))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// Splits into two halves that two tasks can own. They can't deadlock: neither holds a lock while it waits, and a
    /// half that waits to write goes on reading what keeps the connection alive.
    #[must_use]
    pub fn split(self) -> (Sender<IO>, Receiver<IO>) {
        let waiting = Arc::new(Waiting::default());
        let waker = Waker::from(Arc::clone(&waiting));
        let shared = Arc::new(Shared { socket: Mutex::new(self), waiting, waker });
        (Sender(Arc::clone(&shared)), Receiver(shared))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Sender<IO> {
    /// Sends a message, and waits until it is written.
    ///
    /// # Errors
    /// As [`WebSocket::send`].
    ///
    /// # Cancel safety
    /// As [`WebSocket::send`].
    pub async fn send(&mut self, message: impl Into<Outgoing>) -> Result<(), SendError<Outgoing>> {
        self.feed(message).await?;
        self.flush().await.map_err(SendError::failed)
    }

    /// Queues a message, once there is room for it, without writing it.
    ///
    /// # Errors
    /// As [`WebSocket::feed`].
    ///
    /// # Cancel safety
    /// As [`WebSocket::feed`].
    pub async fn feed(&mut self, message: impl Into<Outgoing>) -> Result<(), SendError<Outgoing>> {
        poll_fn(|cx| self.poll_room(cx)).await.map_err(SendError::failed)?;
        self.0.lock().connection.send(message)
    }

    /// Sends a piece of a message.
    ///
    /// # Errors
    /// As [`WebSocket::send_piece`].
    ///
    /// # Cancel safety
    /// As [`WebSocket::send_piece`].
    pub async fn send_piece(&mut self, piece: Piece) -> Result<(), SendError<Piece>> {
        self.feed_piece(piece).await?;
        self.flush().await.map_err(SendError::failed)
    }

    /// Queues a piece of a message, once there is room for it, without writing it.
    ///
    /// # Errors
    /// As [`WebSocket::feed_piece`].
    ///
    /// # Cancel safety
    /// As [`WebSocket::feed_piece`].
    pub async fn feed_piece(&mut self, piece: Piece) -> Result<(), SendError<Piece>> {
        poll_fn(|cx| self.poll_room(cx)).await.map_err(SendError::failed)?;
        self.0.lock().connection.send_piece(piece)
    }

    /// Sends a Ping.
    ///
    /// # Errors
    /// As [`WebSocket::ping`].
    ///
    /// # Cancel safety
    /// As [`WebSocket::ping`].
    pub async fn ping(&mut self, payload: impl Into<Bytes>) -> Result<(), SendError<Bytes>> {
        self.0.lock().connection.ping(payload.into())?;
        self.flush().await.map_err(SendError::failed)
    }

    /// Writes all that is queued.
    ///
    /// # Errors
    /// As [`WebSocket::flush`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Begins the closing handshake and writes what is queued. The [`Receiver`] ends the handshake, and receives what
    /// still comes before the peer's Close; if it is gone, this does all that [`WebSocket::close`] does.
    ///
    /// # Errors
    /// As [`WebSocket::close`].
    ///
    /// # Cancel safety
    /// As [`WebSocket::close`].
    pub async fn close(&mut self, frame: impl Into<Option<CloseFrame>>) -> Result<(), Error> {
        self.start_close(frame.into());
        poll_fn(|cx| self.poll_close(cx)).await
    }

    pub(super) fn start_close(&self, frame: Option<CloseFrame>) {
        self.0.lock().start_close(frame);
        // The receiver must heed `close_timeout` from now on.
        self.0.waiting.wake_by_ref();
    }

    pub(super) fn poll_close(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let alone = Arc::strong_count(&self.0) == 1;
        self.0.poll(Half::Sender, cx, if alone { WebSocket::poll_close } else { WebSocket::poll_flush })
    }

    pub(super) fn poll_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll(Half::Sender, cx, WebSocket::poll_flush)
    }

    pub(super) fn queue(&self, message: impl Into<Outgoing>) -> Result<(), SendError<Outgoing>> {
        self.0.lock().connection.send(message)
    }

    /// Waits until another message may be queued.
    pub(super) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll(
            Half::Sender,
            cx,
            |socket, cx| {
                if socket.has_room() { Poll::Ready(Ok(())) } else { socket.poll_room(cx) }
            },
        )
    }

    /// Puts the halves of one WebSocket together again.
    ///
    /// # Errors
    /// Gives them back if they are of two.
    pub fn reunite(self, receiver: Receiver<IO>) -> Result<WebSocket<IO>, (Self, Receiver<IO>)> {
        if !Arc::ptr_eq(&self.0, &receiver.0) {
            return Err((self, receiver));
        }
        drop(receiver);
        match Arc::try_unwrap(self.0) {
            Ok(shared) => Ok(shared.socket.into_inner().unwrap_or_else(PoisonError::into_inner)),
            Err(_) => unreachable!("a WebSocket has two halves, and both are here"),
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Receiver<IO> {
    /// The next message; `None` after the end.
    ///
    /// # Errors
    /// As [`WebSocket::recv`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    pub(super) fn poll_recv(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        self.0.poll(Half::Receiver, cx, WebSocket::poll_recv)
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.lock().is_over()
    }

    /// The next event; `None` after the end.
    ///
    /// # Errors
    /// As [`WebSocket::recv_event`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        poll_fn(|cx| self.0.poll(Half::Receiver, cx, WebSocket::poll_recv_event)).await
    }

    /// The next piece of a message; `None` after the end.
    ///
    /// # Errors
    /// As [`WebSocket::recv_piece`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn recv_piece(&mut self) -> Result<Option<Piece>, Error> {
        poll_fn(|cx| self.0.poll(Half::Receiver, cx, WebSocket::poll_recv_piece)).await
    }

    /// How the connection ended, once it has.
    #[must_use]
    pub fn ended(&self) -> Option<Ended> {
        self.0.lock().ended().cloned()
    }
}
