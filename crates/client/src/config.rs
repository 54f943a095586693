//! What a client was built with, checked.

use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bowline_core::connection;
use http::HeaderMap;

use crate::{exchange::Wire, net::Target, policy, queue, session};

/// What the application's own code fails with.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

type Headers = Pin<Box<dyn Future<Output = Result<HeaderMap, BoxError>> + Send>>;

/// What a client was built with.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) target: Target,
    pub(crate) headers: HeaderMap,
    pub(crate) auth: Option<Auth>,
    pub(crate) subprotocols: Vec<String>,
    /// Of WebSockets.
    pub(crate) connection: Arc<connection::Config>,
    pub(crate) max_message_size: usize,
    pub(crate) max_headers: usize,
    pub(crate) max_head_size: usize,
    pub(crate) max_post_size: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) close_timeout: Duration,
    pub(crate) poll_interval: Duration,
    pub(crate) policy: policy::Config,
    pub(crate) queue: queue::Bounds,
    pub(crate) session: session::Bounds,
    pub(crate) wire: Wire,
}

/// Where headers come from that change: the application's callback.
#[derive(Clone)]
pub(crate) struct Auth(Arc<dyn Fn() -> Headers + Send + Sync>);

impl Auth {
    pub(crate) fn new<F, E>(callback: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<HeaderMap, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Self(Arc::new(move || {
            let headers = callback();
            Box::pin(async move { headers.await.map_err(Into::into) })
        }))
    }

    pub(crate) fn headers(&self) -> Headers {
        (self.0)()
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Auth")
    }
}
