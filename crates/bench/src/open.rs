//! Opening many connections, some at a time.

use crate::dial::{Dialer, classify};
use crate::handshake::Handshake;
use crate::{Error, Protocol, Target};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// Opening handshakes at a time: below any backlog.
const AT_A_TIME: usize = 100;

/// An open connection.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) socket: TcpStream,
    /// What came after the server's answer in the same read.
    pub(crate) surplus: Vec<u8>,
}

/// A connection that is being opened.
#[derive(Debug)]
struct Opening {
    socket: TcpStream,
    written: usize,
    answer: Vec<u8>,
}

/// Opens connections on one poller, whose tokens are their numbers.
#[derive(Debug)]
pub(crate) struct Opener<'a> {
    poll: &'a mut Poll,
    handshake: Option<&'a Handshake>,
    dialer: Dialer,
    timeout: Duration,
}

impl<'a> Opener<'a> {
    pub(crate) fn new(
        poll: &'a mut Poll,
        target: &Target,
        handshake: &'a Handshake,
        timeout: Duration,
    ) -> Result<Self, Error> {
        let handshake = (target.protocol() == Protocol::WebSocket).then_some(handshake);
        Ok(Self { poll, handshake, dialer: Dialer::new(target)?, timeout })
    }

    /// Opens `count` connections, with tokens from `first` on.
    pub(crate) fn open(&mut self, first: usize, count: usize) -> Result<Vec<Open>, Error> {
        let mut under_way: Vec<Option<Opening>> = Vec::new();
        let mut done: Vec<Option<Open>> = Vec::new();
        let mut finished = 0;
        let mut events = Events::with_capacity(1024);
        let mut last_progress = Instant::now();
        while finished < count {
            while under_way.len() < count && under_way.len() - finished < AT_A_TIME {
                let opening = self.begin(first + under_way.len())?;
                under_way.push(Some(opening));
                done.push(None);
            }
            let wait = self.timeout.saturating_sub(last_progress.elapsed());
            if wait.is_zero() {
                return Err(Error::opening(finished, count, self.timeout));
            }
            poll(self.poll, &mut events, wait)?;
            for event in &events {
                let Some(index) = event.token().0.checked_sub(first) else { continue };
                let Some(slot) = under_way.get_mut(index) else { continue };
                let Some(mut opening) = slot.take() else { continue };
                match self.advance(&mut opening)? {
                    Some(surplus) => {
                        done[index] = Some(Open { socket: opening.socket, surplus });
                        finished += 1;
                        last_progress = Instant::now();
                    }
                    None => *slot = Some(opening),
                }
            }
        }
        Ok(done.into_iter().flatten().collect())
    }

    fn begin(&mut self, token: usize) -> Result<Opening, Error> {
        let mut socket = self.dialer.dial()?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut socket, Token(token), interest).map_err(Error::io("watch a socket"))?;
        Ok(Opening { socket, written: 0, answer: Vec::new() })
    }

    /// Goes on after an event: `Some` with what came too much, once the connection is open.
    fn advance(&self, opening: &mut Opening) -> Result<Option<Vec<u8>>, Error> {
        let unreachable = |error| classify(error, self.dialer.address());
        if let Some(error) = opening.socket.take_error().map_err(unreachable)? {
            return Err(unreachable(error));
        }
        let Some(handshake) = self.handshake else {
            // Without a handshake being connected is all: a socket that isn't has no peer.
            return Ok(opening.socket.peer_addr().is_ok().then(Vec::new));
        };
        if !write_request(&mut opening.socket, &handshake.request, &mut opening.written).map_err(unreachable)? {
            return Ok(None);
        }
        let mut buffer = [0; 4096];
        loop {
            match opening.socket.read(&mut buffer) {
                Ok(0) => {
                    let problem = "it hung up without an answer".to_owned();
                    return Err(Error::NotWebSocket { problem });
                }
                Ok(count) => opening.answer.extend_from_slice(&buffer[..count]),
                Err(error) if not_yet(&error) => return Ok(None),
                Err(error) => return Err(unreachable(error)),
            }
            if let Some(len) = handshake.answer(&opening.answer)? {
                return Ok(Some(opening.answer.split_off(len)));
            }
        }
    }
}

/// Writes a request, or the rest of it: true once it is written.
pub(crate) fn write_request(socket: &mut TcpStream, request: &[u8], written: &mut usize) -> io::Result<bool> {
    while *written < request.len() {
        match socket.write(&request[*written..]) {
            Ok(count) => *written += count,
            Err(error) if not_yet(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Whether a socket is only not ready: a write before the connection stands says `NotConnected`.
pub(crate) fn not_yet(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected | io::ErrorKind::Interrupted)
}

/// Waits for events, and takes an interruption for none.
pub(crate) fn poll(poll: &mut Poll, events: &mut Events, wait: Duration) -> Result<(), Error> {
    // Less than epoll's resolution would be rounded to a busy loop.
    poll_for(poll, events, Some(wait.max(Duration::from_millis(1))))
}

/// Waits for events without an end: there is one that is an alarm.
#[cfg(target_os = "linux")]
pub(crate) fn poll_event(poll: &mut Poll, events: &mut Events) -> Result<(), Error> {
    poll_for(poll, events, None)
}

/// Takes the events that are there.
pub(crate) fn poll_now(poll: &mut Poll, events: &mut Events) -> Result<(), Error> {
    poll_for(poll, events, Some(Duration::ZERO))
}

fn poll_for(poll: &mut Poll, events: &mut Events, wait: Option<Duration>) -> Result<(), Error> {
    match poll.poll(events, wait) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(Error::io("wait for sockets")(error)),
        _ => Ok(()),
    }
}
