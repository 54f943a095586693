//! `/rooms/{room}` without a WebSocket: event stream, long poll, and publishing.

use std::time::{Duration, Instant};

use bowline_core::{Message, Utf8Bytes, event_stream};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
    request::Parts,
};
use http_body::Body as HttpBody;
use serde_json::json;
use tokio::time::timeout;

use super::{
    Body,
    answer::Answer,
    authorize::{Grant, refusal},
    collect::{claimed, collect, malformed},
    guards::{Turned, of, retry_after},
    query,
    service::Inner,
};
use crate::{
    metrics::{Limited, Refused},
    room::{Encoding, JoinError, Position, Publication, PublishError, Room, RoomName, Start},
    transport::{EventStream, poll},
};

/// From where to ask on, in the response to a poll or a publication.
const POSITION: HeaderName = HeaderName::from_static("bowline-position");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// nginx gives out a response as it comes if told so.
pub(super) const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How long a publication may wait for a room that pushes back.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(10);

impl Inner {
    /// A GET or HEAD that asks for no WebSocket.
    pub(super) fn read_room(&self, request: &Parts, name: &RoomName) -> Result<Answer, Turned> {
        let start = query::start(request)?;
        let wait = query::wait(request)?;
        if query::wants_event_stream(&request.headers) {
            return self.event_stream(request, name, start).map(Answer::Now);
        }
        if request.method == Method::HEAD {
            let position = self.with_room(name, |room| Ok(room.position()))?;
            return Ok(polled(StatusCode::OK, Body::empty(), position).into());
        }
        let reader = self.with_room(name, |room| room.reader(start, Encoding::EventStream, false))?;
        let hub = self.hub.clone();
        Ok(Answer::later(async move {
            let answer = poll(reader, wait, &hub).await;
            let status = if answer.blocks.is_empty() { StatusCode::NO_CONTENT } else { StatusCode::OK };
            polled(status, Body::blocks(answer.blocks), answer.position)
        }))
    }

    fn event_stream(&self, request: &Parts, name: &RoomName, start: Start) -> Result<Response<Body>, Turned> {
        let body = if request.method == Method::HEAD {
            Body::empty()
        } else {
            let reader = self.with_room(name, |room| room.reader(start, Encoding::EventStream, true))?;
            // Whoever says where it was knows; and if it is to be told of a gap, a place past that would hide it.
            Body::stream(EventStream::new(reader, !matches!(start, Start::After(_)), self.pace, &self.hub))
        };
        let mut response = Response::new(body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(event_stream::CONTENT_TYPE));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
        Ok(response)
    }

    /// A POST: its body is published.
    pub(super) async fn publish<B: HttpBody>(
        &self,
        request: &Parts,
        body: B,
        name: RoomName,
        grant: &Grant,
    ) -> Result<Response<Body>, Turned> {
        if !grant.rights.may_publish(&name) {
            return Err(forbidden("You may not publish in this room.\n"));
        }
        let max = self.hub.config().connection.get_limits().get_max_message_size();
        let key = idempotency_key(&request.headers)?;
        self.check_post(request)?;
        // Held until it is published, for which it may have to wait.
        let mut share = self.bodies.share();
        let bytes = collect(&request.headers, body, max, &mut share).await?;
        self.take_post(request, bytes.len())?;
        let mut publication = Publication::new(message(&request.headers, bytes)?);
        if let Some(key) = key {
            publication = publication.attempt_of(grant.identity.as_ref(), key);
        }
        let room = self.with_room(&name, |room| Ok(room.clone()))?;
        // Dropped while it waits, nothing is published.
        let published = match timeout(PUBLISH_TIMEOUT, room.publish(publication)).await {
            Ok(published) => published.map_err(not_published)?,
            Err(_) => return Err(not_published(PublishError::Backpressure)),
        };
        let position = published.position;
        let answer = json!({ "position": position.to_string(), "duplicate": published.duplicate });
        let mut response = Response::new(Body::from(format!("{answer}\n")));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        insert_position(headers, position);
        Ok(response)
    }

    /// Whether one more POST may come from its address, as far as that is known before its body is read.
    pub(super) fn check_post(&self, request: &Parts) -> Result<(), Turned> {
        let claims = claimed(&request.headers).unwrap_or(0);
        self.guards.check_post(request, claims, Instant::now()).inspect_err(|_| self.limited())
    }

    /// The same once its body is there.
    pub(super) fn take_post(&self, request: &Parts, bytes: usize) -> Result<(), Turned> {
        self.guards.take_post(request, bytes as u64, Instant::now()).inspect_err(|_| self.limited())
    }

    fn limited(&self) {
        self.hub.metrics().handles.rate_limited.of(Limited::Post).increment(1);
    }

    /// Does something with the room, which is opened if need be.
    pub(super) fn with_room<T>(
        &self,
        name: &RoomName,
        run: impl Fn(&Room) -> Result<T, JoinError>,
    ) -> Result<T, Turned> {
        /// A room may vanish between being found and being entered, but hardly twice in a row.
        const ATTEMPTS: usize = 8;
        let busy = |text| Turned::new(Refused::Rooms, retry_after(of(StatusCode::SERVICE_UNAVAILABLE, text), RETRY));
        let mut failed = JoinError::Gone;
        for _ in 0..ATTEMPTS {
            let room = self.hub.room(name.clone()).map_err(|error| busy(format!("There is no room: {error}.\n")))?;
            match run(&room) {
                Ok(done) => return Ok(done),
                Err(error) => failed = error,
            }
            if failed != JoinError::Gone {
                break;
            }
        }
        Err(busy(format!("The room can't be joined: {failed}.\n")))
    }
}

/// After how long a client may hope for what it was refused for want of room.
const RETRY: Duration = Duration::from_secs(1);

fn polled(status: StatusCode, body: Body, position: Position) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if status != StatusCode::NO_CONTENT {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(event_stream::CONTENT_TYPE));
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    insert_position(headers, position);
    response
}

fn insert_position(headers: &mut HeaderMap, position: Position) {
    // Base64url, a hyphen and digits: always a value.
    if let Ok(value) = HeaderValue::from_str(&position.to_string()) {
        headers.insert(POSITION, value);
    }
}

/// Bytes where the type says so, else text.
fn message(headers: &HeaderMap, bytes: Bytes) -> Result<Message, Turned> {
    let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = named.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/octet-stream") {
        return Ok(Message::Binary(bytes));
    }
    let text = Utf8Bytes::try_from(bytes);
    text.map(Message::Text).map_err(|_| {
        malformed("The body is not UTF-8. Send text, or bytes with \"Content-Type: application/octet-stream\".\n")
    })
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Turned> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().filter(|key| (1..=Publication::MAX_KEY).contains(&key.len()));
    match key {
        Some(key) if values.next().is_none() => Ok(Some(key)),
        _ => Err(malformed("Idempotency-Key stands once, with 1 to 255 characters of ASCII.\n")),
    }
}

fn not_published(error: PublishError) -> Turned {
    let text = format!("Nothing was published: {error}.\n");
    match error {
        PublishError::TooLarge { .. } => Turned::new(Refused::TooLarge, of(StatusCode::PAYLOAD_TOO_LARGE, text)),
        PublishError::Backpressure => {
            Turned::new(Refused::Rate, retry_after(of(StatusCode::SERVICE_UNAVAILABLE, text), RETRY))
        }
        PublishError::KeyTooLong => Turned::new(Refused::Malformed, of(StatusCode::BAD_REQUEST, text)),
    }
}

/// 403, with what isn't allowed.
pub(super) fn forbidden(text: &'static str) -> Turned {
    Turned::new(Refused::Unauthorized, refusal(StatusCode::FORBIDDEN, text))
}
