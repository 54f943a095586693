//! Idle sessions over HTTP: a response that goes on, or one request held after the other.

use std::io::Read;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use crate::ask::secret;
use crate::dial::{Dialer, classify};
use crate::handshake::reason;
use crate::open::{self, not_yet, write_request};
use crate::{Error, Faults, IdlePlan, Target, Transport};

/// Sessions being opened at a time: below any backlog.
const AT_A_TIME: usize = 100;
/// Longest answer to a request of a session that nobody sends anything to.
const MAX_ANSWER: usize = 64 * 1024;
const MAX_HEADERS: usize = 64;

/// Sessions that a server holds.
pub(super) struct Sessions {
    poll: Poll,
    dialer: Dialer,
    target: Target,
    transport: Transport,
    open_timeout: Duration,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
    /// Requests that were answered because their time was over.
    polls: u64,
    faults: Faults,
}

struct Connection {
    /// `None` once it is of no more use.
    socket: Option<TcpStream>,
    request: Vec<u8>,
    written: usize,
    /// What has come of the answer.
    answer: Vec<u8>,
    is_open: bool,
}

impl Sessions {
    pub(super) fn new(plan: &IdlePlan) -> Result<Self, Error> {
        Ok(Self {
            poll: Poll::new().map_err(Error::io("make a poller"))?,
            dialer: Dialer::new(&plan.target)?,
            target: plan.target.clone(),
            transport: plan.transport,
            open_timeout: plan.open_timeout,
            connections: Vec::new(),
            buffer: vec![0; MAX_ANSWER],
            polls: 0,
            faults: Faults::default(),
        })
    }

    /// Requests that were held and are answered.
    pub(super) const fn polls(&self) -> u64 {
        self.polls
    }

    /// Opens so many more, and waits until the server holds them.
    pub(super) fn open(&mut self, more: usize) -> Result<(), Error> {
        let last = self.connections.len() + more;
        let mut open = self.connections.len();
        let mut since = Instant::now();
        let mut events = Events::with_capacity(1024);
        while open < last {
            while self.connections.len() < last && self.connections.len() - open < AT_A_TIME {
                self.begin()?;
            }
            let wait = self.open_timeout.saturating_sub(since.elapsed());
            if wait.is_zero() {
                return Err(Error::Timeout { waiting_for: "sessions to open", after: self.open_timeout });
            }
            open::poll(&mut self.poll, &mut events, wait)?;
            for event in &events {
                let index = event.token().0;
                let was_open = self.connections[index].is_open;
                let served = self.serve(index);
                if was_open {
                    self.note(index, served);
                    continue;
                }
                served?;
                if self.connections[index].is_open {
                    open += 1;
                    since = Instant::now();
                }
            }
        }
        Ok(())
    }

    /// Does what is due for so long.
    pub(super) fn run_for(&mut self, duration: Duration) -> Result<(), Error> {
        let end = Instant::now() + duration;
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = end.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Ok(());
            }
            open::poll(&mut self.poll, &mut events, wait)?;
            for event in &events {
                let served = self.serve(event.token().0);
                self.note(event.token().0, served);
            }
        }
    }

    pub(super) fn finish(self) -> Faults {
        self.faults
    }

    fn note(&mut self, index: usize, served: Result<(), Error>) {
        if let Err(error) = served {
            self.connections[index].socket = None;
            self.faults.closed += 1;
            self.faults.note(|| error.to_string());
        }
    }

    fn begin(&mut self) -> Result<(), Error> {
        let mut socket = self.dialer.dial()?;
        let token = Token(self.connections.len());
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket, token, interest).map_err(Error::io("watch a socket"))?;
        let accept = if self.transport == Transport::Comet { "text/event-stream" } else { "*/*" };
        let request = request(&self.target, self.target.path(), accept, "new");
        self.connections.push(Connection {
            socket: Some(socket),
            request,
            written: 0,
            answer: Vec::new(),
            is_open: false,
        });
        Ok(())
    }

    /// Goes on with a connection after an event.
    fn serve(&mut self, index: usize) -> Result<(), Error> {
        let address = self.dialer.address();
        let unreachable = |error| classify(error, address);
        let connection = &mut self.connections[index];
        let Some(socket) = &mut connection.socket else { return Ok(()) };
        if let Some(error) = socket.take_error().map_err(unreachable)? {
            return Err(unreachable(error));
        }
        loop {
            if !write_request(socket, &connection.request, &mut connection.written).map_err(unreachable)? {
                return Ok(());
            }
            match socket.read(&mut self.buffer) {
                Ok(0) => return Err(wrong("it hung up")),
                Ok(count) => connection.answer.extend_from_slice(&self.buffer[..count]),
                Err(error) if not_yet(&error) => return Ok(()),
                Err(error) => return Err(unreachable(error)),
            }
            let was_open = connection.is_open;
            if self.transport == Transport::Comet {
                // Heartbeats, once it is open.
                connection.is_open = was_open || is_streaming(self.target.path(), &connection.answer)?;
                if connection.is_open {
                    connection.answer = Vec::new();
                }
            } else if let Some(len) = response_len(self.target.path(), &connection.answer)? {
                if !was_open {
                    let secret = secret(&connection.answer).ok_or_else(|| wrong("its answer opens no session"))?;
                    let path = format!("{}?wait=25", self.target.path());
                    connection.request = request(&self.target, &path, "*/*", &secret);
                }
                connection.is_open = true;
                self.polls += u64::from(was_open);
                connection.answer.drain(..len);
                connection.answer.shrink_to_fit();
                connection.written = 0;
            }
            if connection.answer.len() >= MAX_ANSWER {
                return Err(wrong("its answer is longer than 64 KiB"));
            }
        }
    }
}

fn request(target: &Target, path: &str, accept: &str, session: &str) -> Vec<u8> {
    let host = target.authority();
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: {accept}\r\nBowline-Session: {session}\r\n\r\n")
        .into_bytes()
}

fn wrong(problem: &str) -> Error {
    Error::NotSession { problem: problem.to_owned() }
}

/// The length of the response's head, its status, and how long its body is.
fn head(path: &str, bytes: &[u8]) -> Result<Option<(usize, Body)>, Error> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let len = match response.parse(bytes) {
        Ok(httparse::Status::Complete(len)) => len,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(error) => return Err(wrong(&format!("its answer is not HTTP ({error})"))),
    };
    let status = response.code.unwrap_or_default();
    let text = |name: &str| {
        let header = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let length = text("content-length").and_then(|length| length.parse().ok());
    match (status, length) {
        (200, Some(length)) => Ok(Some((len, Body::Length(length)))),
        (200, None) => Ok(Some((len, Body::Chunked))),
        (204, _) => Ok(Some((len, Body::Length(0)))),
        _ => Err(Error::Refused { path: path.to_owned(), status, body: reason(&bytes[len..]) }),
    }
}

enum Body {
    Length(usize),
    Chunked,
}

/// Whether the response has begun with the event that opens a session.
fn is_streaming(path: &str, bytes: &[u8]) -> Result<bool, Error> {
    Ok(head(path, bytes)?.is_some() && secret(bytes).is_some())
}

/// The length of the response, once it is whole.
fn response_len(path: &str, bytes: &[u8]) -> Result<Option<usize>, Error> {
    let Some((mut at, body)) = head(path, bytes)? else { return Ok(None) };
    match body {
        Body::Length(length) => Ok(at.checked_add(length).filter(|end| *end <= bytes.len())),
        Body::Chunked => loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let parsed =
                httparse::parse_chunk_size(rest).map_err(|_| wrong("its answer is not chunked as HTTP has it"))?;
            let httparse::Status::Complete((head, size)) = parsed else { return Ok(None) };
            let Some(end) = usize::try_from(size).ok().and_then(|size| at.checked_add(head + 2)?.checked_add(size))
            else {
                return Err(wrong("its answer is longer than 64 KiB"));
            };
            at = end;
            if size == 0 {
                return Ok((at <= bytes.len()).then_some(at));
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = "event: open\ndata: {\"version\":1,\"session\":\"a.b\",\"ack\":0}\n\n";

    #[test]
    fn an_answer_is_whole_at_its_last_byte() {
        let chunked =
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{OPEN}\r\n0\r\n\r\n", OPEN.len());
        let long = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{OPEN}", OPEN.len());
        for answer in [&*chunked, &*long, "HTTP/1.1 204 No Content\r\n\r\n"] {
            for end in 0..answer.len() {
                assert_eq!(
                    response_len("/session", &answer.as_bytes()[..end]).unwrap(),
                    None,
                    "{end} bytes of {answer}"
                );
            }
            let more = format!("{answer}HTTP/1.1");
            assert_eq!(response_len("/session", more.as_bytes()).unwrap(), Some(answer.len()));
        }
        assert_eq!(secret(long.as_bytes()).as_deref(), Some("a.b"));
        assert!(
            is_streaming("/session", chunked.as_bytes()).unwrap()
                && !is_streaming("/session", b"HTTP/1.1 200 OK\r\n\r\n: bowline\n").unwrap()
        );
    }

    #[test]
    fn refusals_and_other_protocols_say_so() {
        let error = response_len("/session", b"HTTP/1.1 404 Not Found\r\n\r\nnothing here\n").unwrap_err().to_string();
        assert!(error.contains("/session with status 404") && error.contains("nothing here"), "{error}");
        assert!(response_len("/session", b"SSH-2.0-OpenSSH_9\r\n").unwrap_err().to_string().contains("not HTTP"));
        assert!(response_len("/session", b"HTTP/1.1 200 OK\r\n\r\nxyz\r\n").is_err());
    }
}
