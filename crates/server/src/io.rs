//! [`Io`]: the byte stream under a WebSocket, once the HTTP that opened it is gone.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto::upgrade;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::listener::Transport;

/// The stream of a TLS connection that this server accepted.
#[cfg(feature = "rustls")]
pub type TlsStream = tokio_rustls::server::TlsStream<TcpStream>;

/// A byte stream that a WebSocket runs on. It is held once a connection, a million times: so a plain TCP connection is
/// the bare socket, and everything bigger is boxed.
#[non_exhaustive]
pub enum Io {
    /// A TCP connection, taken back out of hyper.
    Tcp(TcpStream),
    /// A TLS connection, taken back out of hyper.
    #[cfg(feature = "rustls")]
    Tls(Box<TlsStream>),
    /// A stream of an HTTP/2 connection (RFC 8441), or what a foreign server reads from: hyper stays in between.
    Upgraded(Box<TokioIo<Upgraded>>),
    /// Any other stream, as one in memory.
    Other(Box<dyn Stream>),
}

/// What [`Io::Other`] holds.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Io {
    /// Boxes any stream.
    #[must_use]
    pub fn other(stream: impl Stream + 'static) -> Self {
        Self::Other(Box::new(stream))
    }

    /// Takes the socket back out of hyper, with what was read from it past the request: those bytes come first.
    ///
    /// Succeeds for this crate's own [`Server`](crate::listener::Server), and for a foreign one that serves
    /// `TokioIo<TcpStream>` (or TLS on one), by hyper or by hyper-util's `auto` as `axum::serve` does. Anything else,
    /// HTTP/2 included, becomes [`Io::Upgraded`]. Nothing of hyper's memory is held then: the bytes are copied, since
    /// they would keep a buffer of 8 KiB.
    #[must_use]
    pub fn from_upgraded(upgraded: Upgraded) -> (Self, Bytes) {
        let (io, ahead) = unwrap(upgraded);
        (io, if ahead.is_empty() { Bytes::new() } else { Bytes::copy_from_slice(&ahead) })
    }

    /// The socket underneath, where there is one to be seen.
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(tcp) => Some(tcp),
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => Some(tls.get_ref().0),
            Self::Upgraded(_) | Self::Other(_) => None,
        }
    }
}

fn unwrap(upgraded: Upgraded) -> (Io, Bytes) {
    let upgraded = match upgraded.downcast::<Transport>() {
        Ok(parts) => {
            let (io, unread) = parts.io.into_parts();
            return (io, join(&parts.read_buf, &unread));
        }
        Err(upgraded) => upgraded,
    };
    let upgraded = match foreign::<TcpStream>(upgraded) {
        Ok((tcp, ahead)) => return (Io::Tcp(tcp), ahead),
        Err(upgraded) => upgraded,
    };
    #[cfg(feature = "rustls")]
    let upgraded = match foreign::<TlsStream>(upgraded) {
        Ok((tls, ahead)) => return (Io::Tls(Box::new(tls)), ahead),
        Err(upgraded) => upgraded,
    };
    (Io::Upgraded(Box::new(TokioIo::new(upgraded))), Bytes::new())
}

/// As hyper holds it, else as hyper-util's `auto` does.
fn foreign<T: AsyncRead + AsyncWrite + Unpin + 'static>(upgraded: Upgraded) -> Result<(T, Bytes), Upgraded> {
    match upgraded.downcast::<TokioIo<T>>() {
        Ok(parts) => Ok((parts.io.into_inner(), parts.read_buf)),
        Err(upgraded) => upgrade::downcast::<TokioIo<T>>(upgraded).map(|parts| (parts.io.into_inner(), parts.read_buf)),
    }
}

fn join(first: &[u8], second: &[u8]) -> Bytes {
    let mut joined = BytesMut::with_capacity(first.len() + second.len());
    joined.extend_from_slice(first);
    joined.extend_from_slice(second);
    joined.freeze()
}

macro_rules! each {
    ($self:expr, $io:ident => $call:expr) => {
        match $self {
            Io::Tcp($io) => $call,
            #[cfg(feature = "rustls")]
            Io::Tls($io) => $call,
            Io::Upgraded($io) => $call,
            Io::Other($io) => $call,
        }
    };
}

impl AsyncRead for Io {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), io => Pin::new(io).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self.get_mut(), io => Pin::new(io).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        each!(self, io => io.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self.get_mut(), io => Pin::new(io).poll_shutdown(cx))
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(tcp) => f.debug_tuple("Tcp").field(tcp).finish(),
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => f.debug_tuple("Tls").field(tls.get_ref().0).finish(),
            Self::Upgraded(_) => f.write_str("Upgraded"),
            Self::Other(_) => f.write_str("Other"),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn it_is_little_more_than_a_socket() {
        assert!(size_of::<Io>() <= 40, "{} bytes", size_of::<Io>());
    }

    #[tokio::test]
    async fn any_stream_will_do() {
        let (mut far, near) = tokio::io::duplex(64);
        let mut near = Io::other(near);
        near.write_all(b"there").await.expect("room");
        near.shutdown().await.expect("open");
        let mut read = Vec::new();
        far.read_to_end(&mut read).await.expect("open");
        assert_eq!(read, b"there");
        far.write_all(b"back").await.expect("room");
        drop(far);
        read.clear();
        near.read_to_end(&mut read).await.expect("open");
        assert_eq!(read, b"back");
    }

    #[test]
    fn bytes_read_ahead_come_in_their_order() {
        assert_eq!(join(b"ab", b"cd"), "abcd");
        assert_eq!(join(b"ab", b""), "ab");
    }
}
