//! The methods of a `WebSocket` on a tungstenite stream.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, tungstenite};

use crate::{CloseFrame, Error, Limits, Message, connection::Ended, error::Timeout};

/// A tokio-tungstenite stream with the methods of a [`WebSocket`](crate::stream::WebSocket), whatever state it is in.
///
/// Limits, buffers and the answering of Pings remain tungstenite's: there is no keepalive and no write timeout, and while
/// a message is being sent nothing is read.
#[derive(Debug)]
pub struct Tungstenite<S> {
    stream: WebSocketStream<S>,
    closing: bool,
    over: bool,
    ended: Option<Ended>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Tungstenite<S> {
    /// Wraps a stream.
    #[must_use]
    pub const fn new(stream: WebSocketStream<S>) -> Self {
        Self { stream, closing: false, over: false, ended: None }
    }

    /// The stream.
    #[must_use]
    pub fn into_inner(self) -> WebSocketStream<S> {
        self.stream
    }

    /// How the connection ended, once it has.
    #[must_use]
    pub const fn ended(&self) -> Option<&Ended> {
        self.ended.as_ref()
    }

    /// The next message; `None` once the connection has ended.
    ///
    /// # Errors
    /// The connection failed. After the error, `None`.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Sends a message and waits until it is written.
    ///
    /// # Errors
    /// The connection is closed ([`Error::Closed`]), or failed.
    ///
    /// # Cancel safety
    /// If dropped before there is room, the message is not sent; if dropped later, it leaves with the next call that
    /// writes.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        self.feed(message).await?;
        self.flush().await
    }

    /// Queues a message, once there is room for it, without waiting until it is written.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Cancel safety
    /// If dropped before it is done, the message is not sent.
    pub async fn feed(&mut self, message: impl Into<Message>) -> Result<(), Error> {
        poll_fn(|cx| Pin::new(&mut self.stream).poll_ready(cx)).await?;
        Pin::new(&mut self.stream).start_send(message.into().into()).map_err(Error::from)
    }

    /// Writes all that is queued.
    ///
    /// # Errors
    /// The connection failed.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| Pin::new(&mut self.stream).poll_flush(cx)).await.map_err(Error::from)
    }

    /// Sends Close and waits for the peer's, for 5 s (the default of [`Limits::close_timeout`]). Messages that still
    /// come are discarded.
    ///
    /// # Errors
    /// The peer didn't answer, or the connection failed before it could.
    ///
    /// # Cancel safety
    /// Cancel safe: the closing handshake has begun, and goes on with the next call.
    pub async fn close(&mut self, frame: impl Into<Option<CloseFrame>>) -> Result<(), Error> {
        self.start_close(frame.into())?;
        let closed = timeout(Limits::default().close_timeout, poll_fn(|cx| self.poll_closed(cx))).await;
        closed.unwrap_or_else(|_| {
            self.end(false, None);
            Err(Timeout::Close.into())
        })
    }

    fn start_close(&mut self, frame: Option<CloseFrame>) -> Result<(), Error> {
        if self.closing || self.ended.is_some() {
            return Ok(());
        }
        self.closing = true;
        Ok(Pin::new(&mut self.stream).start_send(tungstenite::Message::Close(frame.map(Into::into)))?)
    }

    fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.ended.is_none() {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        }
        while ready!(self.poll_recv(cx))?.is_some() {}
        Poll::Ready(Ok(()))
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(tungstenite::Message::Close(frame))) => {
                    self.end(true, frame.and_then(|frame| frame.try_into().ok()));
                    continue;
                }
                Some(Ok(message)) => match Message::try_from(message) {
                    Ok(message) => Ok(Some(message)),
                    Err(_) => continue,
                },
                Some(Err(error)) => {
                    self.end(false, None);
                    Err(error.into())
                }
                None => {
                    self.over = true;
                    self.end(false, None);
                    Ok(None)
                }
            });
        }
    }

    /// The first end counts.
    fn end(&mut self, clean: bool, frame: Option<CloseFrame>) {
        self.ended.get_or_insert_with(|| Ended::new(!self.closing, clean, frame));
    }
}

/// Messages, as [`recv`](Tungstenite::recv) gives them.
impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Tungstenite<S> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(cx).map(Result::transpose)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for Tungstenite<S> {
    fn is_terminated(&self) -> bool {
        self.over
    }
}

/// `poll_close` does the closing handshake with [`NORMAL_CLOSURE`](crate::CloseCode::NORMAL_CLOSURE), without a timeout.
impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for Tungstenite<S> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().stream).poll_ready(cx).map_err(Error::from)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        Pin::new(&mut self.get_mut().stream).start_send(message.into()).map_err(Error::from)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx).map_err(Error::from)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let this = self.get_mut();
        this.start_close(Some(crate::CloseCode::NORMAL_CLOSURE.into()))?;
        this.poll_closed(cx)
    }
}
