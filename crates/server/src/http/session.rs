//! `/session` without a WebSocket: a session by Comet, long polling, polling and POST (sections 3, 4 and 8 of the protocol).

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bowline_core::{
    event_stream,
    session::{
        CARRIER_HEADER, CURSOR_HEADER, Cursor, Open, SESSION_HEADER, Secret, ServerSignal, VERSION, VERSION_HEADER,
        events,
    },
};
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, SEC_WEBSOCKET_PROTOCOL},
    request::Parts,
};
use http_body::Body as HttpBody;

use super::{
    Body,
    answer::Answer,
    authorize::{Grant, refusal},
    collect::{collect, malformed},
    guards::{Turned, of, retry_after},
    query,
    records::{Records, max_body},
    request::single,
    room::ACCEL_BUFFERING,
    service::Inner,
};
use crate::{
    listener::ConnectionSlot,
    metrics::{Refused, Transport},
    session::{Attached, Posted, Shared},
    transport::{Comet, Polled, Sitting, poll_session},
};

/// Which session a request is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Named {
    /// One to be opened.
    New,
    /// The one with this secret; `None` is none.
    Known(Option<Secret>),
}

impl Named {
    /// Of a request that asks for no WebSocket. A page can't send the header to another origin unless it is permitted to
    /// (threat S10).
    ///
    /// # Errors
    /// 400 without the header, and for another version of the protocol.
    pub(super) fn of(request: &Parts) -> Result<Self, Turned> {
        let Some(name) = single(&request.headers, &SESSION_HEADER) else {
            return Err(malformed(
                "Every request to this address has the header Bowline-Session, once: \"new\", or the session's secret.\n",
            ));
        };
        check_version(&request.headers)?;
        // What is no secret is answered as one that nobody has.
        Ok(if name == "new" { Self::New } else { Self::Known(name.parse().ok()) })
    }
}

/// What may give the right to a session isn't shown where the headers are, by an application's `{:?}` for example.
pub(super) fn redact(headers: &mut HeaderMap) {
    for (name, value) in headers {
        if *name == SESSION_HEADER || *name == SEC_WEBSOCKET_PROTOCOL {
            value.set_sensitive(true);
        }
    }
}

fn check_version(headers: &HeaderMap) -> Result<(), Turned> {
    let mut versions = headers.get_all(VERSION_HEADER).iter();
    if versions.all(|version| version.to_str().is_ok_and(|version| version.parse() == Ok(VERSION))) {
        return Ok(());
    }
    let text = "This server speaks another version of the session protocol; its own is in Bowline-Version.\n";
    let unspoken = refusal(StatusCode::BAD_REQUEST, text);
    // Fails for headers of the handshake's own only.
    let told = unspoken.clone().header(VERSION_HEADER, HeaderValue::from(VERSION));
    Err(Turned::new(Refused::Malformed, told.unwrap_or(unspoken)))
}

/// What the client has, if it says so.
pub(super) fn cursor(headers: &HeaderMap) -> Result<Option<Cursor>, Turned> {
    if !headers.contains_key(CURSOR_HEADER) {
        return Ok(None);
    }
    let wrong = |why: String| Turned::new(Refused::Malformed, of(StatusCode::BAD_REQUEST, why));
    let text = single(headers, &CURSOR_HEADER).ok_or_else(|| malformed("Bowline-Cursor stands once.\n"))?;
    text.parse().map(Some).map_err(|error| wrong(format!("Bowline-Cursor can't be read: {error}.\n")))
}

/// Takes note of what the client has.
pub(super) fn acknowledge(session: &Shared, headers: &HeaderMap) -> Result<(), Turned> {
    let Some(cursor) = cursor(headers)? else { return Ok(()) };
    session.acknowledge(&cursor).map_err(|error| {
        let text = format!("Bowline-Cursor is ahead of what was sent: {error}.\n");
        Turned::new(Refused::Malformed, of(StatusCode::BAD_REQUEST, text))
    })
}

impl Inner {
    /// A request that asks for no WebSocket.
    pub(super) async fn carry<B: HttpBody>(
        &self,
        parts: Parts,
        body: B,
        named: Named,
        mut grant: Grant,
    ) -> Result<Answer, Turned> {
        let headers = std::mem::take(&mut grant.headers);
        let answer = match (&parts.method, named) {
            (&Method::POST, Named::Known(secret)) => {
                let session = self.session(secret.as_ref(), &grant)?;
                self.post(&parts, body, &session, &grant).await?.into()
            }
            (&Method::DELETE, Named::Known(secret)) => {
                self.session(secret.as_ref(), &grant)?.close_by_peer();
                empty(StatusCode::NO_CONTENT).into()
            }
            (&Method::POST | &Method::DELETE, Named::New) => {
                return Err(malformed("A session is opened by GET, and this request is about one that there is.\n"));
            }
            (_, named) => self.read(parts, named, grant)?,
        };
        Ok(answer.with(headers))
    }

    /// The session, if there is one with this secret, and it is the client's: which of both it isn't, nobody is told
    /// (threat S8).
    pub(super) fn session(&self, secret: Option<&Secret>, grant: &Grant) -> Result<Arc<Shared>, Turned> {
        let found = secret.and_then(|secret| self.hub.carried(secret));
        found.filter(|session| session.identity == grant.identity).ok_or_else(unknown)
    }

    /// A GET: it attaches a carrier.
    fn read(&self, mut parts: Parts, named: Named, grant: Grant) -> Result<Answer, Turned> {
        let wait = query::wait(&parts)?.min(self.max_poll_wait);
        let is_comet = query::wants_event_stream(&parts.headers);
        let is_new = matches!(named, Named::New);
        let session = match named {
            Named::Known(secret) => {
                let session = self.session(secret.as_ref(), &grant)?;
                acknowledge(&session, &parts.headers)?;
                session
            }
            Named::New if cursor(&parts.headers)?.is_some() => {
                return Err(malformed("A new session has no Bowline-Cursor: nothing was sent yet.\n"));
            }
            Named::New => {
                self.guards.take_open(&parts, Instant::now())?;
                let handler = &*self.hub.config().handler;
                // The session is not the connection's, and must not count as one.
                parts.extensions.remove::<ConnectionSlot>();
                let request = Some(Box::new(parts));
                self.hub.open_carried(grant.identity, request, handler).ok_or_else(|| self.full())?
            }
        };
        let Attached { carrier, open } = session.attach_response(is_new).map_err(|_| unknown())?;
        if is_comet {
            if !is_new {
                self.hub.metrics().handles.resumed.increment(1);
            }
            let sitting = Sitting::new(session, carrier, Transport::SessionComet);
            let open = open_event(Open { heartbeat: Some(self.pace.heartbeat), ..open });
            let comet = Comet::new(sitting, &open, self.pace, self.max_stream_bytes);
            return Ok(events(StatusCode::OK, Body::comet(comet)).into());
        }
        let transport = if wait.is_zero() { Transport::SessionPoll } else { Transport::SessionLongPoll };
        let sitting = Sitting::new(session, carrier, transport);
        // Who has no session yet has nothing but its secret to wait for.
        let wait = if is_new { Duration::ZERO } else { wait };
        Ok(Answer::later(async move { polled(poll_session(sitting, wait).await, open, is_new) }))
    }

    /// A POST: its records are taken.
    async fn post<B: HttpBody>(
        &self,
        request: &Parts,
        body: B,
        session: &Shared,
        grant: &Grant,
    ) -> Result<Response<Body>, Turned> {
        acknowledge(session, &request.headers)?;
        let max_message = self.hub.config().connection.get_limits().get_max_message_size();
        // Held until its records have been taken.
        let mut share = self.bodies.share();
        self.check_post(request)?;
        let bytes = collect(&request.headers, body, max_body(max_message), &mut share).await?;
        if !bytes.is_empty() {
            check_type(&request.headers)?;
        }
        self.take_post(request, bytes.len())?;
        let Records { records, wrong } = Records::parse(&bytes, max_message)?;
        drop(bytes);
        let (status, last) = match session.post(records, &grant.rights) {
            Posted::Gone => return Err(unknown()),
            Posted::Taken(_) if let Some(wrong) = wrong => {
                let text = format!("A record can't be read, and those before it were taken: {wrong}.\n");
                return Err(Turned::new(Refused::Malformed, of(StatusCode::BAD_REQUEST, text)));
            }
            Posted::Taken(last) => (StatusCode::OK, last),
            Posted::Hole(last) => (StatusCode::CONFLICT, last),
        };
        let mut ack = Vec::new();
        events::append_signal(&mut ack, &ServerSignal::Ack(last));
        Ok(events(status, ack.into()))
    }

    /// No other session may be opened.
    pub(super) fn full(&self) -> Turned {
        if !self.hub.is_ready() {
            return super::service::draining();
        }
        let text = "The server has as many sessions as it may have. Try again later.\n";
        let full = retry_after(refusal(StatusCode::SERVICE_UNAVAILABLE, text), Duration::from_secs(1));
        Turned::new(Refused::Sessions, full)
    }
}

/// 404, the same whatever the reason.
pub(super) fn unknown() -> Turned {
    let text = "There is no such session. Open a new one, with \"Bowline-Session: new\".\n";
    let unknown = refusal(StatusCode::NOT_FOUND, text);
    // A 404 may be kept and given again where nothing forbids it (RFC 9110 §15.1). Fails for headers of the handshake's own only.
    let told = unknown.clone().header(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Turned::new(Refused::Session, told.unwrap_or(unknown))
}

fn polled(polled: Polled, open: Open, is_new: bool) -> Response<Body> {
    match polled {
        Polled::Events(mut blocks) => {
            blocks.push_front(open_event(open).into());
            events(StatusCode::OK, Body::blocks(blocks.into()))
        }
        Polled::Nothing if is_new => events(StatusCode::OK, open_event(open).into()),
        Polled::Nothing => empty(StatusCode::NO_CONTENT),
        Polled::Superseded => {
            let mut response = empty(StatusCode::NO_CONTENT);
            response.headers_mut().insert(CARRIER_HEADER, HeaderValue::from_static("superseded"));
            response
        }
    }
}

fn open_event(open: Open) -> Vec<u8> {
    let mut event = Vec::new();
    events::append_signal(&mut event, &ServerSignal::Open(open));
    event
}

fn check_type(headers: &HeaderMap) -> Result<(), Turned> {
    let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = named.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case(event_stream::CONTENT_TYPE) {
        return Ok(());
    }
    let text = "A session's records are an event stream. Send them with \"Content-Type: text/event-stream\".\n";
    Err(Turned::new(Refused::Malformed, refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, text)))
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn events(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(event_stream::CONTENT_TYPE));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}
