//! The hub's addresses as a tower service.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bowline_core::session::{SESSION_SUBPROTOCOL_PREFIX, SUBPROTOCOL};
use http::{
    HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{ALLOW, CONNECTION},
    request::Parts,
};
use http_body::Body as HttpBody;
use hyper::upgrade::OnUpgrade;
use tower_service::Service;
use tracing::Instrument as _;

use super::{
    Body, Guards, RequestExt as _,
    answer::Answer,
    authorize::refusal,
    bodies::Bodies,
    cors::{self, Cors},
    guards::{Turned, origin_of, retry_after},
    query,
    room::forbidden,
    route::{Route, not_found},
    session::{self, Named},
    upgrade::Ask,
};
use crate::{
    hub::Hub,
    listener::ConnectionInfo,
    log::Untrusted,
    metrics::{Label as _, Refused},
    span,
    transport::{MAX_STREAM_BYTES, Pace},
};

/// The hub's addresses as a tower `Service`: to be nested into axum (`nest_service`), or served by hyper. Cheap to clone.
///
/// - `GET /ws`: a WebSocket, with the hub's handler.
/// - `/session`: a session (`bowline.v1`, [the protocol](bowline_core::session::protocol)) with the hub's handler, which goes
///   from carrier to carrier and loses nothing: by a WebSocket with the subprotocol `bowline.v1` (at `/ws` too), by Comet, by
///   long polling, by polling; and POST and DELETE.
/// - `GET /rooms/{room}` with an upgrade: a WebSocket that is in the room, gets what is published there, and publishes
///   what it sends.
/// - `GET /rooms/{room}` with `Accept: text/event-stream`: the room as an event stream, for `EventSource` and curl.
/// - `GET /rooms/{room}` else: a long poll, held for `wait` seconds (at most 25, default 0) until there is something. The
///   answer is an event stream that ends, or 204 if nothing came; `Bowline-Position` says from where to ask on.
/// - `POST /rooms/{room}`: publishes the body, with `Content-Type: application/octet-stream` as bytes, else as text; with
///   an `Idempotency-Key` once, whose keys are those of the identity that `authorize` found, and else shared by all. The
///   answer is JSON, `{"position":"…","duplicate":false}`.
///
/// All have one kind of position, the `id` of an event: `Last-Event-ID`, or `since` in the query, goes on after it; else
/// `history` is how many of the room's latest publications come first. An event stream that isn't asked from a position begins
/// with an `id` without an event, so that whoever loses it before the first publication misses nothing: browsers remember it
/// (HTML Standard, "dispatch the event", step 1). A client that drops an `id` without data, as the package `eventsource` of npm
/// does, goes on with what comes after it is back; one that must not miss that polls once, and gives the position as `since`.
///
/// A WebSocket is opened by HTTP/1.1's upgrade or HTTP/2's extended CONNECT (RFC 8441). Errors have a text that says what to do.
#[derive(Clone)]
pub struct HubService(Arc<Inner>);

pub(super) struct Inner {
    pub(super) hub: Hub,
    pub(super) guards: Guards,
    pub(super) pace: Pace,
    pub(super) subprotocols: Arc<[Box<str>]>,
    pub(super) bodies: Arc<Bodies>,
    pub(super) max_poll_wait: Duration,
    pub(super) max_stream_bytes: usize,
    mount: Box<str>,
}

impl Hub {
    /// Its addresses as a tower `Service`. What requests have to pass is `guards`' to say.
    #[must_use]
    pub fn service(&self, guards: Guards) -> HubService {
        let pace = Pace {
            heartbeat: Duration::from_secs(15),
            max_age: Duration::from_secs(3_600),
            retry: Duration::from_secs(1),
        };
        let bodies = Arc::new(Bodies::new(MAX_POST_BYTES));
        let (hub, subprotocols) = (self.clone(), Arc::default());
        HubService(Arc::new(Inner {
            hub,
            guards,
            pace,
            subprotocols,
            bodies,
            max_poll_wait: query::MAX_WAIT,
            max_stream_bytes: MAX_STREAM_BYTES,
            mount: "".into(),
        }))
    }
}

impl HubService {
    /// What comes before `/ws`, `/session` and `/rooms/{room}` in the paths that it sees. Default nothing: axum's `nest_service`
    /// takes its prefix off. At other paths it answers 404.
    #[must_use]
    pub fn mount(self, path: &str) -> Self {
        self.with(|inner| inner.mount = path.trim_end_matches('/').into())
    }

    /// The subprotocols that the hub's handler speaks, best first; the first that a client offers is chosen (RFC 6455
    /// §1.9). A client that offers none of them is taken without. Default none.
    #[must_use]
    pub fn subprotocols<S: Into<Box<str>>>(self, names: impl IntoIterator<Item = S>) -> Self {
        self.with(|inner| inner.subprotocols = names.into_iter().map(Into::into).collect())
    }

    /// After how long without an event an event stream has a comment, so that nothing on the way takes it for dead. Default
    /// 15 s; from 10 ms to a year.
    #[must_use]
    pub fn heartbeat(self, interval: Duration) -> Self {
        self.with(|inner| inner.pace.heartbeat = interval.clamp(MIN_HEARTBEAT, YEAR))
    }

    /// After how long an event stream ends; its client is told to come back a second later, and misses nothing. Default
    /// 1 h, so that what was authorized once isn't for ever; at most a year. One whose client takes nothing is for the server to
    /// end, since nothing more is asked of it: as [`Server::write_timeout`](crate::listener::Server::write_timeout) does.
    #[must_use]
    pub fn max_stream_age(self, age: Duration) -> Self {
        self.with(|inner| inner.pace.max_age = age.min(YEAR))
    }

    /// Bounds how long a poll is held, whatever its client asks for. Default and at most 25 s: RFC 6202 §5.5 takes 30 s for
    /// safe on the way.
    #[must_use]
    pub fn max_poll_wait(self, wait: Duration) -> Self {
        self.with(|inner| inner.max_poll_wait = wait.min(query::MAX_WAIT))
    }

    /// After how many bytes the stream of a session (Comet) ends; its client attaches another at once. Default 16 MiB, so that
    /// a page which holds what a response had holds no more. `usize::MAX` turns it off. Costs no memory here.
    #[must_use]
    pub fn max_stream_bytes(self, max: usize) -> Self {
        self.with(|inner| inner.max_stream_bytes = max)
    }

    /// Bounds the bodies of POSTs that are being read or wait to be published, all together, in bytes. Default 64 MiB:
    /// each is bounded by `max_message_size`, but a connection of HTTP/2 may send 128 at a time, and slowly. Past it a
    /// POST is answered with 503 and `Retry-After`. Worst-case memory: twice this. `usize::MAX` turns it off.
    #[must_use]
    pub fn max_post_bytes(self, max: usize) -> Self {
        self.with(|inner| inner.bodies = Arc::new(Bodies::new(max)))
    }

    fn with(self, set: impl FnOnce(&mut Inner)) -> Self {
        let mut inner = Arc::try_unwrap(self.0).unwrap_or_else(|shared| shared.copy());
        set(&mut inner);
        Self(Arc::new(inner))
    }
}

impl fmt::Debug for HubService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubService")
            .field("guards", &self.0.guards)
            .field("mount", &self.0.mount)
            .finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for HubService
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
        let inner = Arc::clone(&self.0);
        // Out of the extensions, which the application may keep.
        let upgrade = hyper::upgrade::on(&mut request);
        let (parts, body) = request.into_parts();
        let span = span::of_request(&parts);
        Box::pin(async move { Ok(inner.respond(parts, body, upgrade).await) }.instrument(span))
    }
}

impl Inner {
    fn copy(&self) -> Self {
        Self {
            hub: self.hub.clone(),
            guards: self.guards.clone(),
            pace: self.pace,
            subprotocols: Arc::clone(&self.subprotocols),
            bodies: Arc::clone(&self.bodies),
            max_poll_wait: self.max_poll_wait,
            max_stream_bytes: self.max_stream_bytes,
            mount: self.mount.clone(),
        }
    }

    async fn respond<B: HttpBody>(&self, parts: Parts, body: B, upgrade: OnUpgrade) -> Response<Body> {
        // Copies: what is of the request itself would keep the connection's read buffer while it is held.
        let origin = origin_of(&parts);
        let (asked, path) = (Asked::of(&parts), Box::<str>::from(parts.uri.path()));
        let answered = Box::pin(self.answer(parts, body, upgrade)).await;
        let (mut response, is_foreign) = match answered {
            Ok(answer) => (answer.response().await, false),
            Err(turned) => {
                self.hub.metrics().handles.refused.of(turned.reason).increment(1);
                asked.tell(&turned, &path, origin.as_ref());
                (asked.turned(turned.refusal), matches!(turned.reason, Refused::Origin | Refused::Host))
            }
        };
        let origin = origin.filter(|_| !is_foreign);
        if asked.is_head {
            // RFC 9113 §8.1.1: its answer has none, and hyper leaves that to whoever answers.
            *response.body_mut() = Body::empty();
        }
        let headers = response.headers_mut();
        if !asked.is_web_socket {
            self.guards.decorate(origin.as_ref(), headers);
        }
        headers.insert(NOSNIFF, HeaderValue::from_static("nosniff"));
        response
    }

    async fn answer<B: HttpBody>(&self, mut parts: Parts, body: B, upgrade: OnUpgrade) -> Result<Answer, Turned> {
        session::redact(&mut parts.headers);
        self.guards.check(&parts)?;
        let path = parts.uri.path().strip_prefix(&*self.mount).ok_or_else(not_found)?;
        let route = Route::parse(path)?;
        if parts.method == Method::OPTIONS {
            return Ok(options(&parts, &route).into());
        }
        let ask = Ask::of(&parts)?;
        // A session that there is goes on until it is told of its end.
        let named = if route == Route::Session && ask.is_none() { Some(Named::of(&parts)?) } else { None };
        check_method(&parts.method, &route, ask)?;
        let resumes = matches!(route, Route::Session | Route::WebSocket)
            && parts.subprotocol_token(SESSION_SUBPROTOCOL_PREFIX).is_some();
        if !self.hub.is_ready() && !resumes && !matches!(named, Some(Named::Known(_))) {
            return Err(draining());
        }
        let parts = Arc::new(parts);
        let mut grant = self.guards.ask(&parts).await?;
        let mut parts = Arc::unwrap_or_clone(parts);
        parts.extensions.extend(std::mem::take(&mut grant.extensions));
        match route {
            Route::Session if let Some(named) = named => self.carry(parts, body, named, grant).await,
            Route::Session => self.open_session(parts, ask, upgrade, grant).map(Answer::Now),
            Route::WebSocket if ask.is_some() && query::offers(&parts.headers, SUBPROTOCOL) => {
                self.open_session(parts, ask, upgrade, grant).map(Answer::Now)
            }
            Route::WebSocket => self.open_web_socket(parts, ask, upgrade, grant).map(Answer::Now),
            Route::Room(name) if parts.method != Method::POST && !grant.rights.may_join(&name) => {
                Err(forbidden("You may not join this room.\n"))
            }
            Route::Room(name) if ask.is_some() => self.open_room(parts, ask, upgrade, grant, &name).map(Answer::Now),
            Route::Room(name) => {
                let answer = if parts.method == Method::POST {
                    self.publish(&parts, body, name, &grant).await?.into()
                } else {
                    self.read_room(&parts, &name)?
                };
                Ok(answer.with(grant.headers))
            }
        }
    }
}

/// What of a request its refusal depends on.
#[derive(Clone, Copy)]
struct Asked {
    is_http1: bool,
    is_head: bool,
    is_web_socket: bool,
    connection: Option<ConnectionInfo>,
}

impl Asked {
    fn of(request: &Parts) -> Self {
        let is_web_socket = !matches!(Ask::of(request), Ok(None));
        let (is_http1, is_head) = (request.version < Version::HTTP_2, request.method == Method::HEAD);
        Self { is_http1, is_head, is_web_socket, connection: request.connection() }
    }

    /// For the log. Without the query, where a ticket may be.
    fn tell(self, turned: &Turned, path: &str, origin: Option<&HeaderValue>) {
        tracing::debug!(
            reason = turned.reason.as_str(),
            status = turned.refusal.status().as_u16(),
            path = %Untrusted(path),
            origin = origin.and_then(|origin| origin.to_str().ok()).map(|origin| display(Untrusted(origin))),
            peer = self.connection.map(|connection| display(connection.peer())),
            "a request was refused"
        );
    }

    fn turned(self, refusal: bowline_core::handshake::Refusal) -> Response<Body> {
        let mut response = refusal.into_http().map(Body::from);
        // H7: what follows a refused upgrade on its connection must not be read as a request. Others need not end
        // theirs, and HTTP/2 knows no such header (RFC 9113 §8.2.2).
        if !(self.is_http1 && self.is_web_socket) {
            response.headers_mut().remove(CONNECTION);
        }
        response
    }
}

const MAX_POST_BYTES: usize = 64 << 20;
const MIN_HEARTBEAT: Duration = Duration::from_millis(10);
/// Far away, but a time that can be reckoned with.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

const NOSNIFF: HeaderName = HeaderName::from_static("x-content-type-options");

fn options(request: &Parts, route: &Route) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let methods = HeaderValue::from_static(route.methods());
    if cors::is_preflight(request) {
        Cors::preflight(response.headers_mut(), methods);
    } else {
        response.headers_mut().insert(ALLOW, methods);
    }
    response
}

fn check_method(method: &Method, route: &Route, ask: Option<Ask>) -> Result<(), Turned> {
    let fits = match ask {
        Some(Ask::ExtendedConnect) => true,
        Some(Ask::Upgrade) => method == Method::GET,
        None => route.takes(method),
    };
    if fits {
        return Ok(());
    }
    let text = "This address doesn't take this method.\n";
    let wrong = refusal(StatusCode::METHOD_NOT_ALLOWED, text);
    // Fails for headers of the handshake's own only.
    let told = wrong.clone().header(ALLOW, HeaderValue::from_static(route.methods()));
    Err(Turned::new(Refused::NotFound, told.unwrap_or(wrong)))
}

/// 503, with a time that differs from client to client, so that they don't all come back at once.
pub(super) fn draining() -> Turned {
    let wait = Duration::from_secs(rand::random_range(1..=5));
    let text = "The server is going down. Come back, and you will find another.\n";
    Turned::new(Refused::Draining, retry_after(refusal(StatusCode::SERVICE_UNAVAILABLE, text), wait))
}
