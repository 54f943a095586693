//! HTTP/1.1 and HTTP/2 on one connection, with hyper: until it ends, is upgraded, is idle too long, or is told to stop.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioTimer;
use tokio::sync::watch;
use tokio::time::{Instant, interval_at, sleep_until};
use tower_service::Service;

use super::linger::end;
use super::running::{Stage, reached};
use super::server::Options;
use super::service::{Guard, Shared};
use super::streams::Streams;
use super::transport::Transport;
use crate::io::Io;

/// Bytes of a request's body, or of an answer, that hyper holds for a connection of HTTP/1.
const MAX_BUFFER: usize = 64 << 10;
/// Streams of one HTTP/2 connection: more than a browser opens, and than RFC 9113 §6.5.2 wants at least.
const MAX_STREAMS: u32 = 128;
/// Bytes of a body, or of a WebSocket, that a peer may send ahead on one stream, and on all of a connection.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Bytes of an answer that wait on one stream for its window.
const MAX_STREAM_BUFFER: usize = 64 << 10;
/// Streams that a peer may have reset before this end took them, and that this end may have reset for the peer's errors:
/// past either the connection is a flood, and ends (CVE-2023-44487).
const MAX_RESET_BY_PEER: usize = 20;
const MAX_RESET_HERE: usize = 1024;
/// How often an HTTP/2 connection is pinged, and how long the answer may take.
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Both, set up.
#[derive(Debug)]
pub(super) struct Http {
    http1: http1::Builder,
    http2: http2::Builder<Streams>,
    keep_alive_timeout: Duration,
}

impl Http {
    pub(super) fn new(options: &Options) -> Self {
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(options.keep_alive_timeout)
            .max_headers(options.max_headers)
            .max_header_size(options.max_head_size)
            .max_buf_size(MAX_BUFFER);
        let mut http2 = http2::Builder::new(Streams { write_timeout: options.write_timeout });
        http2
            .timer(TokioTimer::new())
            // RFC 8441: WebSocket on a stream.
            .enable_connect_protocol()
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(options.max_head_size).unwrap_or(u32::MAX))
            .max_pending_accept_reset_streams(MAX_RESET_BY_PEER)
            .max_local_error_reset_streams(MAX_RESET_HERE)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(MAX_STREAM_BUFFER)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        Self { http1, http2, keep_alive_timeout: options.keep_alive_timeout }
    }
}

/// One connection, and what ends it.
#[derive(Debug)]
pub(super) struct Serving<S> {
    pub(super) http: Arc<Http>,
    pub(super) service: S,
    pub(super) shared: Arc<Shared>,
    /// By when the first request's head must have come.
    pub(super) deadline: Instant,
    pub(super) stop: watch::Receiver<Stage>,
}

impl<S, B> Serving<S>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    pub(super) async fn http1(self, transport: Transport) {
        let Self { http, service, shared, deadline, mut stop } = self;
        let guard = Guard { service, shared: Arc::clone(&shared) };
        let mut connection = http.http1.serve_connection(transport, guard).with_upgrades();
        let (mut waiting, mut stage) = (true, Stage::Finishing);
        let result = loop {
            tokio::select! {
                biased;
                result = &mut connection => break result,
                () = sleep_until(deadline), if waiting => {
                    waiting = false;
                    if shared.requests() == 0 {
                        return shared.counters.timed_out.add();
                    }
                }
                () = reached(&mut stop, stage) => {
                    if stage == Stage::Aborting {
                        return;
                    }
                    stage = Stage::Aborting;
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                }
            }
        };
        if let Err(error) = result {
            shared.failed(&error);
        }
        let io = match (connection.into_parts(), shared.refused.take()) {
            (Some(parts), _) => parts.io.into_parts().0,
            // Given away for an upgrade that wasn't granted. It is there by now: this waits for nothing.
            (None, Some(refused)) => match refused.await {
                Ok(upgraded) => Io::from_upgraded(upgraded).0,
                Err(_) => return,
            },
            (None, None) => return,
        };
        // The last answer is on its way.
        tokio::select! {
            () = end(io) => {}
            () = reached(&mut stop, Stage::Aborting) => {}
        }
    }

    pub(super) async fn http2(self, transport: Transport) {
        let Self { http, service, shared, deadline, mut stop } = self;
        let guard = Guard { service, shared: Arc::clone(&shared) };
        let mut connection = http.http2.serve_connection(transport, guard);
        let (mut waiting, mut stage) = (true, Stage::Finishing);
        let mut idle = interval_at(Instant::now() + http.keep_alive_timeout, http.keep_alive_timeout);
        let mut seen = 0;
        loop {
            tokio::select! {
                biased;
                result = &mut connection => {
                    if let Err(error) = result {
                        shared.failed(&error);
                    }
                    return;
                }
                () = sleep_until(deadline), if waiting => {
                    waiting = false;
                    if shared.requests() == 0 {
                        return shared.counters.timed_out.add();
                    }
                }
                _ = idle.tick() => {
                    // Nothing came for a whole turn, and nothing that came before is still going on.
                    let requests = shared.requests();
                    if requests == seen && shared.slot.holders() == 1 {
                        std::pin::Pin::new(&mut connection).graceful_shutdown();
                    }
                    seen = requests;
                }
                () = reached(&mut stop, stage) => {
                    if stage == Stage::Aborting {
                        return;
                    }
                    stage = Stage::Aborting;
                    std::pin::Pin::new(&mut connection).graceful_shutdown();
                }
            }
        }
    }
}

impl Shared {
    fn failed(&self, error: &hyper::Error) {
        self.counters.http_failed.add();
        tracing::debug!(peer = %self.info.peer(), %error, "HTTP connection failed");
    }
}
