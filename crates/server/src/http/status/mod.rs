//! `/healthz`, `/readyz`, `/metrics`, and the page at `/`: what a server says of itself, beside the hub's addresses.

mod page;

use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE},
};
use serde_json::json;
use tower_service::Service;

use super::{Body, Guards};
use crate::hub::Hub;

/// What a server says of itself, as a tower `Service`. It asks nobody who they are: mount it where whoever may reach it
/// may know. [`guards`](Self::guards) has it look by which name it is asked.
///
/// - `/healthz`: 200 for as long as the process answers.
/// - `/readyz`: 200, and 503 while the hub is draining, so that a load balancer sends nobody new.
/// - `/metrics`: in Prometheus' format; 404 without feature `prometheus`.
/// - `/`: a page that says what is running and lets one try a room, or with `Accept: application/json` the figures
///   alone. The page is one file, and asks nothing of any other host.
#[derive(Clone)]
pub struct StatusService(Arc<Status>);

#[derive(Clone)]
struct Status {
    hub: Hub,
    version: Box<str>,
    since: Instant,
    guards: Guards,
}

impl Hub {
    /// The service for `/healthz`, `/readyz`, `/metrics` and `/`. Uptime counts from now; `version` is the program's.
    #[must_use]
    pub fn status(&self, version: &str) -> StatusService {
        let (hub, version, since) = (self.clone(), version.into(), Instant::now());
        StatusService(Arc::new(Status { hub, version, since, guards: Guards::new() }))
    }
}

impl StatusService {
    /// Of these guards the [`hosts`](Guards::hosts) count, at `/` and `/metrics`: a probe asks by whatever address it has.
    #[must_use]
    pub fn guards(self, guards: Guards) -> Self {
        Self(Arc::new(Status { guards, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// Whether one of its addresses is at this path, for whoever sorts requests.
    #[must_use]
    pub fn serves(path: &str) -> bool {
        matches!(path, "/" | "/healthz" | "/readyz" | "/metrics")
    }
}

impl fmt::Debug for StatusService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatusService").field("version", &self.0.version).finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for StatusService {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(self.0.answer(request.method(), request.uri(), request.headers())))
    }
}

impl Status {
    fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Response<Body> {
        let path = uri.path();
        if !StatusService::serves(path) {
            return text(StatusCode::NOT_FOUND, "Nothing is at this address.\n");
        }
        if method != Method::GET && method != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "This address takes GET and HEAD.\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        if matches!(path, "/" | "/metrics")
            && let Err(turned) = self.guards.check_host(uri, headers)
        {
            self.hub.metrics().handles.refused.of(turned.reason).increment(1);
            return turned.refusal.into_http().map(Body::from);
        }
        match path {
            "/healthz" => text(StatusCode::OK, "alive\n"),
            "/readyz" if self.hub.is_ready() => text(StatusCode::OK, "ready\n"),
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, "draining\n"),
            "/metrics" => self.metrics(),
            _ if wants_json(headers) => self.figures(),
            _ => page::response(),
        }
    }

    fn metrics(&self) -> Response<Body> {
        match self.hub.metrics().render() {
            Some(rendered) => of_type("text/plain; version=0.0.4; charset=utf-8", rendered),
            None => text(StatusCode::NOT_FOUND, "This server was built without metrics.\n"),
        }
    }

    fn figures(&self) -> Response<Body> {
        let metrics = self.hub.metrics();
        let figures = json!({
            "version": self.version,
            "uptime": self.since.elapsed().as_secs(),
            "ready": self.hub.is_ready(),
            "connections": metrics.connections(),
            "rooms": self.hub.room_count(),
        });
        of_type("application/json", figures.to_string())
    }
}

fn wants_json(headers: &HeaderMap) -> bool {
    headers.get(ACCEPT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"application/json"))
}

fn text(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = of_type("text/plain; charset=utf-8", text);
    *response.status_mut() = status;
    response
}

fn of_type(content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    // What it says is true now.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
