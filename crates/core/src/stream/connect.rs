//! The client's opening handshake.

use std::{future::poll_fn, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use super::{WebSocket, read::poll_input};
use crate::{
    buffer::Input,
    connection::Config,
    handshake::{ClientRequest, HandshakeError, Negotiated, Response},
};

/// Opens WebSockets as a client.
#[derive(Clone, Debug, Default)]
pub struct Connector {
    config: Arc<Config>,
    headers: HeaderMap,
    subprotocols: Vec<Box<str>>,
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

    /// Opens a WebSocket to `url` on a stream that is connected already.
    ///
    /// # Errors
    /// See [`HandshakeError`]: a server that refused is quoted with its status, headers and the start of the body.
    ///
    /// # Cancel safety
    /// Not cancel safe: dropping it drops the connection.
    pub async fn handshake<IO>(&self, url: &str, mut io: IO) -> Result<WebSocket<IO>, HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let request = self.request(url)?;
        let exchange = timeout(self.config.limits.handshake_timeout, self.exchange(&request, &mut io));
        let (negotiated, _, input) = exchange.await.map_err(|_| HandshakeError::Timeout)??;
        Ok(WebSocket::new(io, &negotiated, Arc::clone(&self.config), input))
    }

    fn request(&self, url: &str) -> Result<ClientRequest, HandshakeError> {
        let mut request = ClientRequest::new(url)?.subprotocols(&self.subprotocols)?;
        for (name, value) in &self.headers {
            request = request.header(name.clone(), value.clone())?;
        }
        Ok(request.deflate(self.config.deflate.clone()))
    }

    async fn exchange<IO>(
        &self,
        request: &ClientRequest,
        io: &mut IO,
    ) -> Result<(Negotiated, Response, Input), HandshakeError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let (bytes, mut reader) = request.begin(&self.config.limits);
        io.write_all(&bytes).await?;
        io.flush().await?;
        loop {
            let mut input = poll_fn(|cx| poll_input(io, cx)).await?;
            if input.is_empty() {
                return Err(reader.receive_eof());
            }
            if let Some((response, negotiated, used)) = reader.receive(input.unread())? {
                input.consume(used);
                return Ok((negotiated, response, input));
            }
            input.release();
        }
    }
}
