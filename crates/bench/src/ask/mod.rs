//! One request, and what comes of it in a bounded time.

mod session;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::Error;
use crate::dial::classify;
use crate::handshake::reason;

pub(crate) use self::session::{CLOSE, OPEN, Sessions, has_secret, secret};

/// Most bytes of an answer that are looked at.
const MAX_ANSWER: usize = 64 << 10;
const MAX_HEADERS: usize = 64;

/// What came of a request.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// 0 where no head came.
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// What came behind the head, as it came: chunks have their sizes in it.
    pub(crate) body: Vec<u8>,
    /// How long it took, to what was waited for or to the end.
    pub(crate) took: Duration,
    /// What came where it is not HTTP, as a sentence's end.
    pub(crate) foreign: Option<String>,
    /// Whether the server ended the connection, rather than that the time was over or enough had come.
    pub(crate) ended: bool,
}

impl Answer {
    /// Whether the body, as far as it has come, has these bytes in it.
    pub(crate) fn has(&self, part: &str) -> bool {
        contains(&self.body, part)
    }

    /// Whether the body is as long as it was to be. One of chunks goes on until its connection ends.
    fn is_whole(&self) -> bool {
        let length = self.headers.iter().find(|(name, _)| name == "content-length");
        length.and_then(|(_, length)| length.parse().ok()).is_some_and(|length: usize| self.body.len() >= length)
    }

    /// Head and body as they came, but for the words of the status.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let lines = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let head = format!("HTTP/1.1 {} \r\n{}\r\n", self.status, lines.collect::<String>());
        [head.as_bytes(), &self.body].concat()
    }

    /// In words.
    pub(crate) fn describe(&self) -> String {
        if let Some(foreign) = &self.foreign {
            return foreign.clone();
        }
        match (self.status, self.ended) {
            (0, true) => "it hung up without an answer".to_owned(),
            (0, false) => format!("no answer within {:.1} s", self.took.as_secs_f64()),
            // Of what upgrades the rest is not text.
            (101, _) => "status 101".to_owned(),
            (status, _) => match reason(&self.body) {
                said if said.is_empty() || said.contains(char::is_control) => format!("status {status}"),
                said => format!("status {status}, {said}"),
            },
        }
    }
}

/// What is waited for.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// The connection.
    Connected,
    /// The head.
    Head,
    /// What this finds in the body.
    Body(fn(&Answer) -> bool),
    /// The end of the answer: the request is to have `Connection: close`, though not all heed it.
    End,
}

/// Asks, and waits. An error is one of reaching the server at all.
pub(crate) fn ask(address: SocketAddr, request: &[u8], until: Until, timeout: Duration) -> Result<Answer, Error> {
    let mut socket = TcpStream::connect_timeout(&address, timeout).map_err(|error| classify(error, address))?;
    let start = Instant::now();
    let mut bytes = Vec::new();
    let mut ended = socket.write_all(request).is_err();
    while !ended && bytes.len() < MAX_ANSWER && !is_enough(&parse(&bytes), until) {
        let left = timeout.saturating_sub(start.elapsed());
        if left.is_zero() {
            break;
        }
        ended = read(&mut socket, &mut bytes, left).map_err(Error::io("read an answer"))?;
    }
    Ok(Answer { took: start.elapsed(), ended, ..parse(&bytes) })
}

/// Reads what there is; whether the connection has ended.
fn read(socket: &mut TcpStream, bytes: &mut Vec<u8>, timeout: Duration) -> io::Result<bool> {
    socket.set_read_timeout(Some(timeout))?;
    let mut buffer = [0; 4096];
    match socket.read(&mut buffer) {
        Ok(0) => Ok(true),
        Ok(count) => {
            bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
            Ok(false)
        }
        Err(error) => {
            let waits = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted);
            Ok(!waits)
        }
    }
}

fn is_enough(answer: &Answer, until: Until) -> bool {
    if answer.foreign.is_some() || answer.is_whole() {
        return true;
    }
    match until {
        Until::Connected => true,
        Until::Head => answer.status != 0,
        // An answer with another status than was hoped for has no such thing.
        Until::Body(is_there) => is_there(answer) || !matches!(answer.status, 0 | 101 | 200),
        Until::End => false,
    }
}

/// The head and what is behind it; nothing where the head isn't whole.
fn parse(bytes: &[u8]) -> Answer {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Answer::default(),
        Err(error) => return Answer { foreign: Some(foreign(bytes, error)), ..Answer::default() },
    };
    let headers = response.headers.iter();
    let text = |header: &httparse::Header<'_>| {
        (header.name.to_ascii_lowercase(), String::from_utf8_lossy(header.value).into_owned())
    };
    Answer {
        status: response.code.unwrap_or_default(),
        headers: headers.map(text).collect(),
        body: bytes.get(head..).unwrap_or_default().to_vec(),
        ..Answer::default()
    }
}

fn foreign(bytes: &[u8], error: httparse::Error) -> String {
    // RFC 8446 §5.1: a record's type, here an alert's, and the version that all of them have.
    match bytes {
        [0x15, 0x03, ..] => "it speaks TLS, which is not measured here: give it a port without".to_owned(),
        _ => format!("its answer is not HTTP ({error})"),
    }
}

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len().max(1)).any(|window| window == part.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_enough_is_told_at_once() {
        for (bytes, words) in [
            (&b"SSH-2.0-OpenSSH_9\r\n"[..], "its answer is not HTTP (invalid HTTP version)"),
            (b"\x15\x03\x01\x00\x02\x02\x46", "it speaks TLS"),
        ] {
            let answer = parse(bytes);
            assert!(answer.describe().starts_with(words) && is_enough(&answer, Until::End), "{answer:?}");
        }
        // Whoever keeps a connection open has answered all the same.
        let ends = [("", false), ("o", false), ("ok", true)];
        for (body, is_whole) in ends {
            let answer = parse(format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{body}").as_bytes());
            assert_eq!(is_enough(&answer, Until::End), is_whole, "{answer:?}");
        }
        let partial = parse(b"HTTP/1.1 200 OK\r\n");
        assert!(partial.foreign.is_none() && !is_enough(&partial, Until::Head), "{partial:?}");
    }

    #[test]
    fn an_answer_is_its_bytes_again() {
        let answer = parse(b"HTTP/1.1 403 Forbidden\r\nX-Y: z\r\n\r\nno");
        assert_eq!(answer.bytes(), b"HTTP/1.1 403 \r\nx-y: z\r\n\r\nno");
    }
}
