//! A bare WebSocket: each message is one.

use std::time::Instant;

use super::socket::{Heard, Socket};
use super::{Came, Say, Side, Wire};
use crate::Counts;
use crate::handshake::Handshake;

/// A client on a WebSocket as it is, with an echo behind it or in the room of its address.
#[derive(Debug)]
pub(super) struct Raw {
    socket: Socket,
}

impl Raw {
    pub(super) fn new(handshake: Handshake, longest: usize) -> Self {
        Self { socket: Socket::new(handshake, longest) }
    }
}

impl Wire for Raw {
    fn wants(&self, side: Side) -> bool {
        side == Side::Down && self.socket.wants()
    }

    fn connected(&mut self, _: Side, _: Instant) {
        self.socket.connected();
    }

    fn ended(&mut self, _: Side, _: Instant) -> Result<(), String> {
        Err("the server hung up without a Close frame".into())
    }

    fn say(&mut self, what: Say<'_>) {
        match what {
            Say::Message(text) | Say::Publish { text, .. } => self.socket.send(text.as_bytes(), text.len()),
            // It is there by its address.
            Say::Join(_) => {}
        }
    }

    fn backlog(&self) -> usize {
        self.socket.output.len()
    }

    fn output(&self, side: Side) -> &[u8] {
        if side == Side::Down { self.socket.output.rest() } else { &[] }
    }

    fn wrote(&mut self, _: Side, count: usize) {
        self.socket.wrote(count);
    }

    fn receive(&mut self, _: Side, bytes: &[u8], _: Instant, take: &mut dyn FnMut(Came<'_>)) -> Result<(), String> {
        self.socket.receive(bytes, |heard| {
            Ok(match heard {
                Heard::Open => {
                    take(Came::Open);
                    None
                }
                Heard::Message(_, payload) => {
                    take(Came::Message(payload));
                    Some(payload.len())
                }
            })
        })
    }

    fn due(&self) -> Option<Instant> {
        None
    }

    fn attend(&mut self, _: Instant) {}

    fn counts(&self) -> Counts {
        self.socket.counts
    }
}
