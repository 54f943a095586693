//! The server's opening handshake on a byte stream.

use std::{fmt, future::poll_fn, io, sync::Arc};

use bytes::Bytes;
use http::HeaderMap;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::{
    WebSocket,
    linger::{LINGER_TIMEOUT, linger},
    read::poll_input,
};
use crate::{
    buffer::Input,
    connection::Config,
    handshake::{Acceptance, Negotiated, Refusal, Request, RequestReader},
};

/// Accepts WebSockets on byte streams. Cheap to clone; one serves all connections.
#[derive(Clone, Debug, Default)]
pub struct Acceptor {
    config: Arc<Config>,
    subprotocols: Arc<[Box<str>]>,
}

impl Acceptor {
    /// An acceptor with [`Config::default`] and no subprotocol.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How its connections behave.
    #[must_use]
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// The subprotocols that are spoken, best first; the first that the client offers is chosen (RFC 6455 §1.9). A
    /// client that offers none of them is accepted without.
    #[must_use]
    pub fn subprotocols<S: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    /// Reads the request, answers it, and gives the WebSocket. Origin, path and headers are not looked at: see
    /// [`accept_with`](Self::accept_with).
    ///
    /// # Errors
    /// See [`AcceptError`]. A refused client has been answered, and its connection ended in good order.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping it drops the connection.
    pub async fn accept<IO>(&self, io: IO) -> Result<WebSocket<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        self.accept_with(io, |_| Ok(HeaderMap::new())).await
    }

    /// As [`accept`](Self::accept), but `authorize` sees the request first: it may refuse it with a status, or give
    /// headers to add to the answer.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    ///
    /// # Cancel safety
    /// As [`accept`](Self::accept).
    pub async fn accept_with<IO, F>(&self, mut io: IO, authorize: F) -> Result<WebSocket<IO>, AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        F: FnOnce(&Request) -> Result<HeaderMap, Refusal>,
    {
        let mut reader = RequestReader::new(&self.config.limits);
        let handshake = self.handshake(&mut io, &mut reader, authorize);
        let refused = match timeout(self.config.limits.handshake_timeout, handshake).await {
            Ok(Ok((negotiated, input))) => {
                return Ok(WebSocket::new(io, &negotiated, Arc::clone(&self.config), input));
            }
            Ok(Err(AcceptError::Refused(refusal))) => refusal,
            Ok(Err(error)) => return Err(error),
            // Whoever said nothing asked nothing.
            Err(_) if reader.is_untouched() => return Err(AcceptError::Silent),
            Err(_) => Refusal::request_timeout(),
        };
        if timeout(LINGER_TIMEOUT, io.write_all(&refused.to_bytes())).await.is_ok_and(|sent| sent.is_ok()) {
            linger(&mut io).await;
        }
        Err(AcceptError::Refused(refused))
    }

    async fn handshake<IO, F>(
        &self,
        io: &mut IO,
        reader: &mut RequestReader,
        authorize: F,
    ) -> Result<(Negotiated, Input), AcceptError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
        F: FnOnce(&Request) -> Result<HeaderMap, Refusal>,
    {
        loop {
            let mut input = poll_fn(|cx| poll_input(io, cx)).await?;
            if input.is_empty() {
                return Err(AcceptError::Silent);
            }
            let received = reader.receive(input.unread());
            if let Some((request, used)) = received.map_err(AcceptError::Refused)? {
                input.consume(used);
                input.settle();
                let headers = authorize(&request).map_err(AcceptError::Refused)?;
                let (response, negotiated) = self.answer(&request, headers)?;
                io.write_all(&response).await?;
                io.flush().await?;
                return Ok((negotiated, input));
            }
            input.release();
        }
    }

    fn answer(&self, request: &Request, headers: HeaderMap) -> Result<(Bytes, Negotiated), AcceptError> {
        let chosen = self.subprotocols.iter().find(|name| request.subprotocols().any(|offer| offer == &***name));
        let acceptance = Acceptance::new()
            .subprotocol(chosen.map(|name| &**name))
            .deflate(self.config.deflate.as_ref())
            .headers(headers);
        // The application gave a header that is the handshake's own: its fault, and 500 to the client.
        request.accept(&acceptance).map_err(|error| AcceptError::Refused(error.into()))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// Accepts a WebSocket with the defaults; see [`Acceptor`].
    ///
    /// # Errors
    /// As [`Acceptor::accept`].
    ///
    /// # Cancel safety
    /// As [`Acceptor::accept`].
    pub async fn accept(io: IO) -> Result<Self, AcceptError> {
        Acceptor::new().accept(io).await
    }
}

/// Why there is no WebSocket.
#[derive(Debug)]
#[non_exhaustive]
pub enum AcceptError {
    /// The request was refused, and the client told so.
    Refused(Refusal),
    /// The client went away, or let `handshake_timeout` pass, before it had sent a whole request.
    Silent,
    /// The transport failed.
    Io(io::Error),
}

impl fmt::Display for AcceptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Silent => f.write_str("the client went away before it had sent a request"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AcceptError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Silent => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<io::Error> for AcceptError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
