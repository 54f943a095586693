//! Requests.

use std::{error::Error as _, fmt::Write as _, future::Future, pin::Pin, time::Duration};

use bowline_core::{
    event_stream,
    session::{CURSOR_HEADER, Cursor, SESSION_HEADER, Secret, VERSION_HEADER},
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, PROXY_AUTHORIZATION},
};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{
        Client,
        connect::{CaptureConnection, capture_connection},
    },
    rt::{TokioExecutor, TokioTimer},
};

use super::{Dialer, Target};

/// An answer, whose body is still to come.
pub(crate) type Response = http::Response<Incoming>;

/// A request under way, and whether it went out.
pub(crate) struct Asked {
    pub(crate) sent: Pin<Box<dyn Future<Output = ()> + Send>>,
    pub(crate) answer: Pin<Box<dyn Future<Output = Result<Response, NoAnswer>> + Send>>,
}

/// Why there was no answer.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    /// Nobody was reached.
    pub(crate) unreachable: bool,
    pub(crate) reason: String,
}

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Of a poll, how long the server may hold it.
    pub(crate) wait: Option<Duration>,
    /// The session; `None` for a new one.
    pub(crate) session: Option<Secret>,
    pub(crate) cursor: Option<Cursor>,
    /// The application's.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Request {
    /// Its head for people, without what gives a right to something.
    pub(crate) fn show(&self, target: &Target) -> String {
        let mut shown = format!("{} {}", self.method, target.path_and_query(self.wait.map(|wait| wait.as_secs())));
        let session = self.session.as_ref().map_or_else(|| "new".to_owned(), |secret| format!("{}.…", secret.node()));
        let _ = write!(shown, "\nBowline-Session: {session}");
        if let Some(cursor) = &self.cursor {
            let _ = write!(shown, "\nBowline-Cursor: {cursor}");
        }
        for (name, value) in target.headers().iter().chain(&self.headers) {
            let is_secret = value.is_sensitive() || SECRET_HEADERS.contains(name);
            let value = if is_secret { "…".into() } else { String::from_utf8_lossy(value.as_bytes()) };
            let _ = write!(shown, "\n{name}: {}", value.escape_debug());
        }
        shown
    }
}

/// What is not shown, whatever its value.
pub(crate) const SECRET_HEADERS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

/// Connections that requests go by, kept for the next.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client<Dialer, Full<Bytes>>,
    dialer: Dialer,
}

/// Idle connections that are kept: one for what is asked, one for what is sent, and one more.
const MAX_IDLE: usize = 3;
/// How long an idle connection is kept; most servers end it after a minute.
const IDLE_TIMEOUT: Duration = Duration::from_secs(45);
/// HTTP/2 has one connection, which must be found out to be dead.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);

impl Http {
    /// Without any connection yet.
    pub(crate) fn new(dialer: &Dialer, max_headers: usize, max_head_size: usize) -> Self {
        let dialer = dialer.for_http();
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(MAX_IDLE)
            .pool_idle_timeout(IDLE_TIMEOUT)
            // hyper asks for 8 KiB at least.
            .http1_max_buf_size(max_head_size.max(8 << 10))
            .http1_max_headers(max_headers)
            .http2_max_header_list_size(u32::try_from(max_head_size).unwrap_or(u32::MAX))
            .http2_keep_alive_interval(HTTP2_PING_INTERVAL)
            .http2_keep_alive_timeout(HTTP2_PING_INTERVAL)
            .build(dialer.clone());
        Self { client, dialer }
    }

    /// Asks. Time is the caller's to bound; dropping it ends the request.
    pub(crate) fn ask(&self, request: Request) -> Asked {
        let mut request = match self.request(request) {
            Ok(request) => request,
            Err(error) => {
                let failed = async move { Err(NoAnswer { unreachable: false, reason: error.to_string() }) };
                return Asked { sent: Box::pin(std::future::pending()), answer: Box::pin(failed) };
            }
        };
        let mut captured: CaptureConnection = capture_connection(&mut request);
        let answer = self.client.request(request);
        Asked {
            sent: Box::pin(async move {
                captured.wait_for_connection_metadata().await;
            }),
            answer: Box::pin(async move { answer.await.map_err(|error| no_answer(&error)) }),
        }
    }

    fn request(&self, request: Request) -> Result<http::Request<Full<Bytes>>, http::Error> {
        let target = self.dialer.target();
        let uri = target.uri(request.wait.map(|wait| wait.as_secs())).unwrap_or_default();
        let mut built = http::Request::builder().method(request.method.clone()).uri(uri);
        if let Some(headers) = built.headers_mut() {
            headers.extend(target.headers().clone());
            headers.extend(request.headers);
            headers.insert(VERSION_HEADER, HeaderValue::from_static("1"));
        }
        let session = request.session.map_or_else(|| "new".to_owned(), |secret| secret.to_string());
        let mut session = HeaderValue::try_from(session)?;
        // Keeps it out of logs and out of HPACK's tables.
        session.set_sensitive(true);
        built = built.header(SESSION_HEADER, session);
        if let Some(cursor) = request.cursor {
            built = built.header(CURSOR_HEADER, cursor.to_string());
        }
        built = match request.method {
            Method::POST => built.header(CONTENT_TYPE, event_stream::CONTENT_TYPE),
            Method::GET if request.wait.is_none() => built.header(ACCEPT, event_stream::CONTENT_TYPE),
            _ => built,
        };
        built.body(Full::new(request.body))
    }
}

fn no_answer(error: &hyper_util::client::legacy::Error) -> NoAnswer {
    // What hyper's client says itself is only where it happened.
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        reason = error.to_string();
        source = error.source();
    }
    NoAnswer { unreachable: error.is_connect(), reason }
}
