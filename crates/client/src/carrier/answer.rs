//! What an answer means for the next try.

use std::time::{Duration, SystemTime};

use bowline_core::{event_stream, session::CARRIER_HEADER};
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_TYPE, DATE, LOCATION, RETRY_AFTER},
};
use httpdate::parse_http_date;

use super::End;
use crate::policy::FailureKind;

/// Why an answer is of no use; `None` for one that is. `has_session` if it was asked for one that there is.
pub(crate) fn end_of(status: StatusCode, headers: &HeaderMap, has_session: bool) -> Option<End> {
    if status == StatusCode::NO_CONTENT {
        let is_superseded = headers.get(CARRIER_HEADER).is_some_and(|value| value == "superseded");
        return is_superseded.then(|| End::new(FailureKind::Superseded, "another carrier took over"));
    }
    let kind = match status.as_u16() {
        200 if is_event_stream(headers) => return None,
        // A portal's page, or the way to it.
        200..=299 | 302 | 303 | 307 => FailureKind::Broken,
        404 => FailureKind::Gone,
        // What it says of the session can't be read: it has ended at the server.
        400 if has_session => FailureKind::Gone,
        408 | 425 | 429 | 500.. => FailureKind::Broken,
        _ => FailureKind::Refused,
    };
    let mut end = End::new(kind, describe(status, headers)).floor(retry_after(headers));
    end.status = Some(status);
    Some(end)
}

fn describe(status: StatusCode, headers: &HeaderMap) -> String {
    let text =
        |name| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).escape_debug().to_string());
    match (status.as_u16(), text(CONTENT_TYPE), text(LOCATION)) {
        (200..=299, Some(found), _) => format!("the server answered with {found} instead of an event stream"),
        (300..=399, _, Some(to)) => {
            format!("the server answered {status}: the session is elsewhere, at {to}; use that")
        }
        (404, ..) => format!("the server answered {status}: no session is there; check the URL's path"),
        (401 | 403, ..) => {
            format!("the server answered {status}: it wants other credentials, or none at all of this client")
        }
        _ => format!("the server answered {status}"),
    }
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case(event_stream::CONTENT_TYPE)
}

/// RFC 9110 §10.2.3: seconds, or a date. That is compared with the answer's own `Date`, so that the clocks need not agree, and
/// with this end's clock only where there is none.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name)?.to_str().ok().map(str::trim);
    let wait = text(RETRY_AFTER)?;
    if let Ok(seconds) = wait.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = parse_http_date(wait).ok()?;
    let now = text(DATE).and_then(|date| parse_http_date(date).ok()).unwrap_or_else(SystemTime::now);
    Some(at.duration_since(now).unwrap_or_default())
}

/// `retry=<milliseconds>` in a close reason.
pub(crate) fn retry_in(reason: &str) -> Option<Duration> {
    let (_, after) = reason.split_once("retry=")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().map(Duration::from_millis)
}

/// Of an event or a message, the first `max` characters, its control characters escaped; and the secret in `open` left out.
pub(super) fn show_event(text: &str, max: usize) -> String {
    let is_open = text.trim_start_matches('\u{1e}').starts_with("event: open");
    let mut shown = String::new();
    let text = match split_at_secret(text).filter(|_| is_open) {
        Some((before, after)) => {
            let (secret, rest) = after.split_once('"').unwrap_or((after, ""));
            let node = secret.split_once('.').map_or("", |(node, _)| node);
            &format!("{before}{node}.…\"{rest}")
        }
        None => text,
    };
    for (count, c) in text.chars().enumerate() {
        if count == max {
            shown.push('…');
            break;
        }
        match c {
            '\u{1e}' => shown.push('␞'),
            '\n' => shown.push('⏎'),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// Before and after the quotation mark that begins the secret. JSON may have white space around the colon.
fn split_at_secret(text: &str) -> Option<(&str, &str)> {
    const NAME: &str = "\"session\"";
    text.match_indices(NAME).find_map(|(at, _)| {
        let after = text.get(at + NAME.len()..)?.trim_start().strip_prefix(':')?;
        let secret = after.trim_start().strip_prefix('"')?;
        text.split_at_checked(text.len() - secret.len())
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn end(status: u16, headers: &[(HeaderName, &'static str)], has_session: bool) -> Option<End> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        end_of(StatusCode::from_u16(status).expect("a status"), &headers, has_session)
    }

    #[test]
    fn an_answer_says_what_to_do_next() {
        let stream = (CONTENT_TYPE, "text/event-stream; charset=utf-8");
        for (status, headers, has_session, kind) in [
            (200, &[stream][..], true, None),
            (204, &[], true, None),
            (204, &[(CARRIER_HEADER, "superseded")], true, Some(FailureKind::Superseded)),
            (200, &[(CONTENT_TYPE, "text/html")], true, Some(FailureKind::Broken)),
            (200, &[], true, Some(FailureKind::Broken)),
            (404, &[], true, Some(FailureKind::Gone)),
            (404, &[], false, Some(FailureKind::Gone)),
            (400, &[], true, Some(FailureKind::Gone)),
            (400, &[], false, Some(FailureKind::Refused)),
            (401, &[], true, Some(FailureKind::Refused)),
            (403, &[], false, Some(FailureKind::Refused)),
            (301, &[(LOCATION, "/there")], false, Some(FailureKind::Refused)),
            (302, &[(LOCATION, "/portal")], false, Some(FailureKind::Broken)),
            (429, &[], true, Some(FailureKind::Broken)),
            (502, &[], true, Some(FailureKind::Broken)),
        ] {
            let got = end(status, headers, has_session);
            assert_eq!(got.map(|end| end.failure.kind), kind, "{status} {headers:?}");
        }
    }

    #[test]
    fn a_hint_is_read_from_each_place() {
        let now = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (after, hint) in [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:50:00 GMT", Some(23)),
            // The two older forms (RFC 9110 §5.6.7).
            ("Sunday, 06-Nov-94 08:50:00 GMT", Some(23)),
            ("Sun Nov  6 08:50:00 1994", Some(23)),
            ("Sun, 06 Nov 1994 08:49:36 GMT", Some(0)),
            ("tomorrow", None),
            ("-7", None),
        ] {
            let floor = end(503, &[(RETRY_AFTER, after), (DATE, now)], false).and_then(|end| end.failure.floor);
            assert_eq!(floor, hint.map(Duration::from_secs), "{after}");
        }
        // By this end's clock that was long ago.
        let floor = end(503, &[(RETRY_AFTER, now)], false).and_then(|end| end.failure.floor);
        assert_eq!(floor, Some(Duration::ZERO));
        for (reason, hint) in [
            ("retry=1500", Some(1_500)),
            ("going; retry=2 or so", Some(2)),
            ("retry=", None),
            ("retry=-1", None),
            ("retry", None),
            ("retry=99999999999999999999999", None),
        ] {
            assert_eq!(retry_in(reason), hint.map(Duration::from_millis), "{reason}");
        }
    }

    // S8: the secret doesn't get into a log.
    #[test]
    fn the_secret_is_not_shown() {
        let open = "\u{1e}event: open\ndata: {\"version\":1,\"session\":\"a.AAECAwQFBgcICQoLDA0ODw\",\"id\":\"00\"}";
        let shown = show_event(open, 200);
        assert_eq!(shown, "␞event: open⏎data: {\"version\":1,\"session\":\"a.…\",\"id\":\"00\"}");
        let spaced = show_event("event: open\ndata: { \"session\" : \"a.AAECAwQFBgcICQoLDA0ODw\" }", 200);
        assert_eq!(spaced, "event: open⏎data: { \"session\" : \"a.…\" }");
        assert_eq!(show_event("\u{1b}[2Jx", 5), "\\u{1b}[2Jx");
        assert_eq!(show_event("123456", 5), "12345…");
    }
}
