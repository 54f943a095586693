//! A client on a WebSocket, whatever it says and hears there.

use std::fmt::Debug;
use std::time::Instant;

use super::reader::{Delivered, Take};
use super::socket::{Heard, Socket};
use super::{Say, Side, Wire};
use crate::Counts;
use crate::handshake::Handshake;

/// What messages say.
pub(super) trait Speech: Debug {
    /// Says something.
    fn say(&mut self, what: Say<'_>, socket: &mut Socket);
    /// Takes what came, and hands on what that is. How many bytes of it are payload of a delivery, if it is one.
    fn hear(&mut self, heard: Heard<'_>, now: Instant, take: Take<'_>) -> Delivered;
    /// When it has something to say without being spoken to.
    fn due(&self) -> Option<Instant> {
        None
    }
    /// Says what is due: asked after what was read, too.
    fn attend(&mut self, _socket: &mut Socket, _now: Instant) {}
}

/// A client with one connection.
#[derive(Debug)]
pub(super) struct WebSocket<S> {
    socket: Socket,
    speech: S,
}

impl<S: Speech> WebSocket<S> {
    /// `longest` is the longest message that may come.
    pub(super) fn new(handshake: Handshake, longest: usize, speech: S) -> Self {
        Self { socket: Socket::new(handshake, longest), speech }
    }
}

impl<S: Speech> Wire for WebSocket<S> {
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
        self.speech.say(what, &mut self.socket);
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

    fn receive(&mut self, _: Side, bytes: &[u8], now: Instant, take: Take<'_>) -> Result<(), String> {
        let Self { socket, speech } = self;
        socket.receive(bytes, |heard| speech.hear(heard, now, take))?;
        speech.attend(socket, now);
        Ok(())
    }

    fn due(&self) -> Option<Instant> {
        self.speech.due()
    }

    fn attend(&mut self, now: Instant) {
        self.speech.attend(&mut self.socket, now);
    }

    fn leave(&mut self) {
        self.socket.close();
    }

    fn counts(&self) -> Counts {
        self.socket.counts
    }
}
