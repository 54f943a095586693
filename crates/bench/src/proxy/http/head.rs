//! Heads of requests and responses, as far as a proxy needs them: what follows, and how long it is.

use httparse::{EMPTY_HEADER, Header, Status};

use super::scan::Body;

/// Most header lines of a head; one with more is no HTTP to this proxy.
const MAX_HEADERS: usize = 100;

/// The kinds of requests whose answers have bodies of their own rules (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Head,
    Connect,
    Other,
}

/// What a request's head says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) asked: Asked,
    pub(super) asks_to_upgrade: bool,
    pub(super) body: Body,
}

impl Request {
    /// `None` for what is not HTTP/1.x.
    pub(super) fn parse(head: &[u8]) -> Option<Self> {
        let mut slots = [EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut slots);
        let Ok(Status::Complete(_)) = parsed.parse(head) else { return None };
        let asked = match parsed.method? {
            "HEAD" => Asked::Head,
            "CONNECT" => Asked::Connect,
            _ => Asked::Other,
        };
        let asks_to_upgrade = parsed.headers.iter().any(|header| header.name.eq_ignore_ascii_case("upgrade"));
        // RFC 9112 §6.3: a request without a length has no body.
        Some(Self { asked, asks_to_upgrade, body: length(parsed.headers)?.unwrap_or(Body::NONE) })
    }
}

/// What a response's head says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Response {
    /// 100 to 199 but 101: another response follows.
    Interim,
    /// 101, or 2xx for CONNECT: no more HTTP follows.
    Switches { status: u16 },
    /// The answer.
    Final(Body),
}

impl Response {
    /// `None` for what is not HTTP/1.x. `asked` is what it answers.
    pub(super) fn parse(head: &[u8], asked: Asked) -> Option<Self> {
        let mut slots = [EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Response::new(&mut slots);
        let Ok(Status::Complete(_)) = parsed.parse(head) else { return None };
        // RFC 9112 §6.3, in its order.
        Some(match (parsed.code?, asked) {
            (101, _) => Self::Switches { status: 101 },
            (100..=199, _) => Self::Interim,
            (status @ 200..=299, Asked::Connect) => Self::Switches { status },
            (204 | 304, _) | (_, Asked::Head) => Self::Final(Body::NONE),
            _ => Self::Final(length(parsed.headers)?.unwrap_or(Body::UntilEnd)),
        })
    }
}

/// How long the body is by its headers; `Some(None)` where they don't say, `None` where they make no sense.
fn length(headers: &[Header<'_>]) -> Option<Option<Body>> {
    let named = |name: &'static str| headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    if let Some(encoding) = named("transfer-encoding").next_back() {
        let last = encoding.value.rsplit(|&byte| byte == b',').next().unwrap_or_default();
        // RFC 9112 §6.3: another final coding lasts until the end of the connection.
        return Some(Some(match last.trim_ascii().eq_ignore_ascii_case(b"chunked") {
            true => Body::chunked(),
            false => Body::UntilEnd,
        }));
    }
    let mut length = None;
    for header in named("content-length") {
        let number = std::str::from_utf8(header.value).ok()?.trim().parse::<u64>().ok()?;
        if length.is_some_and(|length| length != number) {
            return None;
        }
        length = Some(number);
    }
    Some(length.map(Body::Length))
}

/// The head without its `Upgrade`, and without that word in `Connection`. Every other line stays as it was. The head is one
/// that [`Request::parse`] took, so that no line is a continuation.
pub(super) fn without_upgrade(head: &[u8]) -> Vec<u8> {
    let mut stripped = Vec::with_capacity(head.len());
    for line in head.split_inclusive(|&byte| byte == b'\n') {
        let (name, value) = line.split_at(line.iter().position(|&byte| byte == b':').unwrap_or(line.len()));
        if name.eq_ignore_ascii_case(b"upgrade") {
            continue;
        }
        if name.eq_ignore_ascii_case(b"connection") {
            let words = value[1..].split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
            let kept: Vec<_> = words.filter(|word| !word.eq_ignore_ascii_case(b"upgrade")).collect();
            if !kept.is_empty() {
                stripped.extend([name, b": ", &kept.join(&b", "[..]), b"\r\n"].concat());
            }
            continue;
        }
        stripped.extend_from_slice(line);
    }
    stripped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(lines: &str) -> Option<Body> {
        Request::parse(format!("POST / HTTP/1.1\r\n{lines}\r\n").as_bytes()).map(|request| request.body)
    }

    fn response(status: u16, lines: &str, asked: Asked) -> Option<Response> {
        Response::parse(format!("HTTP/1.1 {status} X\r\n{lines}\r\n").as_bytes(), asked)
    }

    /// RFC 9112 §6.3.
    #[test]
    fn the_length_of_a_body_is_what_the_headers_say() {
        for (lines, body) in [
            ("Host: a\r\n", Some(Body::NONE)),
            ("Content-Length: 7\r\n", Some(Body::Length(7))),
            ("content-length: 7\r\nContent-Length: 7\r\n", Some(Body::Length(7))),
            ("Content-Length: 7\r\nContent-Length: 8\r\n", None),
            ("Content-Length: 7, 7\r\n", None),
            ("Content-Length: -7\r\n", None),
            ("Transfer-Encoding: chunked\r\nContent-Length: 7\r\n", Some(Body::chunked())),
            ("Transfer-Encoding: gzip, Chunked\r\n", Some(Body::chunked())),
        ] {
            assert_eq!(request(lines), body, "{lines:?}");
        }
        let one = "Content-Length: 7\r\n";
        for (status, lines, asked, says) in [
            (200, one, Asked::Other, Response::Final(Body::Length(7))),
            (200, "", Asked::Other, Response::Final(Body::UntilEnd)),
            (200, "Transfer-Encoding: gzip\r\n", Asked::Other, Response::Final(Body::UntilEnd)),
            (200, "Transfer-Encoding: chunked\r\n", Asked::Other, Response::Final(Body::chunked())),
            (200, one, Asked::Head, Response::Final(Body::NONE)),
            (304, one, Asked::Other, Response::Final(Body::NONE)),
            (204, "", Asked::Other, Response::Final(Body::NONE)),
            (100, "", Asked::Other, Response::Interim),
            (101, "", Asked::Other, Response::Switches { status: 101 }),
            (200, "", Asked::Connect, Response::Switches { status: 200 }),
            (407, one, Asked::Connect, Response::Final(Body::Length(7))),
        ] {
            assert_eq!(response(status, lines, asked), Some(says), "{status} {lines:?} {asked:?}");
        }
    }

    #[test]
    fn a_head_has_so_many_headers_and_no_more() {
        let lines = |count| "X: y\r\n".repeat(count);
        assert_eq!(request(&lines(MAX_HEADERS)), Some(Body::NONE));
        assert_eq!(request(&lines(MAX_HEADERS + 1)), None);
        assert!(response(200, &lines(MAX_HEADERS), Asked::Other).is_some());
        assert!(response(200, &lines(MAX_HEADERS + 1), Asked::Other).is_none());
    }

    #[test]
    fn only_the_upgrade_is_taken_out() {
        for (head, stripped) in [
            (
                "GET /a HTTP/1.1\r\nHost:  a \r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
                "GET /a HTTP/1.1\r\nHost:  a \r\nSec-WebSocket-Key: x\r\n\r\n",
            ),
            (
                "GET / HTTP/1.1\r\nCONNECTION: keep-alive, upgrade\r\nX: Upgrade: y\r\nupgrade:h2c\r\n\r\n",
                "GET / HTTP/1.1\r\nCONNECTION: keep-alive\r\nX: Upgrade: y\r\n\r\n",
            ),
            (
                "GET / HTTP/1.1\r\nUpgrade-Insecure-Requests: 1\r\n\r\n",
                "GET / HTTP/1.1\r\nUpgrade-Insecure-Requests: 1\r\n\r\n",
            ),
        ] {
            assert_eq!(String::from_utf8(without_upgrade(head.as_bytes())).unwrap(), stripped);
        }
    }
}
