//! `futures`' `Stream` and `Sink`.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::io::{AsyncRead, AsyncWrite};

use super::{Receiver, Sender, WebSocket};
use crate::{
    Error, Message,
    error::{SendError, SendErrorReason},
};

/// Messages, as [`recv`](WebSocket::recv) gives them; ends after the closing handshake or an error.
impl<IO: AsyncRead + AsyncWrite + Unpin> Stream for WebSocket<IO> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(cx).map(Result::transpose)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> FusedStream for WebSocket<IO> {
    fn is_terminated(&self) -> bool {
        self.is_over()
    }
}

/// `start_send` is [`feed`](WebSocket::feed), `poll_flush` writes all, and `poll_close` does the closing handshake with
/// [`NORMAL_CLOSURE`](crate::CloseCode::NORMAL_CLOSURE).
impl<IO: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocket<IO> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        if this.has_room() { Poll::Ready(Ok(())) } else { this.poll_room(cx) }
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.get_mut().connection.send(message).map_err(Error::from)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        WebSocket::poll_flush(self.get_mut(), cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        this.start_close(Some(crate::CloseCode::NORMAL_CLOSURE.into()));
        ready!(WebSocket::poll_close(this, cx))?;
        Poll::Ready(Ok(()))
    }
}

/// Messages, as [`recv`](Receiver::recv) gives them; ends after the closing handshake or an error.
impl<IO: AsyncRead + AsyncWrite + Unpin> Stream for Receiver<IO> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx).map(Result::transpose)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> FusedStream for Receiver<IO> {
    fn is_terminated(&self) -> bool {
        self.is_over()
    }
}

/// As the [`Sink`] that a [`WebSocket`] is; `poll_close` is [`close`](Sender::close) with
/// [`NORMAL_CLOSURE`](crate::CloseCode::NORMAL_CLOSURE).
impl<IO: AsyncRead + AsyncWrite + Unpin> Sink<Message> for Sender<IO> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.poll_room(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.queue(message).map_err(Error::from)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Sender::poll_flush(self.get_mut(), cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.start_close(Some(crate::CloseCode::NORMAL_CLOSURE.into()));
        Sender::poll_close(self.get_mut(), cx)
    }
}

/// What failed, or [`Error::Closed`]; the caller's own mistakes ([`SendErrorReason::Unfinished`] and the like), which
/// leave the connection unharmed, as [`Error::Io`] of kind `InvalidInput`.
impl<T> From<SendError<T>> for Error {
    fn from(error: SendError<T>) -> Self {
        let told = error.to_string();
        match error.into_reason() {
            SendErrorReason::Failed(error) => error,
            SendErrorReason::Closed => Self::Closed,
            _ => Self::Io(io::Error::new(io::ErrorKind::InvalidInput, told)),
        }
    }
}
