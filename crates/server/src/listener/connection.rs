//! The way of one connection: first bytes, TLS, HTTP.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tower_service::Service;

use super::admission::ConnectionSlot;
use super::answer::{HEAD_TOO_LARGE, REQUEST_TIMEOUT, answer};
use super::counts::Counters;
use super::http::{Http, Serving};
use super::info::ConnectionInfo;
use super::opening::{self, Opening};
use super::running::{Stage, reached};
use super::server::{Options, Security};
use super::service::{Refused, Shared};
use super::transport::Transport;
use crate::io::Io;

/// What all connections of a server share.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) options: Options,
    pub(super) http: Arc<Http>,
    pub(super) counters: Arc<Counters>,
}

/// A connection that was accepted and admitted.
#[derive(Debug)]
pub(super) struct Connection<S> {
    pub(super) tcp: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) slot: ConnectionSlot,
    pub(super) security: Security,
    pub(super) service: S,
    pub(super) common: Arc<Common>,
    pub(super) stop: watch::Receiver<Stage>,
}

enum Begun {
    As(Opening),
    TooLate,
    Stopped,
}

impl<S, B> Connection<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// From the first byte to the last of HTTP. All that comes after the first bytes is boxed: half-open connections are
    /// many, and should be small.
    pub(super) async fn serve(mut self) {
        let options = &self.common.options;
        let deadline = Instant::now() + options.handshake_timeout;
        let mut bytes = Vec::new();
        let begun = tokio::select! {
            biased;
            opening = opening::read(&self.tcp, self.security.is_tls(), options.max_head_size, &mut bytes) => {
                Begun::As(opening)
            }
            () = sleep_until(deadline) => Begun::TooLate,
            () = reached(&mut self.stop, Stage::Finishing) => Begun::Stopped,
        };
        match begun {
            Begun::As(Opening::Http1) => Box::pin(self.http1(bytes.into(), deadline)).await,
            Begun::As(Opening::Http2) => Box::pin(self.http2(bytes.into(), deadline)).await,
            Begun::As(Opening::Tls) => Box::pin(self.tls(bytes, deadline)).await,
            Begun::As(Opening::TooLarge) => {
                self.common.counters.heads_too_large.add();
                Box::pin(answer(&self.tcp, HEAD_TOO_LARGE)).await;
            }
            Begun::As(Opening::Gone) | Begun::Stopped => {}
            Begun::TooLate => {
                self.common.counters.timed_out.add();
                // Who asked nothing waits for no answer.
                if !bytes.is_empty() && !self.security.is_tls() {
                    drop(bytes);
                    Box::pin(answer(&self.tcp, REQUEST_TIMEOUT)).await;
                }
            }
        }
    }

    async fn http1(self, unread: Bytes, deadline: Instant) {
        if let Some((tcp, common, serving)) = self.into_serving(deadline) {
            serving.http1(common.transport(Io::Tcp(tcp), unread)).await;
        }
    }

    async fn http2(self, unread: Bytes, deadline: Instant) {
        if let Some((tcp, common, serving)) = self.into_serving(deadline) {
            serving.http2(common.transport(Io::Tcp(tcp), unread)).await;
        }
    }

    #[cfg(not(feature = "rustls"))]
    #[expect(clippy::unused_async, reason = "in place of the one that is")]
    async fn tls(self, _: Vec<u8>, _: Instant) {}

    #[cfg(feature = "rustls")]
    async fn tls(self, hello: Vec<u8>, deadline: Instant) {
        let Security::Tls(tls) = self.security.clone() else { return };
        let Some((tcp, common, serving)) = self.into_serving(deadline) else { return };
        let mut stop = serving.stop.clone();
        let stream = tokio::select! {
            biased;
            stream = tls.accept(tcp, hello) => match stream {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::debug!(peer = %serving.shared.info.peer(), %error, "TLS handshake failed");
                    return common.counters.tls_failed.add();
                }
            },
            () = sleep_until(deadline) => return common.counters.timed_out.add(),
            () = reached(&mut stop, Stage::Finishing) => return,
        };
        // RFC 7301: what the client and this server agreed on.
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let transport = common.transport(Io::Tls(Box::new(stream)), Bytes::new());
        if http2 { serving.http2(transport).await } else { serving.http1(transport).await }
    }

    /// Nothing, where the peer is gone already.
    fn into_serving(self, deadline: Instant) -> Option<(TcpStream, Arc<Common>, Serving<S>)> {
        let Self { tcp, peer, slot, security, service, common, stop } = self;
        let local = tcp.local_addr().ok()?;
        let shared = Arc::new(Shared {
            info: ConnectionInfo::new(peer, local, security.is_tls()),
            slot,
            max_headers: common.options.max_headers,
            counters: Arc::clone(&common.counters),
            requests: AtomicU64::new(0),
            refused: Refused::default(),
        });
        let serving = Serving { http: Arc::clone(&common.http), service, shared, deadline, stop };
        Some((tcp, common, serving))
    }
}

impl Common {
    fn transport(&self, io: Io, unread: Bytes) -> Transport {
        Transport::new(io, unread, self.options.write_timeout)
    }
}
