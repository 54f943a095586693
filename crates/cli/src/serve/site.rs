//! What is at which address.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use bowline_server::Hub;
use bowline_server::http::{Body, HubService, StatusService};
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use http_body::Body as HttpBody;
use tower_service::Service;

use super::build;
use super::settings::Settings;
use crate::failure::Failure;

/// The hub's addresses, `/echo`, and what the server says of itself. Clones are the same site.
#[derive(Clone, Debug)]
pub(super) struct Site(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    hub: Hub,
    status: StatusService,
    current: RwLock<Arc<Current>>,
}

/// What a reload replaces. Requests that are under way end as they began.
#[derive(Debug)]
struct Current {
    hub: HubService,
    status: StatusService,
    metrics: bool,
    page: bool,
}

impl Current {
    fn new(hub: &Hub, status: &StatusService, settings: &Settings) -> Result<Self, Failure> {
        let guards = build::guards(&settings.guards)?;
        let status = status.clone().guards(guards.clone());
        let service = hub
            .service(guards)
            .max_post_bytes(settings.guards.max_post_bytes.0)
            .heartbeat(settings.keepalive.heartbeat.0)
            .max_stream_age(settings.keepalive.max_stream_age.0)
            .max_poll_wait(settings.sessions.max_poll_wait.0)
            .max_stream_bytes(settings.sessions.max_stream_bytes.0);
        Ok(Self { hub: service, status, metrics: settings.status.metrics.0, page: settings.status.page.0 })
    }

    fn hides(&self, path: &str) -> bool {
        path == "/metrics" && !self.metrics || path == "/" && !self.page
    }
}

impl Site {
    pub(super) fn new(hub: &Hub, settings: &Settings) -> Result<Self, Failure> {
        let status = hub.status(env!("CARGO_PKG_VERSION"));
        let current = RwLock::new(Arc::new(Current::new(hub, &status, settings)?));
        Ok(Self(Arc::new(Inner { hub: hub.clone(), status, current })))
    }

    /// Puts other settings in force, for requests that come from now on.
    pub(super) fn reload(&self, settings: &Settings) -> Result<(), Failure> {
        let current = Arc::new(Current::new(&self.0.hub, &self.0.status, settings)?);
        // Nothing panics while it is held.
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(())
    }

    fn current(&self) -> Arc<Current> {
        Arc::clone(&self.0.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<B> Service<Request<B>> for Site
where
    B: HttpBody + Send + 'static,
    B::Data: Send,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let current = self.current();
        let path = request.uri().path();
        if StatusService::serves(path) && !current.hides(path) {
            let mut status = current.status.clone();
            return Box::pin(status.call(request));
        }
        if path == "/echo"
            && let Some(uri) = session(request.uri())
        {
            *request.uri_mut() = uri;
        }
        let mut hub = current.hub.clone();
        hub.call(request)
    }
}

/// The address of the hub's own handler, which sends every message back.
fn session(uri: &Uri) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("/ws{query}")).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn echo_is_another_name_for_the_session() {
        for (from, to) in
            [("/echo", "/ws"), ("/echo?a=b", "/ws?a=b"), ("https://a.example/echo", "https://a.example/ws")]
        {
            assert_eq!(session(&from.parse().unwrap()).map(|uri| uri.to_string()).as_deref(), Some(to));
        }
    }
}
