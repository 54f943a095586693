//! The client's opening handshake.

use std::{future::poll_fn, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout},
};

use super::{ClientStream, TlsConfig, WebSocket, read::poll_input};
use crate::{
    buffer::Input,
    connection::Config,
    handshake::{ClientRequest, HandshakeError, Negotiated, ResponseReader},
};

/// Opens WebSockets as a client.
#[derive(Clone, Debug, Default)]
pub struct Connector {
    config: Arc<Config>,
    headers: HeaderMap,
    subprotocols: Vec<Box<str>>,
    tls: TlsConfig,
}

/// Opens a WebSocket to `url` (`ws://` or, with feature `rustls`, `wss://`) with the defaults; see [`Connector`].
///
/// # Errors
/// As [`Connector::connect`].
///
/// # Cancel safety
/// Dropping it closes the connection.
pub async fn connect(url: &str) -> Result<WebSocket<ClientStream>, HandshakeError> {
    Connector::new().connect(url).await
}

impl Connector {
    /// A connector with [`Config::default`].
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

    /// A header to send with the request: `Authorization`, `Cookie`, `Origin` … The handshake's own are refused when
    /// connecting.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Subprotocols to offer, best first (RFC 6455 §1.9); at most 16.
    #[must_use]
    pub fn subprotocols<S: Into<Box<str>>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.subprotocols = names.into_iter().map(Into::into).collect();
        self
    }

    /// How TLS is spoken; by default with the system's roots.
    #[must_use]
    pub fn tls(mut self, tls: TlsConfig) -> Self {
        self.tls = tls;
        self
    }

    /// Connects to `url` and opens a WebSocket, within `handshake_timeout` in all: a name's addresses are tried as RFC
    /// 8305 has it, `TCP_NODELAY` is on, and `wss://` is TLS.
    ///
    /// # Errors
    /// See [`HandshakeError`]: a server that refused is quoted with its status, headers and the start of the body.
    ///
    /// # Cancel safety
    /// Dropping it closes the connection.
    pub async fn connect(&self, url: &str) -> Result<WebSocket<ClientStream>, HandshakeError> {
        let request = self.request(url)?;
        let started = Instant::now();
        let allowed = self.config.limits.handshake_timeout;
        let connecting = timeout(allowed, ClientStream::connect(&request, &self.tls));
        let io = connecting.await.map_err(|_| HandshakeError::Timeout)??;
        self.open(&request, io, allowed.saturating_sub(started.elapsed())).await
    }

    /// Opens a WebSocket to `url` on a stream that is connected already.
    ///
    /// # Errors
    /// See [`HandshakeError`]: a server that refused is quoted with its status, headers and the start of the body.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping it drops the connection.
    pub async fn handshake<IO>(&self, url: &str, io: IO) -> Result<WebSocket<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let request = self.request(url)?;
        self.open(&request, io, self.config.limits.handshake_timeout).await
    }

    async fn open<IO>(
        &self,
        request: &ClientRequest,
        mut io: IO,
        allowed: Duration,
    ) -> Result<WebSocket<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let (bytes, mut reader) = request.begin(&self.config.limits);
        let (negotiated, input) = match timeout(allowed, exchange(&mut io, &bytes, &mut reader)).await {
            Ok(answer) => answer?,
            Err(_) => return Err(reader.receive_timeout()),
        };
        Ok(WebSocket::new(io, &negotiated, Arc::clone(&self.config), input))
    }

    fn request(&self, url: &str) -> Result<ClientRequest, HandshakeError> {
        let mut request = ClientRequest::new(url)?.subprotocols(&self.subprotocols)?;
        for (name, value) in &self.headers {
            request = request.header(name.clone(), value.clone())?;
        }
        Ok(request.deflate(self.config.deflate.clone()))
    }
}

async fn exchange<IO>(
    io: &mut IO,
    request: &[u8],
    reader: &mut ResponseReader,
) -> Result<(Negotiated, Input), HandshakeError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    io.write_all(request).await?;
    io.flush().await?;
    loop {
        let mut input = poll_fn(|cx| poll_input(io, cx)).await?;
        if input.is_empty() {
            return Err(reader.receive_eof());
        }
        if let Some((_, negotiated, used)) = reader.receive(input.unread())? {
            input.consume(used);
            return Ok((negotiated, input));
        }
        input.release();
    }
}
