//! The spans that log lines stand in: `request` and `session`, at level debug, since a subscriber holds an open one in some
//! hundred bytes. What a peer chose is escaped and bounded in them (threat S13).

use http::{HeaderMap, header::ORIGIN, request::Parts};
use tracing::{Span, debug_span, field};

use crate::{http::RequestExt as _, log::Untrusted, session::SessionId};

/// The span of a request, until it is answered.
pub(crate) fn of_request(request: &Parts) -> Span {
    debug_span!(
        "request",
        method = %Untrusted(request.method.as_str()),
        path = %Untrusted(request.uri.path()),
        peer = peer(request),
        origin = origin(&request.headers).map(field::display),
    )
}

/// The span of a session, which its handler runs in; `None` where nobody listens.
pub(crate) fn of_session(id: SessionId, identity: Option<&str>, request: Option<&Parts>) -> Option<Box<Span>> {
    let span = debug_span!(
        "session",
        %id,
        identity = identity.map(|identity| field::display(Untrusted(identity))),
        path = request.map(|request| field::display(Untrusted(request.uri.path()))),
        peer = request.and_then(peer),
    );
    (!span.is_disabled()).then(|| Box::new(span))
}

fn origin(headers: &HeaderMap) -> Option<Untrusted<'_>> {
    headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).map(Untrusted)
}

fn peer(request: &Parts) -> Option<field::DisplayValue<std::net::SocketAddr>> {
    request.connection().map(|connection| field::display(connection.peer()))
}
