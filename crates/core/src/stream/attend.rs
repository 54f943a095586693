//! For whoever keeps a connection going on behalf of an application that has other things to do.
//!
//! Where the application awaits [`recv`](WebSocket::recv) all the time, that alone keeps the connection going. Where it
//! doesn't, one task may attend to the connection and another part of it take messages when it likes: `poll_ready` says
//! that there is something to take, `try_recv` takes it without waiting, and `poll_attend` keeps the time and writes
//! while nobody takes what is there.

use std::{
    io::ErrorKind,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::web_socket::{WebSocket, now};
use crate::{
    Error, Message, SendError,
    connection::Event,
    error::SendErrorReason,
    message::{Encoding, Outgoing},
};

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// Ready once [`try_recv`](Self::try_recv) has something to give; until then writes what is queued, answers Pings,
    /// and keeps the time. Reads on past nothing that could be given, so that at most one message waits.
    pub fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.connection.receive_in_pieces(false);
        loop {
            if self.is_ready() {
                return Poll::Ready(());
            }
            if (!self.input.is_empty() || self.connection.has_more())
                && let Some(event) = self.next_event()
            {
                if let Event::Message(_) = event {
                    self.parked = Some(Box::new(event));
                }
                continue;
            }
            if self.closing.is_some() {
                return self.poll_end(cx);
            }
            // Whatever is queued leaves before this end waits.
            let _ = self.poll_write_queued(cx);
            if self.poll_fill(cx).is_pending() {
                ready!(self.poll_due(cx));
            }
        }
    }

    /// Whether [`try_recv`](Self::try_recv) has something to give.
    #[inline]
    fn is_ready(&self) -> bool {
        self.parked.is_some()
            || match &self.closing {
                Some(closing) => closing.is_at_end(),
                None => !self.input.is_empty() && self.connection.has_whole_message(&self.input),
            }
    }

    /// What [`recv`](Self::recv) would give without waiting, or `None`. Does no I/O.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    #[inline]
    pub fn try_recv(&mut self) -> Option<Result<Option<Message>, Error>> {
        if let Some(message) = self.take_plain() {
            return Some(Ok(Some(message)));
        }
        self.try_next()
    }

    fn try_next(&mut self) -> Option<Result<Option<Message>, Error>> {
        loop {
            let event = match self.parked.take() {
                Some(event) => *event,
                None if self.input.is_empty() && !self.connection.has_more() => break,
                None => match self.next_event() {
                    Some(event) => event,
                    None => break,
                },
            };
            self.input.settle();
            if let Event::Message(message) = event {
                return Some(Ok(Some(message)));
            }
        }
        let closing = self.closing.as_mut().filter(|closing| closing.is_at_end())?;
        Some(closing.take_error().map_or(Ok(None), Err))
    }

    /// Writes what is queued and does what is due (keepalive, timeouts) while a message waits that nobody takes: the
    /// peer's silence isn't held against it then. Ready when the connection has come to its end by it, as it does where nothing can
    /// be written any more.
    pub fn poll_attend(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.closing.is_some() {
                return self.poll_end(cx);
            }
            self.input.settle();
            let _ = self.poll_write_queued(cx);
            if self.lost {
                // Nobody reads on to the end, and the peer takes nothing more: it has gone.
                self.start_failing(Error::Io(ErrorKind::BrokenPipe.into()));
                continue;
            }
            ready!(self.poll_due(cx));
        }
    }

    /// Writes what is queued. Ready once nothing is left, also where it is because the peer takes no more: reading will
    /// tell.
    #[inline]
    pub fn poll_write_queued(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if ready!(self.poll_write_out(cx)).is_err() {
            self.discard_output();
        }
        Poll::Ready(())
    }

    /// Whether another message may be queued (`max_write_buffer`).
    #[inline]
    #[must_use]
    pub fn can_queue(&self) -> bool {
        self.has_room()
    }

    /// Whether everything that was queued has been handed to the transport.
    #[inline]
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.connection.output_len() == 0
    }

    /// Whether something that was queued will never be written: the peer takes no more, and reading will tell the end.
    #[inline]
    #[must_use]
    pub fn has_lost_output(&self) -> bool {
        self.lost
    }

    /// Queues a message, whether or not there is room for it.
    ///
    /// # Errors
    /// As [`Connection::send`](crate::connection::Connection::send), and as if it were closed where the peer takes no
    /// more.
    #[inline]
    pub fn queue(&mut self, message: impl Into<Outgoing>) -> Result<(), SendError<Outgoing>> {
        if self.lost {
            return Err(SendError::rejected(SendErrorReason::Closed, message.into()));
        }
        self.connection.send(message)
    }

    /// As [`queue`](Self::queue), of a message that the caller keeps.
    ///
    /// # Errors
    /// As [`queue`](Self::queue).
    #[inline]
    pub fn queue_kept(&mut self, message: &Outgoing) -> Result<(), SendErrorReason> {
        if self.lost { Err(SendErrorReason::Closed) } else { self.connection.send_kept(message) }
    }

    /// How the frames look that [`write_encoded`](Self::write_encoded) takes; `None` if it takes none.
    #[must_use]
    pub fn shared_encoding(&self) -> Option<Encoding> {
        self.connection.shared_encoding()
    }

    /// Whether a message may be sent: the connection is open, the peer takes what is written, and no other message is being
    /// sent piece by piece.
    #[inline]
    #[must_use]
    pub fn may_send(&self) -> bool {
        !self.lost && self.connection.may_send().is_ok()
    }

    /// Writes whole frames that were encoded for this connection's [`shared_encoding`](Self::shared_encoding): straight
    /// from where they are if nothing is queued before them. What the transport doesn't take at once is queued, by
    /// reference if it is long; so call it only while little is queued.
    ///
    /// # Errors
    /// The closing handshake has begun, or a message is being sent piece by piece: nothing was written.
    pub fn write_encoded(&mut self, cx: &mut Context<'_>, mut frames: Bytes) -> Result<(), SendErrorReason> {
        self.connection.may_send()?;
        if self.connection.output().is_empty() {
            match Pin::new(&mut self.io).poll_write(cx, &frames) {
                Poll::Ready(Ok(count @ 1..)) => {
                    self.unflushed = true;
                    if count >= frames.len() {
                        return Ok(());
                    }
                    let _ = frames.split_to(count);
                }
                // What is wrong, the next write will tell.
                Poll::Ready(_) => {}
                Poll::Pending => {
                    self.stalled_since.get_or_insert_with(now);
                }
            }
        }
        self.connection.send_encoded(frames)
    }
}
