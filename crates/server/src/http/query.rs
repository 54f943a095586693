//! What a request for a room asks: from where on, and how.

use std::time::Duration;

use http::{HeaderMap, HeaderName, header::ACCEPT, request::Parts};

use super::{RequestExt as _, collect::malformed, guards::Turned, request::offered};
use crate::room::Start;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The longest that a poll is held: RFC 6202 §5.5 takes 30 s for safe, less some for the way.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(25);

/// From where on the room is wanted: after `Last-Event-ID`, else after `since`, else the last `history`, else what
/// comes from now on. The header is first because an `EventSource` that comes back still has the `since` that it began
/// with in its address.
pub(super) fn start(request: &Parts) -> Result<Start, Turned> {
    let header = request.headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?"));
    let header = header.filter(|id| !id.is_empty());
    let since = request.query("since");
    if let Some(position) = header.or(since.as_deref()).filter(|position| !position.is_empty()) {
        let parsed = position.parse().map(Start::After);
        return parsed.map_err(|_| malformed("since and Last-Event-ID are the id of an event: <epoch>-<offset>.\n"));
    }
    match request.query("history") {
        None => Ok(Start::Newest),
        Some(count) => match number(&count) {
            Some(count) => Ok(Start::Last(count)),
            None => Err(malformed("history is a number of publications.\n")),
        },
    }
}

/// How long a poll may be held: `wait` in seconds, a fraction allowed, at most [`MAX_WAIT`]; not at all without it.
pub(super) fn wait(request: &Parts) -> Result<Duration, Turned> {
    match request.query("wait") {
        None => Ok(Duration::ZERO),
        Some(wait) => seconds(&wait)
            .map(|wait| wait.min(MAX_WAIT))
            .ok_or_else(|| malformed("wait is a number of seconds, as 25 or 0.5.\n")),
    }
}

/// Digits, and maybe a full stop and more digits.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    number(whole).and(number(fraction))?;
    text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
}

/// Whether the client asks for an event stream by name; `*/*`, as curl sends it, doesn't.
pub(super) fn wants_event_stream(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|range| {
        let mut parts = range.split(';').map(|part| part.trim_matches([' ', '\t']));
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("text/event-stream")) && !parts.any(is_weight_of_0)
    })
}

/// RFC 9110 §12.4.2: a weight of 0 means "not acceptable".
fn is_weight_of_0(parameter: &str) -> bool {
    let weight = parameter.strip_prefix(['q', 'Q']).and_then(|rest| rest.strip_prefix('='));
    weight.is_some_and(|weight| weight.starts_with('0') && weight.bytes().all(|byte| matches!(byte, b'0' | b'.')))
}

/// Whether the client offers this subprotocol.
pub(super) fn offers(headers: &HeaderMap, subprotocol: &str) -> bool {
    offered(headers).any(|offer| offer == subprotocol)
}

/// Digits only, and at most so many that it can't run over.
fn number(text: &str) -> Option<u64> {
    let is_number = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}
