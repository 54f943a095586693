//! Clients on one poller.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mio::event::Event;
use mio::{Events, Interest, Poll, Token, Waker};

use super::alarm::Alarm;
use super::client::{Client, Loss, SIDES};
use super::clock::{Clock, Now};
use super::wire::{Came, Say, Side, Wire};
use crate::dial::{self, Dialer};
use crate::{Counts, Error, open};

/// Events that are taken at a time: between two lots messages that are due are sent.
pub(super) const EVENTS: usize = 256;
/// Length of the one buffer that all sockets are read into.
const BUFFER: usize = 64 << 10;
/// Clients that are looked after at a time.
const MAX_ATTENDED: usize = 256;

const ALARM: Token = Token(usize::MAX - 2);
const WAKER: Token = Token(usize::MAX - 3);

/// The poller of a crowd, and what wakes it from elsewhere.
pub(super) fn poller() -> Result<(Poll, Waker), Error> {
    let poll = Poll::new().map_err(Error::io("make a poller"))?;
    let waker = Waker::new(poll.registry(), WAKER).map_err(Error::io("make a poller"))?;
    Ok((poll, waker))
}

/// Clients by their numbers, from 0 on.
pub(super) struct Crowd {
    poll: Poll,
    alarm: Alarm,
    pub(super) clock: Clock,
    dialer: Dialer,
    clients: Vec<Client>,
    /// When clients are to be looked after. One that has got another time meanwhile is passed over.
    attended: BinaryHeap<Reverse<(u64, usize)>>,
    /// What happened, by tokens, and whether it was an end.
    events: Vec<(usize, bool)>,
    /// Tokens of those that may have more to be read, without an event.
    again: Vec<usize>,
    buffer: Vec<u8>,
    /// Clients that were lost, until somebody asks.
    lost: Vec<(usize, Loss)>,
}

impl Crowd {
    pub(super) fn new(poll: Poll, dialer: Dialer) -> Result<Self, Error> {
        Ok(Self {
            alarm: Alarm::new(&poll, ALARM)?,
            poll,
            clock: Clock::new(),
            dialer,
            clients: Vec::new(),
            attended: BinaryHeap::new(),
            events: Vec::with_capacity(EVENTS),
            again: Vec::new(),
            buffer: vec![0; BUFFER],
            lost: Vec::new(),
        })
    }

    /// One more client, which begins at once: its number.
    pub(super) fn add(&mut self, wire: Box<dyn Wire>) -> Result<usize, Error> {
        let index = self.clients.len();
        self.clients.push(Client::new(wire));
        self.go_on(index)?;
        Ok(index)
    }

    pub(super) fn len(&self) -> usize {
        self.clients.len()
    }

    /// The server's address.
    pub(super) fn address(&self) -> std::net::SocketAddr {
        self.dialer.address()
    }

    /// Whether a client is of use, and has less than so much still to be written.
    pub(super) fn has_room(&self, index: usize, backlog: usize) -> bool {
        self.clients.get(index).is_some_and(|client| !client.is_lost && client.wire.backlog() < backlog)
    }

    /// Whether a client is of no more use.
    pub(super) fn is_lost(&self, index: usize) -> bool {
        self.clients.get(index).is_none_or(|client| client.is_lost)
    }

    /// Lets a client say something once it [goes on](Self::go_on).
    pub(super) fn say(&mut self, index: usize, what: Say<'_>) {
        if let Some(client) = self.clients.get_mut(index) {
            client.wire.say(what);
        }
    }

    /// Makes the connections that a client wants, writes what it has to say, and sees when it wants to be looked after.
    pub(super) fn go_on(&mut self, index: usize) -> Result<(), Error> {
        let Some(client) = self.clients.get_mut(index).filter(|client| !client.is_lost) else { return Ok(()) };
        for side in SIDES {
            if client.wants(side) {
                let mut socket = self.dialer.dial()?;
                let interest = Interest::READABLE | Interest::WRITABLE;
                let registry = self.poll.registry();
                registry.register(&mut socket, token(index, side), interest).map_err(Error::io("watch a socket"))?;
                client.connect(side, socket, self.clock.now());
            }
            if let Err(loss) = client.write(side, &self.clock) {
                self.lose(index, loss);
                return Ok(());
            }
        }
        if let Some(due) = client.wire.due() {
            let due = self.clock.nanoseconds(due);
            if client.attended_at.is_none_or(|at| due < at) {
                client.attended_at = Some(due);
                self.attended.push(Reverse((due, index)));
            }
        }
        Ok(())
    }

    /// Lets a client stop reading, or read again.
    pub(super) fn pause(&mut self, index: usize, is_paused: bool) {
        let Some(client) = self.clients.get_mut(index) else { return };
        if client.is_paused && !is_paused {
            self.again.extend(SIDES.map(|side| token(index, side).0));
        }
        client.is_paused = is_paused;
    }

    /// The next client that was lost, and why.
    pub(super) fn next_lost(&mut self) -> Option<(usize, Loss)> {
        self.lost.pop()
    }

    /// What clients have counted, from one on.
    pub(super) fn counts(&self, first: usize) -> Counts {
        let mut counts = Counts::default();
        self.clients.iter().skip(first).for_each(|client| counts.add(&client.wire.counts()));
        counts
    }

    /// Waits until a time at the most, and does what is to be done then. `take` gets what each client hears.
    pub(super) fn turn(
        &mut self,
        until: u64,
        events: &mut Events,
        take: &mut dyn FnMut(usize, Now, Came<'_>),
    ) -> Result<(), Error> {
        self.wait(until, events)?;
        let again = std::mem::take(&mut self.again);
        let happened = std::mem::take(&mut self.events);
        for &(token, to_end) in &happened {
            self.serve(token, to_end, take)?;
        }
        for token in again {
            // It is not known whether it has ended.
            self.serve(token, true, take)?;
        }
        self.events = happened;
        self.attend()
    }

    fn wait(&mut self, until: u64, events: &mut Events) -> Result<(), Error> {
        let until = self.attended.peek().map_or(until, |Reverse((at, _))| until.min(*at));
        if self.again.is_empty() && until > self.clock.now().nanoseconds {
            self.alarm.wait(&mut self.poll, events, until)?;
        } else {
            open::poll_now(&mut self.poll, events)?;
        }
        self.events.clear();
        for event in events.iter() {
            match event.token() {
                ALARM => self.alarm.rang(),
                WAKER => {}
                Token(token) => self.events.push((token, is_end(event))),
            }
        }
        Ok(())
    }

    /// Reads and writes after an event.
    fn serve(&mut self, token: usize, to_end: bool, take: &mut dyn FnMut(usize, Now, Came<'_>)) -> Result<(), Error> {
        let index = token / SIDES.len();
        let side = SIDES[token % SIDES.len()];
        let Some(client) = self.clients.get_mut(index).filter(|client| !client.is_lost) else { return Ok(()) };
        if !client.is_paused {
            let take = &mut |now, came: Came<'_>| take(index, now, came);
            match client.read(side, to_end, &mut self.buffer, &self.clock, take) {
                Ok(false) => {}
                Ok(true) => self.again.push(token),
                Err(loss) => {
                    self.lose(index, loss);
                    return Ok(());
                }
            }
        }
        self.go_on(index)
    }

    /// Looks after those whose time has come.
    fn attend(&mut self) -> Result<(), Error> {
        for _ in 0..MAX_ATTENDED {
            let now = self.clock.now();
            let Some(&Reverse((at, index))) = self.attended.peek() else { return Ok(()) };
            if at > now.nanoseconds {
                return Ok(());
            }
            self.attended.pop();
            let Some(client) = self.clients.get_mut(index) else { continue };
            if client.is_lost || client.attended_at != Some(at) {
                continue;
            }
            client.attended_at = None;
            if client.wire.due().is_some_and(|due| due <= now.instant) {
                client.wire.attend(now.instant);
            }
            self.go_on(index)?;
        }
        Ok(())
    }

    fn lose(&mut self, index: usize, loss: Loss) {
        if let Some(client) = self.clients.get_mut(index) {
            client.lose();
        }
        self.lost.push((index, loss));
    }

    /// The error that a lost client is to who can't do without it.
    pub(super) fn error(&self, loss: Loss) -> Error {
        match loss {
            Loss::Socket(error) => dial::classify(error, self.address()),
            Loss::Wire(problem) => Error::Client { problem },
        }
    }
}

fn token(index: usize, side: Side) -> Token {
    Token(index * SIDES.len() + side as usize)
}

fn is_end(event: &Event) -> bool {
    event.is_read_closed() || event.is_error()
}
