//! What a client speaks over: TCP, or TLS over TCP.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
#[cfg(feature = "rustls")]
use tokio_rustls::client::TlsStream;

use super::{tcp::connect_tcp, tls::TlsConfig};
use crate::handshake::ClientRequest;

/// A client's connection: TCP for `ws://`, TLS for `wss://`.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientStream {
    /// `ws://`
    Plain(TcpStream),
    /// `wss://`; boxed, being some kilobytes.
    #[cfg(feature = "rustls")]
    Tls(Box<TlsStream<TcpStream>>),
}

impl ClientStream {
    /// Connects to where `request` goes: the name's addresses as RFC 8305 has it, `TCP_NODELAY` on, and for `wss://` TLS.
    /// Nothing of the request is sent. Time is the caller's to bound.
    ///
    /// # Errors
    /// The transport's; `InvalidData` for a certificate that isn't trusted; `Unsupported` for `wss://` without the feature
    /// `rustls`.
    ///
    /// # Cancel safety
    /// Dropping it closes the connection.
    pub async fn connect(request: &ClientRequest, tls: &TlsConfig) -> io::Result<Self> {
        if !request.is_secure() {
            return Ok(Self::Plain(connect_tcp(request.host(), request.port()).await?));
        }
        #[cfg(feature = "rustls")]
        {
            let connector = tls.connector(request.host()).await?;
            let tcp = connect_tcp(request.host(), request.port()).await?;
            Ok(Self::Tls(Box::new(connector.connect(tcp).await?)))
        }
        #[cfg(not(feature = "rustls"))]
        Err(tls.unsupported())
    }

    /// The TCP connection underneath, to set its options or ask its addresses.
    #[must_use]
    pub fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

/// Hands a call on to the stream that it is.
macro_rules! on {
    ($self:expr, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            Self::Plain(tcp) => {
                let $stream = Pin::new(tcp);
                $call
            }
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => {
                let $stream = Pin::new(&mut **tls);
                $call
            }
        }
    };
}

impl AsyncRead for ClientStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on!(self, stream => stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        on!(self, stream => stream.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on!(self, stream => stream.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_write_vectored(),
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        on!(self, stream => stream.poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    #[tokio::test]
    async fn plain_bytes_go_both_ways() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let uri = format!("ws://{}/", listener.local_addr().unwrap());
        let request = ClientRequest::new(&uri).unwrap();
        let tls = TlsConfig::default();
        let (client, server) = tokio::join!(ClientStream::connect(&request, &tls), listener.accept());
        let (mut client, (mut server, address)) = (client.unwrap(), server.unwrap());
        assert_eq!(client.tcp().local_addr().unwrap(), address);
        assert!(client.is_write_vectored());
        assert_eq!(client.write_vectored(&[IoSlice::new(b"he"), IoSlice::new(b"llo")]).await.unwrap(), 5);
        client.shutdown().await.unwrap();
        let mut received = String::new();
        server.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "hello");
        server.write_all(b"bye").await.unwrap();
        drop(server);
        received.clear();
        client.read_to_string(&mut received).await.unwrap();
        assert_eq!(received, "bye");
    }

    /// The reason must be clear before a name is looked up.
    #[cfg(not(feature = "rustls"))]
    #[tokio::test]
    async fn wss_without_the_feature_says_so() {
        let request = ClientRequest::new("wss://host.invalid/").unwrap();
        let error = ClientStream::connect(&request, &TlsConfig::default()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
        assert!(error.to_string().contains("`rustls`"), "{error}");
    }
}
