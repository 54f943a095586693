//! What one client says and hears on its connections, without the sockets.
//!
//! [`Wires`] makes them. Nothing here does I/O or reads a clock: who drives a [`Wire`] makes the connections that it
//! [`wants`](Wire::wants), writes its [`output`](Wire::output), hands it what it reads, and calls [`attend`](Wire::attend) when it is
//! [`due`](Wire::due). Any of it may change the answers to `wants`, `output` and `due`, so they are asked afterwards.

mod address;
mod exchange;
mod frames;
mod headers;
mod http;
mod output;
mod pace;
mod partial;
mod post;
mod raw;
mod reader;
mod refusal;
mod response;
mod session;
mod socket;
mod stream;
mod websocket;

#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::time::{Duration, Instant};

use bowline_core::Message;
use bowline_core::session::{ClientRecord, JoinStart, Publish};

use self::address::Address;
use self::http::Http;
use self::pace::{Pace, Schedule};
use self::raw::Raw;
use self::session::Session;
use self::websocket::WebSocket;
use crate::handshake::Handshake;
use crate::random::Random;
use crate::{Counts, LoadPlan, Transport};

/// However short the plan's messages are, a received one may have so many bytes.
const LEAST_LONGEST: usize = 64 << 10;
/// What a record may have besides a message: as much as the protocol's events.
const OVERHEAD: usize = 8 << 10;

/// Which of a client's connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The WebSocket, or the one that responses with messages come on.
    Down,
    /// Requests that carry messages up, over HTTP. Connected only when there is something to say.
    Up,
}

/// What a client has heard.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Came<'a> {
    /// It is open, and may say something.
    Open,
    /// It is in a room.
    Joined,
    /// A message or a publication.
    Message(&'a [u8]),
    /// So many publications of a room were skipped, and it was told.
    Gap(u64),
}

/// What a client is to say.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Say<'a> {
    /// A message to the application.
    Message(&'a str),
    /// That it wants into a room. (A bare WebSocket is in its room by its address.)
    Join(&'a str),
    /// A publication.
    Publish { room: &'a str, text: &'a str },
}

impl Say<'_> {
    /// How many of its bytes the application said.
    const fn payload(&self) -> usize {
        match self {
            Self::Message(text) | Self::Publish { text, .. } => text.len(),
            Self::Join(_) => 0,
        }
    }

    /// The same as a session's record.
    fn record(&self) -> ClientRecord {
        match *self {
            Self::Message(text) => ClientRecord::Message(Message::text(text)),
            Self::Join(room) => ClientRecord::Join { room: room.to_owned(), start: JoinStart::Newest },
            Self::Publish { room, text } => ClientRecord::Publish(Box::new(Publish {
                room: room.to_owned(),
                message: Message::text(text),
                key: None,
                idempotency_key: None,
            })),
        }
    }
}

/// A client's side of a transport.
pub(crate) trait Wire {
    /// Whether a connection is to be made on a side, when there is none.
    fn wants(&self, side: Side) -> bool;
    /// There is a new connection on a side: what it says begins with a request.
    fn connected(&mut self, side: Side, now: Instant);
    /// Whether the connection on a side, when there is one, is still of use: asked after what was read, and where not it is hung up.
    fn is_connected(&self, _: Side) -> bool {
        true
    }
    /// How the server has put it off, if it has, and it waits to ask again.
    fn put_off(&self) -> Option<&str> {
        None
    }
    /// The server has ended or reset the connection on a side. An error where it was not to: the client is of no more use.
    fn ended(&mut self, side: Side, now: Instant) -> Result<(), String>;
    /// Takes something to say, once it is [open](Came::Open). It never refuses: who calls bounds it by [`backlog`](Self::backlog).
    fn say(&mut self, what: Say<'_>);
    /// Bytes taken to be said that are not written yet.
    fn backlog(&self) -> usize;
    /// What is to be written on a side now.
    fn output(&self, side: Side) -> &[u8];
    /// So many bytes of it are written.
    fn wrote(&mut self, side: Side, count: usize);
    /// Takes what one read brought on a side, and hands on what came with it. An error is why the client is of no more use.
    fn receive(&mut self, side: Side, bytes: &[u8], now: Instant, take: &mut dyn FnMut(Came<'_>))
    -> Result<(), String>;
    /// When it has something to do next without being spoken to: the next poll, an acknowledgement.
    fn due(&self) -> Option<Instant>;
    /// Does what is due; there may be output then.
    fn attend(&mut self, now: Instant);
    /// Says goodbye, where its transport has a word for that: there may be output then, and nothing is said or read after it.
    fn leave(&mut self) {}
    /// What it has counted so far: bytes to the server as they are [written](Self::wrote), bytes from it as they are received.
    fn counts(&self) -> Counts;
}

/// Makes the wires of a plan.
#[derive(Debug)]
pub(crate) struct Wires<'a> {
    plan: &'a LoadPlan,
    /// The address of the mount, without a slash at its end.
    mount: &'a str,
    /// Of sessions over HTTP.
    address: Rc<Address>,
    query: Rc<str>,
}

impl<'a> Wires<'a> {
    pub(crate) fn new(plan: &'a LoadPlan) -> Self {
        let path = plan.target.path();
        let path = path.split_once('?').map_or(path, |(path, _)| path);
        let mount = path.trim_end_matches('/');
        let (path, host) = (format!("{mount}/session"), plan.target.authority().to_owned());
        let query = match plan.transport {
            Transport::LongPolling => format!("?wait={}", plan.poll_wait.as_secs_f64()),
            _ => String::new(),
        };
        let address = Rc::new(Address { path, host, headers: headers::fetch(plan) });
        Self { plan, mount, address, query: query.into() }
    }

    /// The wire of a client. `room` is the one that a bare WebSocket is in by its address, and so a name that may stand in a URL;
    /// sessions [join](Say::Join) theirs.
    pub(crate) fn open(&self, client: usize, room: Option<&str>, now: Instant) -> Box<dyn Wire> {
        let pace = match self.plan.transport {
            Transport::Raw => return Box::new(WebSocket::new(self.raw(room), self.longest(), Raw)),
            Transport::WebSocket => {
                return Box::new(WebSocket::new(self.session(), self.longest(), Session::default()));
            }
            Transport::Comet => Pace::Comet,
            Transport::LongPolling => Pace::LongPolling,
            Transport::Polling => Pace::Polling(Schedule::new(self.plan.poll_interval, self.phase(client))),
        };
        let (address, query) = (Rc::clone(&self.address), Rc::clone(&self.query));
        Box::new(Http::new(address, query, pace, self.longest(), now))
    }

    fn raw(&self, room: Option<&str>) -> Handshake {
        let room = room.map(|room| format!("{}/rooms/{room}", self.mount));
        Handshake::at(
            &self.plan.target,
            room.as_deref().unwrap_or(self.plan.target.path()),
            &headers::websocket(self.plan),
            false,
        )
    }

    fn session(&self) -> Handshake {
        Handshake::at(&self.plan.target, &self.address.path, &headers::websocket(self.plan), true)
    }

    /// Where in the interval a client polls: spread over all clients, and the same again for the same seed.
    fn phase(&self, client: usize) -> Duration {
        let mut random = Random::new(self.plan.seed ^ (client as u64).rotate_left(32));
        let nanos = u64::try_from(self.plan.poll_interval.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(random.up_to(nanos.saturating_sub(1)))
    }

    /// The longest message that is taken.
    fn longest(&self) -> usize {
        self.plan.size.max(LEAST_LONGEST) + OVERHEAD
    }
}
