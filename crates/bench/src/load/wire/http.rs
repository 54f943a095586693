//! A resumable session over HTTP: by Comet, long polling or polling.

use std::rc::Rc;
use std::time::Instant;

use bowline_core::session::events::Item;
use bowline_core::session::{Secret, ServerSignal};

use super::address::Address;
use super::exchange::Exchange;
use super::pace::Pace;
use super::post::Post;
use super::reader::{Delivered, Reader, Take, bytes};
use super::refusal::Refusal;
use super::response::{MAX_WAIT, Part};
use super::stream::{Said, Stream};
use super::{Came, Say, Side, Wire};
use crate::Counts;

/// A client that has a session over HTTP.
#[derive(Debug)]
pub(super) struct Http {
    address: Rc<Address>,
    /// Behind the path of a request for messages.
    query: Rc<str>,
    pace: Pace,
    down: Exchange,
    ears: Ears,
    /// When the next request for messages goes, where none is under way.
    next: Option<Instant>,
    up: Post,
}

/// What listens to the answers.
#[derive(Debug)]
struct Ears {
    secret: Option<Secret>,
    reader: Reader,
    stream: Stream,
    refusal: Option<Refusal>,
    /// How it was put off last, unless it has got an answer since.
    put_off: Option<String>,
    /// No carrier may begin before.
    not_before: Option<Instant>,
}

impl Http {
    /// `longest` is the longest message that may come.
    pub(super) fn new(address: Rc<Address>, query: Rc<str>, pace: Pace, longest: usize, now: Instant) -> Self {
        let ears = Ears {
            secret: None,
            reader: Reader::default(),
            stream: Stream::new(longest),
            refusal: None,
            put_off: None,
            not_before: None,
        };
        let (down, up) = (Exchange::new(), Post::new(longest));
        let mut http = Self { address, query, pace, down, ears, next: None, up };
        http.ask(now);
        http
    }

    /// Asks for messages.
    fn ask(&mut self, now: Instant) {
        self.next = None;
        self.pace.asks(now);
        let mut request = self.address.head("GET", &self.query, self.ears.secret.as_ref());
        request.extend_from_slice(b"Accept: ");
        request.extend_from_slice(self.pace.accept().as_bytes());
        if self.ears.reader.is_open() {
            request.extend_from_slice(b"\r\nBowline-Cursor: ");
            self.ears.reader.acknowledge(&mut request);
        }
        request.extend_from_slice(b"\r\n\r\n");
        let head = request.len();
        self.ears.stream.begin();
        self.down.ask(request, head, 0);
    }

    /// The answer to a request for messages is whole.
    fn answered(&mut self, now: Instant) -> Result<(), String> {
        if let Some(refusal) = self.ears.refusal.take() {
            let opening = Some(&*self.address.path).filter(|_| !self.ears.reader.is_open());
            self.ears.not_before = Some(now + refusal.wait(opening)?);
            self.ears.put_off = Some(refusal.describe(opening));
        } else if !self.ears.reader.is_open() {
            return Err("the server's answer opens no session".into());
        } else if !self.ears.stream.is_whole() {
            return Err("the server's answer ends within an event".into());
        } else {
            self.ears.put_off = None;
        }
        let next = if self.ears.reader.is_open() { self.pace.after(now, self.ears.reader.is_joining()) } else { now };
        self.next = Some(self.ears.not_before.map_or(next, |floor| floor.max(next)));
        Ok(())
    }

    /// The server has what the client asked: if that was to let it into a room, the answer needn't wait for the time of the next poll.
    fn hurry(&mut self, now: Instant) {
        let soonest = self.ears.not_before.map_or(now, |floor| floor.max(now));
        if self.ears.reader.is_joining() && !self.up.exchange.is_busy() {
            self.next = self.next.map(|next| next.min(soonest));
        }
    }

    /// Makes the requests that may go now.
    fn go_on(&mut self, now: Instant) {
        if self.next.is_some_and(|next| next <= now) {
            self.ask(now);
        }
        self.post(Some(now));
    }

    /// Sends what there is to be sent: records, and an acknowledgement if it is due.
    fn post(&mut self, now: Option<Instant>) {
        let Some(secret) = self.ears.secret.filter(|_| self.up.is_free()) else { return };
        let reader = Some(&mut self.ears.reader).filter(|_| self.pace.acknowledges());
        let timeout = reader.as_ref().and_then(|reader| reader.intake.poll_timeout());
        let is_due = timeout.zip(now).is_some_and(|(timeout, now)| timeout <= now);
        if self.up.backlog() > 0 || is_due {
            self.up.ask(&self.address, &secret, reader);
        }
    }
}

impl Wire for Http {
    fn wants(&self, side: Side) -> bool {
        match side {
            Side::Down => self.down.wants(),
            Side::Up => self.up.exchange.wants(),
        }
    }

    fn connected(&mut self, side: Side, _: Instant) {
        match side {
            Side::Down => self.down.connected(),
            Side::Up => self.up.exchange.connected(),
        }
    }

    fn ended(&mut self, side: Side, _: Instant) -> Result<(), String> {
        match side {
            Side::Down => self.down.ended(),
            Side::Up => self.up.exchange.ended(),
        }
    }

    fn is_connected(&self, side: Side) -> bool {
        match side {
            Side::Down => self.down.is_connected(),
            Side::Up => self.up.exchange.is_connected(),
        }
    }

    fn put_off(&self) -> Option<&str> {
        self.ears.put_off.as_deref().or_else(|| self.up.put_off())
    }

    fn say(&mut self, what: Say<'_>) {
        if matches!(what, Say::Join(_)) {
            self.ears.reader.joins();
        }
        self.up.push(&what.record(), what.payload());
        self.post(None);
    }

    fn backlog(&self) -> usize {
        self.up.backlog()
    }

    fn output(&self, side: Side) -> &[u8] {
        match side {
            Side::Down => self.down.output(),
            Side::Up => self.up.exchange.output(),
        }
    }

    fn wrote(&mut self, side: Side, count: usize) {
        match side {
            Side::Down => self.down.wrote(count),
            Side::Up => self.up.exchange.wrote(count),
        }
    }

    fn receive(
        &mut self,
        side: Side,
        bytes: &[u8],
        now: Instant,
        take: &mut dyn FnMut(Came<'_>),
    ) -> Result<(), String> {
        match side {
            Side::Down => {
                let Self { down, ears, .. } = self;
                down.receive(bytes, |part| ears.hear(part, now, take))?;
                if !down.is_busy() && self.next.is_none() {
                    self.answered(now)?;
                }
            }
            Side::Up => {
                self.up.receive(bytes, now)?;
                self.hurry(now);
            }
        }
        self.go_on(now);
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        // One that is due while a request is under way goes when that is answered.
        let ack = self.ears.reader.intake.poll_timeout().filter(|_| self.pace.acknowledges() && self.up.is_free());
        [self.next, self.up.due(), ack].into_iter().flatten().min()
    }

    fn attend(&mut self, now: Instant) {
        self.up.attend(now);
        self.go_on(now);
    }

    fn counts(&self) -> Counts {
        let mut counts = self.down.counts;
        counts.add(&self.up.exchange.counts);
        counts
    }
}

impl Ears {
    fn hear(&mut self, part: Part<'_>, now: Instant, take: Take<'_>) -> Delivered {
        match part {
            Part::Head(head) if head.is_superseded => Err("another carrier superseded the client's".into()),
            Part::Head(head) => {
                self.refusal = Refusal::of(&head);
                Ok(None)
            }
            Part::Body(bytes) => match &mut self.refusal {
                Some(refusal) => {
                    refusal.body(bytes);
                    Ok(None)
                }
                None => self.events(bytes, now, take),
            },
            Part::Interim(_) | Part::End => Ok(None),
        }
    }

    fn events(&mut self, bytes: &[u8], now: Instant, take: Take<'_>) -> Delivered {
        let Self { secret, reader, stream, not_before, .. } = self;
        let mut delivered: Option<usize> = None;
        stream.receive(bytes, |said| {
            let more = match said {
                Said::Retry(wait) => {
                    *not_before = Some(now + wait.min(MAX_WAIT));
                    None
                }
                said => hear(said, secret, reader, now, take)?,
            };
            if let Some(more) = more {
                delivered = Some(delivered.unwrap_or_default() + more);
            }
            Ok(())
        })?;
        Ok(delivered)
    }
}

fn hear(said: Said<'_>, secret: &mut Option<Secret>, reader: &mut Reader, now: Instant, take: Take<'_>) -> Delivered {
    let item = match said {
        Said::Message(number, text) if reader.is_open() => return reader.message(Some(number), text, now, take),
        Said::Publication(position, text) => return reader.placed(position, text, now, take),
        Said::Item(item) => *item,
        Said::Message(..) | Said::Retry(_) => return Err("a record came before the session was opened".into()),
    };
    match item {
        Item::Signal(ServerSignal::Open(open)) => {
            *secret = secret.or(open.session);
            if secret.is_none() {
                return Err("the server opened a session and kept its secret for itself".into());
            }
            reader.opened(&open, take).map(|()| None)
        }
        Item::Signal(signal) => reader.signal(&signal, now, take).map(|()| None),
        Item::Record { .. } if !reader.is_open() => Err("a record came before the session was opened".into()),
        Item::Record { number, record } => reader.record(Some(number), record, now, take),
        Item::Publication { position, message } => reader.placed(position, bytes(&message), now, take),
    }
}
