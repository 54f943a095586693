//! What is sent over HTTP.

use std::time::Duration;

use bowline_core::{
    event_stream::{Parser, Piece},
    session::{Secret, ServerRecord, ServerSignal, events},
};
use http::{HeaderMap, Method, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use tokio::time::timeout;

use super::{End, answer::retry_after, end_of};
use crate::{
    Transport,
    config::Config,
    net::{Http, Request, Response},
    policy::FailureKind,
};

/// The longest answer to a `POST`: one event.
const MAX_ANSWER: usize = 4 << 10;

/// What came of a `POST`.
#[derive(Debug)]
pub(crate) enum Posted {
    /// The server has the records up to this one.
    Acked(u64),
    /// It took what it took; whatever comes behind it is to be sent again after a while.
    Later(Option<Duration>),
    /// It is more than the server takes at once.
    TooLarge,
    /// The carrier, or the session, is no more.
    Ended(End),
}

/// Sends records, and acknowledges. `transport` is that of the carrier meanwhile.
pub(crate) async fn post(http: Http, config: &Config, transport: Transport, request: Request) -> Posted {
    config
        .wire
        .sent(transport, || format!("{}\n({} bytes of records)", request.show(&config.target), request.body.len()));
    let asking = async {
        let answer = http.ask(request).answer.await.map_err(|error| error.reason)?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
        Ok::<_, String>((parts, body.to_bytes()))
    };
    let (parts, body) = match timeout(config.request_timeout, asking).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(why)) => {
            config.wire.came(transport, || format!("no answer: {why}"));
            return Posted::Later(None);
        }
        Err(_) => return Posted::Later(None),
    };
    config.wire.came(transport, || parts.status.to_string());
    match (parts.status, acked(&body)) {
        // RFC 9110 §15.5.14.
        (StatusCode::PAYLOAD_TOO_LARGE, _) => Posted::TooLarge,
        (StatusCode::OK | StatusCode::CONFLICT, Some(number)) => Posted::Acked(number),
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT, _) => Posted::Later(retry_after(&parts.headers)),
        (status, _) if status.is_server_error() => Posted::Later(retry_after(&parts.headers)),
        (status, _) => {
            Posted::Ended(end_of(status, &parts.headers, true).unwrap_or_else(|| {
                End::new(FailureKind::Broken, "the answer to what was sent doesn't say what arrived")
            }))
        }
    }
}

/// The number in the event `ack`.
fn acked(body: &[u8]) -> Option<u64> {
    let mut parser = Parser::new(MAX_ANSWER);
    parser.push(body);
    while let Ok(Some(piece)) = parser.next() {
        if let Piece::Event(event) = piece
            && let Ok(events::Item::Signal(ServerSignal::Ack(number))) = events::read::<ServerRecord>(&event)
        {
            return Some(number);
        }
    }
    None
}

/// Ends a session. Whether the server said so.
pub(crate) async fn delete(
    http: Http,
    config: &Config,
    transport: Transport,
    secret: Secret,
    headers: HeaderMap,
) -> bool {
    let request = Request {
        method: Method::DELETE,
        wait: None,
        session: Some(secret),
        cursor: None,
        headers,
        body: bytes::Bytes::new(),
    };
    config.wire.sent(transport, || request.show(&config.target));
    let answer = timeout(config.close_timeout, http.ask(request).answer).await;
    answer.is_ok_and(|answer| answer.is_ok_and(|answer: Response| answer.status().is_success()))
}
