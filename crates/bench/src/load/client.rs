//! A client: its wire, and a socket for each of its sides.

use std::io::{self, Read, Write};

use mio::net::TcpStream;

use super::clock::{Clock, Now};
use super::wire::{Came, Side, Wire};
use crate::open::not_yet;

/// Reads of one socket in a row: past that others have their turn first.
const MAX_READS: usize = 16;

/// A client's sides, in the order of their tokens.
pub(super) const SIDES: [Side; 2] = [Side::Down, Side::Up];

/// One client.
pub(super) struct Client {
    pub(super) wire: Box<dyn Wire>,
    links: [Link; 2],
    /// Whether it leaves what comes where it is.
    pub(super) is_paused: bool,
    /// Whether it is of no more use.
    pub(super) is_lost: bool,
    /// When it is looked after next, if it is.
    pub(super) attended_at: Option<u64>,
}

/// A connection, or the place for one.
#[derive(Debug, Default)]
struct Link {
    socket: Option<TcpStream>,
    /// Whether anything came on it.
    has_heard: bool,
}

/// Why a client is of no more use.
#[derive(Debug)]
pub(super) enum Loss {
    /// A connection couldn't be made, or broke before anything came on it.
    Socket(io::Error),
    /// What the server said, or that it hung up.
    Wire(String),
}

impl Client {
    pub(super) fn new(wire: Box<dyn Wire>) -> Self {
        Self { wire, links: Default::default(), is_paused: false, is_lost: false, attended_at: None }
    }

    /// Whether a connection is to be made on a side.
    pub(super) fn wants(&self, side: Side) -> bool {
        !self.is_lost && self.links[side as usize].socket.is_none() && self.wire.wants(side)
    }

    pub(super) fn connect(&mut self, side: Side, socket: TcpStream, now: Now) {
        self.links[side as usize] = Link { socket: Some(socket), has_heard: false };
        self.wire.connected(side, now.instant);
    }

    /// Hangs up for good.
    pub(super) fn lose(&mut self) {
        self.is_lost = true;
        self.links = Default::default();
    }

    /// Reads what has come on a side; to its end where that is known to be there. True if there may be more.
    pub(super) fn read(
        &mut self,
        side: Side,
        to_end: bool,
        buffer: &mut [u8],
        clock: &Clock,
        take: &mut dyn FnMut(Now, Came<'_>),
    ) -> Result<bool, Loss> {
        for _ in 0..MAX_READS {
            let link = &mut self.links[side as usize];
            let Some(socket) = &mut link.socket else { return Ok(false) };
            let count = match socket.read(buffer) {
                Ok(0) => return self.ended(side, None, clock.now()).map(|()| false),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if not_yet(&error) => return Ok(false),
                Err(error) => return self.ended(side, Some(error), clock.now()).map(|()| false),
            };
            link.has_heard = true;
            let now = clock.now();
            let bytes = buffer.get(..count).unwrap_or_default();
            self.wire.receive(side, bytes, now.instant, &mut |came| take(now, came)).map_err(Loss::Wire)?;
            if !self.wire.is_connected(side) {
                self.links[side as usize] = Link::default();
                return Ok(false);
            }
            // A read that doesn't fill the buffer took all there was.
            if count < buffer.len() && !to_end {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes what a side has to say, as far as it goes.
    pub(super) fn write(&mut self, side: Side, clock: &Clock) -> Result<(), Loss> {
        loop {
            let Some(socket) = &mut self.links[side as usize].socket else { return Ok(()) };
            let output = self.wire.output(side);
            if output.is_empty() {
                return Ok(());
            }
            match socket.write(output) {
                Ok(count) => self.wire.wrote(side, count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if not_yet(&error) => return Ok(()),
                // Why it was hung up on may be still to be read: reading ends it.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return self.ended(side, Some(error), clock.now()),
            }
        }
    }

    /// A connection is at its end. One on which nothing came was none: to make another would go on for ever.
    fn ended(&mut self, side: Side, error: Option<io::Error>, now: Now) -> Result<(), Loss> {
        let link = std::mem::take(&mut self.links[side as usize]);
        match error {
            Some(error) if !link.has_heard => Err(Loss::Socket(error)),
            None if !link.has_heard => Err(Loss::Wire("the server hung up without an answer".into())),
            _ => self.wire.ended(side, now.instant).map_err(Loss::Wire),
        }
    }
}
