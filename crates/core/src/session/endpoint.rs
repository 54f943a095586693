//! One end of a session.

use std::fmt;

use super::{AheadOfSent, Hole, Intake, Offered, Record, Ring, RingBounds};

/// One end of a session's direct streams, whatever carries them: what it sent, what it got, and which carrier holds.
///
/// The server's is an `Endpoint<ServerRecord>`, the client's an `Endpoint<ClientRecord>`. The order of calls: what is to be sent
/// goes into [`ring`](Self::ring); [`attach`](Self::attach) begins a carrier; then, until it is superseded or ends, what
/// [`poll_send`](Self::poll_send) gives goes out on it, and what comes is [`receive`](Self::receive)d. What a `POST` brings needs
/// no carrier: it is [offered](Intake::offer) to [`intake`](Self::intake).
///
/// ```text
///   ring:     acked ≤ sent of the carrier ≤ last          attach: sent = acked
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
    /// The number of the last record that was given to it; at first what the peer has.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }
}

impl<R: Record> Endpoint<R> {
    /// One end of a new session.
    #[must_use]
    pub fn new(bounds: RingBounds) -> Self {
        Self { ring: Ring::new(bounds), intake: Intake::new(), generation: 0 }
    }

    /// Begins a carrier; the one before is superseded. `acked` is what the peer has: a server knows it by the cursor, or takes
    /// [`Ring::acked`]; a client by `ack` in `open`. `from` is where the peer's records go on: a server's own
    /// [`Intake::last`], which it tells as `ack`; for a client `from` in `open`.
    ///
    /// # Errors
    /// [`AttachError`]; the carrier before still holds then.
    pub fn attach(&mut self, acked: u64, from: u64) -> Result<Carrier, AttachError> {
        self.ring.ack(acked).map_err(AttachError::AheadOfSent)?;
        self.intake.attach(from).map_err(AttachError::Hole)?;
        self.generation += 1;
        Ok(Carrier { generation: self.generation, sent: self.ring.acked() })
    }

    /// Whether `carrier` holds: no other was attached since.
    #[must_use]
    pub const fn is_current(&self, carrier: &Carrier) -> bool {
        carrier.generation == self.generation
    }

    /// The next record to go out on `carrier`, with its number; `None` where there is none now, or it was superseded.
    pub fn poll_send(&self, carrier: &mut Carrier) -> Option<(u64, &R)> {
        if !self.is_current(carrier) {
            return None;
        }
        let (number, record) = self.ring.after(carrier.sent).next()?;
        carrier.sent = number;
        Some((number, record))
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
