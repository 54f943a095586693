//! One end of a session.

use std::fmt;

use super::{AheadOfSent, Hole, Intake, Kept, Offered, Record, Ring, RingBounds, Signal as _, websocket};
use crate::Message;

/// One end of a session's direct streams, whatever carries them: what it sent, what it got, and which carrier holds.
///
/// The server's is an `Endpoint<ServerRecord>`, the client's an `Endpoint<ClientRecord>`. The order of calls: what is to be sent
/// goes into [`ring`](Self::ring); [`attach`](Self::attach) begins a carrier; then, until it is superseded or ends, what
/// [`poll_message`](Self::poll_message) (on a WebSocket) or [`poll_send`](Self::poll_send) (over HTTP) gives goes out on it, and
/// what comes is [`receive`](Self::receive)d. What a `POST` brings needs no carrier: it is [offered](Intake::offer) to
/// [`intake`](Self::intake).
///
/// ```text
///   ring:     acked, sent of the carrier ≤ last           attach: sent = acked
///   intake:   counted of the carrier ≤ last               attach: counted = from
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint<R> {
    /// What was sent and is not acknowledged.
    pub ring: Ring<R>,
    /// What has come.
    pub intake: Intake,
    generation: u64,
}

/// A carrier of an [`Endpoint`], from its attaching until another one is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carrier {
    generation: u64,
    sent: u64,
}

impl Carrier {
    /// The number of the last record that was given to it; at first the one after which they follow.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }
}

impl<R: Kept> Endpoint<R> {
    /// One end of a new session.
    #[must_use]
    pub fn new(bounds: RingBounds) -> Self {
        Self { ring: Ring::new(bounds), intake: Intake::new(), generation: 0 }
    }

    /// Begins a carrier; the one before is superseded. `acked` is where this end's records go on, and `from` where the peer's do:
    /// to a client `open` tells them, as `ack` and `from`; a server, which writes that, takes [`Ring::acked`] as `from`, after it has
    /// taken the cursor, and [`Intake::last`] as `ack`.
    ///
    /// # Errors
    /// [`AttachError`]; the carrier before still holds then.
    pub fn attach(&mut self, acked: u64, from: u64) -> Result<Carrier, AttachError> {
        self.ring.ack(acked).map_err(AttachError::AheadOfSent)?;
        self.intake.attach(from).map_err(AttachError::Hole)?;
        self.generation += 1;
        Ok(Carrier { generation: self.generation, sent: acked })
    }

    /// Whether `carrier` holds: no other was attached since.
    #[must_use]
    pub const fn is_current(&self, carrier: &Carrier) -> bool {
        carrier.generation == self.generation
    }

    /// The next record to go out on `carrier`, with its number; `None` where there is none now, or it was superseded.
    pub fn poll_send(&self, carrier: &mut Carrier) -> Option<(u64, &R)> {
        let next = self.ring.next_after(carrier.sent).filter(|_| self.is_current(carrier))?;
        carrier.sent = next.0;
        Some(next)
    }

    /// What goes out next on `carrier`, a WebSocket; `None` where there is nothing now, or it was superseded.
    ///
    /// Records have no numbers there. So where the next one isn't the next on this carrier, since the peer acknowledged more by
    /// other ways, the event `from` goes first.
    pub fn poll_counted(&self, carrier: &mut Carrier) -> Option<Counted<'_, R>> {
        let before = carrier.sent;
        let (number, record) = self.poll_send(carrier)?;
        if number - before == 1 {
            return Some(Counted::Record(record));
        }
        carrier.sent = number - 1;
        Some(Counted::From(carrier.sent))
    }

    /// The event `from` came on `carrier`: the peer's records go on after `number`. Nothing where the carrier was superseded.
    ///
    /// # Errors
    /// [`Hole`]: records are missing. A client drops the carrier; to a server no client that keeps to the protocol says this, and
    /// the session ends (4002).
    pub fn handle_from(&mut self, carrier: &Carrier, number: u64) -> Result<(), Hole> {
        if self.is_current(carrier) { self.intake.attach(number) } else { Ok(()) }
    }

    /// A record came on `carrier`; `number` is the one that it came with, if it did. Where it is [`Offered::New`], its number
    /// is [`Intake::last`] now. `None` where the carrier was superseded: what comes on it is dropped.
    pub fn receive(&mut self, carrier: &Carrier, number: Option<u64>) -> Option<Offered> {
        self.is_current(carrier).then(|| match number {
            Some(number) => self.intake.offer(number),
            None => self.intake.next(),
        })
    }
}

impl<R: Record> Endpoint<R> {
    /// What [`poll_counted`](Self::poll_counted) gives, as a message.
    pub fn poll_message(&self, carrier: &mut Carrier) -> Option<Message> {
        Some(match self.poll_counted(carrier)? {
            Counted::Record(record) => websocket::encode_record(record),
            Counted::From(number) => websocket::encode_signal(&R::Signal::from_after(number)),
        })
    }
}

/// What goes out on a WebSocket, on which records have no numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted<'a, R> {
    /// The event `from`: records go on after this number.
    From(u64),
    /// The next record.
    Record(&'a R),
}

/// Why a carrier can't be attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachError {
    /// The peer has what it was never sent: the session ends (400, 4002).
    AheadOfSent(AheadOfSent),
    /// Records are missing before those that the carrier would bring: drop it, and attach another.
    Hole(Hole),
}

impl fmt::Display for AttachError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AheadOfSent(error) => error.fmt(f),
            Self::Hole(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AttachError {}
