//! All subscribers' sockets, one of which publishes.

use super::ledger::Ledger;
use super::pace::Pace;
use super::publications::Publications;
use super::subscriber::Subscriber;
use crate::cycle::READ_BUFFER;
use crate::open::{self, Open};
use crate::polls::Polls;
use crate::{Error, Faults, frame};
use mio::net::TcpStream;
use mio::{Events, Poll};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// The connection that publishes: a subscriber like the others.
const PUBLISHER: usize = 0;

/// Bytes that one connection may read in its turn, so that none keeps the others waiting.
const TURN: usize = 16 * READ_BUFFER;

/// A time that a poller's timer, in milliseconds, is too coarse for: it is waited out.
const COARSE: Duration = Duration::from_millis(1);

/// Connections to one room, and what they carry.
pub(crate) struct Audience {
    poll: Poll,
    members: Vec<Member>,
    /// Members whose connection is of use.
    present: usize,
    pub(crate) publications: Publications,
    pub(crate) ledger: Ledger,
    pub(crate) pace: Pace,
    buffer: Vec<u8>,
    /// Connections with more to read than their turn allowed: epoll tells only what is new.
    unfinished: Vec<usize>,
    pub(crate) polls: Polls,
    pub(crate) faults: Faults,
    /// How long nothing may come of what is outstanding, until it is given up.
    patience: Duration,
    /// How many copies had come when one last did, and when that was.
    progress: (u64, Instant),
}

struct Member {
    /// `None` once it is of no more use.
    socket: Option<TcpStream>,
    subscriber: Subscriber,
    /// What is still to be written: whole frames, but for the first.
    out: Vec<u8>,
}

impl Audience {
    /// Takes connections on. What came with the server's answer counts.
    pub(crate) fn new(
        poll: Poll,
        open: Vec<Open>,
        publications: Publications,
        patience: Duration,
    ) -> Result<Self, Error> {
        let mut audience = Self {
            poll,
            members: Vec::new(),
            present: open.len(),
            publications,
            ledger: Ledger::new()?,
            pace: Pace::Still,
            buffer: vec![0; READ_BUFFER],
            unfinished: Vec::new(),
            polls: Polls::default(),
            faults: Faults::default(),
            patience,
            progress: (0, Instant::now()),
        };
        for (index, Open { socket, surplus }) in open.into_iter().enumerate() {
            audience.members.push(Member { socket: Some(socket), subscriber: Subscriber::new(), out: Vec::new() });
            let received = audience.members[index].subscriber.receive(
                &surplus,
                &audience.publications,
                &mut audience.ledger,
                &mut audience.faults,
            );
            if let Err(why) = received {
                audience.give_up(index, &why);
            }
        }
        Ok(audience)
    }

    /// Publishes one at a time until every subscriber has had one: only then is it known that the server counts it in.
    pub(crate) fn join(&mut self, timeout: Duration) -> Result<(), Error> {
        let mut events = Events::with_capacity(1024);
        let (mut best, mut since) = (0, Instant::now());
        while self.can_publish() && (self.ledger.joined() < self.present || self.ledger.outstanding() > 0) {
            if self.ledger.joined() > best {
                (best, since) = (self.ledger.joined(), Instant::now());
            }
            if since.elapsed() >= timeout {
                return Err(Error::Timeout { waiting_for: "a publication to reach every subscriber", after: timeout });
            }
            self.publish(1, Instant::now());
            let mut news = (self.ledger.deliveries(), Instant::now());
            // A subscriber that is counted in too late for this one gets the next.
            while self.ledger.outstanding() > 0 && news.1.elapsed() < PROBE {
                self.turn(&mut events, PROBE)?;
                if self.ledger.deliveries() != news.0 {
                    news = (self.ledger.deliveries(), Instant::now());
                }
            }
        }
        Ok(())
    }

    /// Publishes at its pace for so long; or until nobody is left to do it.
    pub(crate) fn run_for(&mut self, duration: Duration) -> Result<(), Error> {
        let end = Instant::now() + duration;
        let mut events = Events::with_capacity(1024);
        while self.can_publish() {
            self.publish_due();
            let wait = end.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                break;
            }
            self.turn(&mut events, wait.min(self.patience))?;
            self.give_up_waiting();
        }
        Ok(())
    }

    /// Publishes nothing new, and waits for what is outstanding.
    pub(crate) fn drain(&mut self) -> Result<(), Error> {
        self.pace = Pace::Still;
        let mut events = Events::with_capacity(1024);
        self.progress = (self.ledger.deliveries(), Instant::now());
        while self.ledger.outstanding() > 0 && self.progress.1.elapsed() < self.patience {
            self.turn(&mut events, self.patience.saturating_sub(self.progress.1.elapsed()))?;
            self.note_progress();
        }
        // A little longer, when all has come, shows what comes too much.
        let end = Instant::now() + SURPLUS.min(self.patience);
        while Instant::now() < end {
            self.turn(&mut events, end.saturating_duration_since(Instant::now()))?;
        }
        Ok(())
    }

    /// Counts what is missing, and closes.
    pub(crate) fn finish(mut self) -> Faults {
        for Member { socket, subscriber, out } in &mut self.members {
            // What those lack that are gone is counted already.
            let Some(socket) = socket else { continue };
            subscriber.leave(&self.publications, &mut self.ledger, &mut self.faults);
            if self.publications.framed() && out.is_empty() {
                // A courtesy: the figures are taken, and a server that is gone needs no goodbye.
                let _unheard = socket.write(frame::CLOSE_NORMALLY);
            }
        }
        if self.faults.lost > 0 {
            self.faults.note(|| "publications did not reach every subscriber by the end".into());
        }
        self.faults
    }

    fn can_publish(&self) -> bool {
        self.members[PUBLISHER].socket.is_some()
    }

    /// Publishes what the pace asks for by now, in one write.
    fn publish_due(&mut self) {
        match &mut self.pace {
            Pace::Still => {}
            Pace::Closed(in_flight) => {
                let free = in_flight.saturating_sub(self.ledger.outstanding());
                if free > 0 {
                    self.publish(free, Instant::now());
                }
            }
            Pace::Open(schedule) => {
                let now = Instant::now();
                let mut count = 0;
                while schedule.next() <= now && self.ledger.outstanding() < self.publications.slots() {
                    self.publications.publish(&mut self.members[PUBLISHER].out);
                    self.ledger.sent(schedule.next(), now, self.present);
                    schedule.keep(now);
                    count += 1;
                }
                if count > 0 {
                    self.write(PUBLISHER);
                }
            }
        }
    }

    /// Publishes so many now.
    fn publish(&mut self, count: usize, now: Instant) {
        for _ in 0..count {
            self.publications.publish(&mut self.members[PUBLISHER].out);
            self.ledger.sent(now, now, self.present);
        }
        self.write(PUBLISHER);
    }

    fn turn(&mut self, events: &mut Events, wait: Duration) -> Result<(), Error> {
        let wait = match &self.pace {
            Pace::Open(schedule) => wait.min(schedule.next().saturating_duration_since(Instant::now())),
            _ => wait,
        };
        if self.polls.busy || wait < COARSE || !self.unfinished.is_empty() {
            open::poll_now(&mut self.poll, events)?;
        } else {
            open::poll(&mut self.poll, events, wait)?;
        }
        self.polls.count(!events.is_empty());
        for index in std::mem::take(&mut self.unfinished) {
            self.serve(index, true);
        }
        for event in &*events {
            self.serve(event.token().0, event.is_read_closed());
            self.publish_due();
        }
        Ok(())
    }

    /// Reads what has come on a connection, and answers pings; up to its end where that
    /// is known to be there, or may be.
    fn serve(&mut self, index: usize, to_end: bool) {
        let Some(Member { socket: Some(socket), subscriber, out }) = self.members.get_mut(index) else { return };
        let mut turn = 0;
        let end = loop {
            match socket.read(&mut self.buffer) {
                Ok(0) => break Err("the server hung up".to_owned()),
                Ok(count) => {
                    let bytes = &self.buffer[..count];
                    let received = subscriber.receive(bytes, &self.publications, &mut self.ledger, &mut self.faults);
                    if received.is_err() {
                        break received;
                    }
                    turn += count;
                    // A read that did not fill the buffer emptied the socket: epoll tells when there is more, but for an end
                    // that it told of in the same breath.
                    if count < self.buffer.len() && !to_end {
                        break Ok(());
                    }
                    if turn >= TURN {
                        self.unfinished.push(index);
                        break Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(format!("a connection broke: {error}")),
            }
        };
        out.append(subscriber.pongs());
        let write = !out.is_empty();
        match end {
            Err(why) => self.give_up(index, &why),
            Ok(()) if write => self.write(index),
            Ok(()) => {}
        }
    }

    fn write(&mut self, index: usize) {
        let Some(Member { socket: Some(socket), out, .. }) = self.members.get_mut(index) else { return };
        let mut written = 0;
        while written < out.len() {
            match socket.write(&out[written..]) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.give_up(index, &format!("a connection broke: {error}"));
                    return;
                }
            }
        }
        out.drain(..written);
    }

    fn note_progress(&mut self) {
        if self.ledger.deliveries() != self.progress.0 || self.ledger.outstanding() == 0 {
            self.progress = (self.ledger.deliveries(), Instant::now());
        }
    }

    /// Where nothing comes any more, what is outstanding is missing, and must not keep the next from being published.
    fn give_up_waiting(&mut self) {
        self.note_progress();
        if self.progress.1.elapsed() < self.patience {
            return;
        }
        for index in 0..self.members.len() {
            let Member { socket: Some(_), subscriber, .. } = &mut self.members[index] else { continue };
            if let Err(why) = subscriber.write_off(&self.publications, &mut self.ledger, &mut self.faults) {
                self.give_up(index, &why);
            }
        }
        self.progress.1 = Instant::now();
    }

    /// What it lacks is lost, and nobody waits for it.
    fn give_up(&mut self, index: usize, why: &str) {
        let member = &mut self.members[index];
        member.socket = None;
        member.out.clear();
        self.present -= 1;
        self.faults.closed += 1;
        self.faults.note(|| why.to_owned());
        member.subscriber.leave(&self.publications, &mut self.ledger, &mut self.faults);
    }
}

/// How long the next probe waits for the last one.
const PROBE: Duration = Duration::from_millis(50);

/// How long to look for what comes too much.
const SURPLUS: Duration = Duration::from_millis(20);
