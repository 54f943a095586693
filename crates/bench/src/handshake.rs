//! The opening handshake (RFC 6455 §4.1), prepared once for all connections.

use crate::{Deflate, Error, Target};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use std::time::{SystemTime, UNIX_EPOCH};

/// Longest answer, its body's first bytes included.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// How much of a refusal's body is told.
const MAX_REASON: usize = 200;
/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The subprotocol of resumable sessions.
pub(crate) const SUBPROTOCOL: &str = "bowline.v1";

/// A request, and what its answer must say.
#[derive(Debug)]
pub(crate) struct Handshake {
    pub(crate) request: Vec<u8>,
    /// What is asked for, as its refusal tells.
    path: String,
    accept: String,
    deflate: bool,
    /// Whether what follows is a resumable session.
    session: bool,
    /// A baseline's answer is not looked at: it only has to end.
    raw: bool,
}

impl Handshake {
    /// One key serves all connections of a run: what it is for, telling a WebSocket server from a cache, is done by the first.
    pub(crate) fn new(target: &Target, deflate: Option<Deflate>) -> Self {
        Self::with(target, deflate, false)
    }

    /// As [`new`](Self::new), for a resumable session where `session` says so.
    pub(crate) fn with(target: &Target, deflate: Option<Deflate>, session: bool) -> Self {
        let extensions = match deflate {
            None => "",
            Some(Deflate::Shared) => {
                "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n"
            }
            Some(Deflate::Takeover) => "Sec-WebSocket-Extensions: permessage-deflate\r\n",
        };
        Self { deflate: deflate.is_some(), ..Self::at(target, target.path(), extensions, session) }
    }

    /// As [`with`](Self::with), at another path of the target's and without compression. `headers` are more of them, whole lines.
    pub(crate) fn at(target: &Target, path: &str, headers: &str, session: bool) -> Self {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        let key = STANDARD.encode((nanos ^ u128::from(std::process::id()) << 64).to_be_bytes());
        let subprotocol = if session { format!("Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n") } else { String::new() };
        let host = target.authority();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n{subprotocol}{headers}\r\n"
        );
        let accept = STANDARD.encode(Sha1::new().chain_update(key.as_bytes()).chain_update(GUID).finalize());
        let raw = target.protocol() == crate::Protocol::Raw;
        Self { request: request.into_bytes(), path: path.to_owned(), accept, deflate: false, session, raw }
    }

    /// Reads an answer: its length once it is whole and says yes.
    pub(crate) fn answer(&self, bytes: &[u8]) -> Result<Option<usize>, Error> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let wrong = |problem: &str| Error::NotWebSocket { problem: problem.to_owned() };
        let len = match response.parse(bytes) {
            Ok(httparse::Status::Complete(len)) => len,
            Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
            Ok(httparse::Status::Partial) => return Err(wrong("the head of its answer is longer than 16 KiB")),
            Err(error) => return Err(wrong(&format!("its answer is not HTTP ({error})"))),
        };
        match response.code {
            _ if self.raw => return Ok(Some(len)),
            Some(101) => {}
            status => {
                let (path, body) = (self.path.clone(), reason(&bytes[len..]));
                return Err(Error::Refused { path, status: status.unwrap_or_default(), body });
            }
        }
        let has = |name: &str, wanted: &str| tokens(response.headers, name).any(|t| t.eq_ignore_ascii_case(wanted));
        if !has("upgrade", "websocket") || !has("connection", "upgrade") {
            return Err(wrong("its answer with status 101 does not upgrade to websocket"));
        }
        if tokens(response.headers, "sec-websocket-accept").next() != Some(&self.accept) {
            return Err(wrong("its Sec-WebSocket-Accept does not belong to the key"));
        }
        if self.session && tokens(response.headers, "sec-websocket-protocol").next() != Some(SUBPROTOCOL) {
            let problem = format!("it speaks WebSocket, but not {SUBPROTOCOL}: measure it with --raw");
            return Err(Error::NotSession { problem });
        }
        let agreed = tokens(response.headers, "sec-websocket-extensions").next();
        match (self.deflate, agreed.map(|value| value.starts_with("permessage-deflate"))) {
            (true, Some(true)) | (false, None) => Ok(Some(len)),
            (true, _) => Err(Error::NoDeflate),
            (false, Some(_)) => Err(wrong("it accepted an extension that was not offered")),
        }
    }
}

/// The values of a header, taken apart at commas.
fn tokens<'a>(headers: &'a [httparse::Header<'a>], name: &'a str) -> impl Iterator<Item = &'a str> {
    let values = headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    values.filter_map(|header| std::str::from_utf8(header.value).ok()).flat_map(|value| value.split(',').map(str::trim))
}

/// The first line of a body, shortened.
pub(crate) fn reason(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_REASON)]);
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(deflate: Option<Deflate>) -> Handshake {
        let mut handshake = Handshake::new(&"ws://example.com/chat".parse().unwrap(), deflate);
        handshake.accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into();
        handshake
    }

    fn answer(deflate: Option<Deflate>, more: &str) -> Result<Option<usize>, Error> {
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\n\
             sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n{more}\r\n"
        );
        handshake(deflate).answer(head.as_bytes())
    }

    #[test]
    fn requests_name_host_and_path() {
        let request = String::from_utf8(handshake(None).request).unwrap();
        assert!(request.starts_with("GET /chat HTTP/1.1\r\nHost: example.com\r\n"), "{request}");
        assert!(request.ends_with("\r\n\r\n"));
    }

    #[test]
    fn the_extension_must_be_the_one_asked_for() {
        let agreed = "sec-websocket-extensions: permessage-deflate; server_no_context_takeover\r\n";
        assert!(answer(None, "").unwrap().is_some());
        assert!(answer(Some(Deflate::Shared), agreed).unwrap().is_some());
        assert!(matches!(answer(Some(Deflate::Shared), ""), Err(Error::NoDeflate)));
        assert!(matches!(answer(None, agreed), Err(Error::NotWebSocket { .. })));
    }

    #[test]
    fn refusals_are_told_with_status_and_reason() {
        let error = handshake(None).answer(b"HTTP/1.1 403 Forbidden\r\n\r\nno such origin\nmore").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("/chat with status 403") && text.ends_with("no such origin"), "{text}");
    }

    #[test]
    fn other_answers_are_no_websocket() {
        for bytes in [&b"SSH-2.0-OpenSSH_9\r\n"[..], b"HTTP/1.1 101 X\r\nupgrade: websocket\r\n\r\n"] {
            assert!(matches!(handshake(None).answer(bytes), Err(Error::NotWebSocket { .. })));
        }
        let other_key = handshake(None).answer(
            b"HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: AAAA\r\n\r\n",
        );
        assert!(other_key.unwrap_err().to_string().contains("key"));
    }

    #[test]
    fn a_session_needs_its_subprotocol() {
        let head = "HTTP/1.1 101 X\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: a\r\n";
        for (session, chosen, expected) in [
            (true, "sec-websocket-protocol: bowline.v1\r\n", true),
            (true, "", false),
            (true, "sec-websocket-protocol: chat\r\n", false),
            (false, "", true),
        ] {
            let mut handshake = Handshake::with(&"ws://example.com/".parse().unwrap(), None, session);
            handshake.accept = "a".into();
            let asked = String::from_utf8_lossy(&handshake.request).contains("Sec-WebSocket-Protocol: bowline.v1\r\n");
            let answer = handshake.answer(format!("{head}{chosen}\r\n").as_bytes());
            assert_eq!((asked, answer.is_ok()), (session, expected), "{session} {chosen:?}: {answer:?}");
            let why = answer.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(
                expected || why.ends_with("it speaks WebSocket, but not bowline.v1: measure it with --raw"),
                "{why}"
            );
        }
    }

    #[test]
    fn a_head_has_a_limit() {
        let mut head = b"HTTP/1.1 101 X\r\nx: ".to_vec();
        head.resize(MAX_HEAD - 1, b'x');
        assert!(handshake(None).answer(&head).unwrap().is_none());
        head.push(b'x');
        assert!(handshake(None).answer(&head).unwrap_err().to_string().contains("16 KiB"));
    }
}
