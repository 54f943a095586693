//! What worked lately, and what didn't.

use std::time::{Duration, Instant};

use crate::Transport;

/// How many carriers of one transport may break young, one after another, before it is taken for one that doesn't work here.
const MAX_STRIKES: u8 = 3;

/// Which transports don't work here, each for a while.
#[derive(Debug, Default)]
pub(super) struct Memory {
    places: [Place; Transport::ALL.len()],
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Not tried before others until then.
    avoided_until: Option<Instant>,
    strikes: u8,
}

impl Memory {
    /// It didn't work where another did.
    pub(super) fn avoid(&mut self, transport: Transport, until: Instant) {
        self.places[transport as usize] = Place { avoided_until: Some(until), strikes: 0 };
    }

    /// It works.
    pub(super) fn works(&mut self, transport: Transport) {
        self.places[transport as usize].avoided_until = None;
    }

    /// A carrier that had worked broke. One that proved itself says nothing against its transport.
    pub(super) fn broke(&mut self, transport: Transport, proven: bool, now: Instant, memory: Duration) {
        let place = &mut self.places[transport as usize];
        place.strikes = if proven { 0 } else { place.strikes + 1 };
        if place.strikes == MAX_STRIKES {
            self.avoid(transport, now + memory);
        }
    }

    /// Until when it is avoided.
    pub(super) fn avoided_until(&self, transport: Transport, now: Instant) -> Option<Instant> {
        self.places[transport as usize].avoided_until.filter(|until| *until > now)
    }

    /// The machine slept: the network may be another.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}
