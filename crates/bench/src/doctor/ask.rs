//! One request, and what comes of it in a bounded time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::Error;
use crate::dial::classify;
use crate::handshake::reason;

/// Most bytes of an answer that are looked at.
const MAX_ANSWER: usize = 64 << 10;
const MAX_HEADERS: usize = 64;

/// What came of a request.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// 0 where no head came.
    pub(super) status: u16,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    /// What came behind the head, as it came: chunks have their sizes in it.
    pub(super) body: Vec<u8>,
    /// How long it took, to what was waited for or to the end.
    pub(super) took: Duration,
    /// Whether the server ended the connection, rather than that the time was over or enough had come.
    pub(super) ended: bool,
}

impl Answer {
    /// Whether the body, as far as it has come, has these bytes in it.
    pub(super) fn has(&self, part: &str) -> bool {
        contains(&self.body, part)
    }

    /// In words.
    pub(super) fn describe(&self) -> String {
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
pub(super) enum Until {
    /// The head.
    Head,
    /// What this finds in the body.
    Body(fn(&Answer) -> bool),
    /// The end of the answer: the request is to have `Connection: close`.
    End,
}

/// Asks, and waits. An error is one of reaching the server at all.
pub(super) fn ask(address: SocketAddr, request: &[u8], until: Until, timeout: Duration) -> Result<Answer, Error> {
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
    match until {
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
    let Ok(httparse::Status::Complete(head)) = response.parse(bytes) else { return Answer::default() };
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

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len().max(1)).any(|window| window == part.as_bytes())
}
