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

    /// How the server has put a client off that waits to ask again, if any.
    pub(super) fn put_off(&self) -> Option<&str> {
        self.clients.iter().filter(|client| !client.is_lost).find_map(|client| client.wire.put_off())
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
            loop {
                if client.wants(side) {
                    let mut socket = self.dialer.dial()?;
                    let (to, interest) = (token(index, side), Interest::READABLE | Interest::WRITABLE);
                    self.poll.registry().register(&mut socket, to, interest).map_err(Error::io("watch a socket"))?;
                    client.connect(side, socket, self.clock.now());
                }
                if let Err(loss) = client.write(side, &self.clock) {
                    self.lose(index, loss);
                    return Ok(());
                }
                // Writing may find that a connection is at its end which has idled: another takes its place. A new one that is at its
                // end loses the client, so that there are two at the most.
                if !client.wants(side) {
                    break;
                }
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

    /// All say goodbye, as far as they can without waiting.
    pub(super) fn leave(&mut self) {
        for client in &mut self.clients {
            client.wire.leave();
            // The server may have hung up meanwhile.
            let _unheard = client.write(Side::Down, &self.clock);
        }
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::time::Instant;

    use super::*;

    /// A second.
    const LONG: u64 = 1_000_000_000;

    /// A wire of one side, which begins with a word on each connection and takes another where that ends. What the server says ends it
    /// as well.
    #[derive(Default)]
    struct Word {
        is_connected: bool,
        output: Vec<u8>,
        /// What the server may say without an end to it.
        welcome: u8,
    }

    impl Wire for Word {
        fn wants(&self, side: Side) -> bool {
            side == Side::Down && !self.is_connected
        }
        fn connected(&mut self, _: Side, _: Instant) {
            self.is_connected = true;
            self.output = b"word".into();
        }
        fn is_connected(&self, _: Side) -> bool {
            self.is_connected
        }
        fn ended(&mut self, _: Side, _: Instant) -> Result<(), String> {
            self.is_connected = false;
            Ok(())
        }
        fn say(&mut self, what: Say<'_>) {
            if let Say::Message(text) = what {
                self.output.extend_from_slice(text.as_bytes());
            }
        }
        fn backlog(&self) -> usize {
            self.output.len()
        }
        fn output(&self, side: Side) -> &[u8] {
            if side == Side::Down { &self.output } else { &[] }
        }
        fn wrote(&mut self, _: Side, count: usize) {
            self.output.drain(..count);
        }
        fn receive(&mut self, _: Side, bytes: &[u8], _: Instant, _: &mut dyn FnMut(Came<'_>)) -> Result<(), String> {
            self.is_connected = bytes == [self.welcome];
            Ok(())
        }
        fn due(&self) -> Option<Instant> {
            None
        }
        fn attend(&mut self, _: Instant) {}
        fn counts(&self) -> Counts {
            Counts::default()
        }
    }

    /// A crowd of one, and its server.
    struct One {
        crowd: Crowd,
        events: Events,
        listener: TcpListener,
        /// Turns that are left.
        left: usize,
    }

    impl One {
        fn new() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let target = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
            let mut crowd = Crowd::new(poller().unwrap().0, Dialer::new(&target).unwrap()).unwrap();
            crowd.add(Box::new(Word { welcome: b'w', ..Word::default() })).unwrap();
            Self { crowd, events: Events::with_capacity(EVENTS), listener, left: 30 }
        }

        /// The server's end of the next connection, on which a word has come.
        fn accept(&mut self) -> TcpStream {
            let stream = loop {
                match self.listener.accept() {
                    Ok((stream, _)) => break stream,
                    Err(_) => self.turn(),
                }
            };
            stream.set_nonblocking(true).unwrap();
            while !matches!(stream.peek(&mut [0; 4]), Ok(4)) {
                self.turn();
            }
            stream.set_nonblocking(false).unwrap();
            (&stream).read_exact(&mut [0; 4]).unwrap();
            stream
        }

        fn turn(&mut self) {
            self.left = self.left.checked_sub(1).expect("it should have happened by now");
            let until = self.crowd.clock.now().nanoseconds + LONG;
            self.crowd.turn(until, &mut self.events, &mut |_, _, _| {}).unwrap();
            assert!(self.crowd.next_lost().is_none());
        }
    }

    #[test]
    fn what_a_connection_that_was_reset_was_to_carry_goes_by_another() {
        let mut one = One::new();
        let mut first = one.accept();
        first.write_all(b"w").unwrap();
        one.turn();
        one.crowd.say(0, Say::Message("unread"));
        one.crowd.go_on(0).unwrap();
        first.read_exact(&mut [0]).unwrap();
        // What is not read is why it is reset.
        drop(first);
        one.crowd.say(0, Say::Message("more"));
        one.crowd.go_on(0).unwrap();
        one.accept();
    }

    #[test]
    fn a_connection_of_no_more_use_is_hung_up_at_once() {
        let mut one = One::new();
        let mut first = one.accept();
        // The server says so, and does nothing about it itself.
        first.write_all(b"x").unwrap();
        let second = one.accept();
        assert_eq!(first.read(&mut [0]).unwrap(), 0);
        drop(second);
    }
}
