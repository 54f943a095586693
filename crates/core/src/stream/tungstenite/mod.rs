//! An application on tokio-tungstenite moves over piece by piece.
//!
//! | You have | and want | use |
//! |---|---|---|
//! | tungstenite's messages, close frames, errors | these here, or the other way | `From` and `TryFrom` |
//! | a server's stream, just accepted | a [`WebSocket`] | [`WebSocket::from_tungstenite`] |
//! | a stream that is in use already, or a client's | the methods of [`WebSocket`] | [`Tungstenite`] |
//! | a [`WebSocket`] | a stream for code that takes only those | [`WebSocket::into_tungstenite`] |
//!
//! Why a stream in use can't become a [`WebSocket`]: tungstenite reads ahead, and what it has read it doesn't give back.
//!
//! ```
//! use bowline_core::{Error, Message, stream::WebSocket};
//! use futures_util::{SinkExt, StreamExt};
//! use tokio_tungstenite::{WebSocketStream, accept_async, tungstenite};
//! use tokio::net::TcpStream;
//!
//! /// Not moved over yet: it takes tungstenite's stream, and speaks its messages.
//! async fn old_echo(mut stream: WebSocketStream<TcpStream>) -> Result<(), tungstenite::Error> {
//!     while let Some(message) = stream.next().await.transpose()? {
//!         if message.is_text() || message.is_binary() {
//!             stream.send(message).await?;
//!         }
//!     }
//!     Ok(())
//! }
//!
//! /// Moved over, but its listener isn't.
//! async fn new_echo(tcp: TcpStream) -> Result<(), Error> {
//!     let stream = accept_async(tcp).await?;
//!     let mut socket = WebSocket::from_tungstenite(stream, bowline_core::connection::Config::default());
//!     while let Some(message) = socket.recv().await? {
//!         socket.send(message).await?;
//!     }
//!     Ok(())
//! }
//!
//! /// The listener is moved over, the handler isn't.
//! async fn new_listener(tcp: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
//!     let socket = WebSocket::accept(tcp).await?;
//!     Ok(old_echo(socket.into_tungstenite(None).await?).await?)
//! }
//!
//! /// One message from the one world to the other, and back.
//! fn across(message: Message) -> Result<Message, bowline_core::stream::tungstenite::NotAMessage> {
//!     let theirs = tungstenite::Message::from(message);
//!     theirs.try_into()
//! }
//! assert_eq!(across("same".into()).unwrap(), "same".into());
//! ```

mod adapter;
mod convert;

use std::{fmt, sync::Arc};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::protocol::{Role as TungsteniteRole, WebSocketConfig},
};

pub use self::{adapter::Tungstenite, convert::NotAMessage};
use super::WebSocket;
use crate::{Role, connection::Config, handshake::Negotiated};

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// Takes over a server's stream directly after tokio-tungstenite's `accept_async` or its like. Of what it was set up
    /// with, only the stream underneath is kept: limits and keepalive are `config`'s. tungstenite knows no
    /// permessage-deflate, so there is none.
    ///
    /// Only directly after: bytes that tungstenite has read ahead of a first `next` are lost. It refuses a client that
    /// sends frames together with its request, so that after `accept_async` there are none; after a client's handshake
    /// there may be, and for that, and for a stream in use, there is [`Tungstenite`].
    #[must_use]
    pub fn from_tungstenite(stream: WebSocketStream<IO>, config: impl Into<Arc<Config>>) -> Self {
        Self::from_raw(stream.into_inner(), &Negotiated::assumed(Role::Server), config, BytesMut::new())
    }

    /// Hands this connection to code that takes a tokio-tungstenite stream, after writing what is queued. What the peer
    /// has sent and nobody has received goes with it. `config` is tungstenite's own: it knows nothing of
    /// [`Limits`](crate::Limits), keepalive and timeouts.
    ///
    /// # Errors
    /// The connection is not [at rest](crate::connection::Connection::is_at_rest), or failed while writing; it comes
    /// back. After [`recv`](Self::recv) gave a message, it may be once the next one has come.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping it drops the connection.
    pub async fn into_tungstenite(
        mut self,
        config: Option<WebSocketConfig>,
    ) -> Result<WebSocketStream<IO>, NotAtRest<IO>> {
        let written = self.flush().await;
        if written.is_err() || self.parked.is_some() || self.closing.is_some() || !self.connection.is_at_rest() {
            return Err(NotAtRest(Box::new(self)));
        }
        let role = match self.connection.role() {
            Role::Client => TungsteniteRole::Client,
            Role::Server => TungsteniteRole::Server,
        };
        let (io, unread) = self.into_inner();
        Ok(WebSocketStream::from_partially_read(io, unread.into(), role, config).await)
    }
}

/// A connection that can't be handed over now, or not at all.
pub struct NotAtRest<IO>(Box<WebSocket<IO>>);

impl<IO> NotAtRest<IO> {
    /// The connection, unharmed.
    #[must_use]
    pub fn into_socket(self) -> WebSocket<IO> {
        *self.0
    }
}

impl<IO> fmt::Debug for NotAtRest<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotAtRest").finish_non_exhaustive()
    }
}

impl<IO> fmt::Display for NotAtRest<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the connection uses permessage-deflate, is closing, or is in the middle of a message: receive that first",
        )
    }
}

impl<IO> std::error::Error for NotAtRest<IO> {}
