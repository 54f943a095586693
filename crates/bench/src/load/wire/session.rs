//! A resumable session on a WebSocket.

use std::time::Instant;

use bowline_core::Message;
use bowline_core::session::websocket::{self, Decoder, Item};
use bowline_core::session::{RoomNumber, ServerRecord, ServerSignal};

use super::Say;
use super::reader::{Delivered, Reader, Take, bytes};
use super::socket::{Heard, Socket};
use super::websocket::Speech;
use crate::frame;

/// U+001E, before everything that is no message.
const SEPARATOR: u8 = 0x1e;
/// A number, a full stop, a number, a space.
const MAX_PLACE: usize = 20 + 1 + 20 + 1;

/// A session. It stays with its WebSocket, so what it says needn't be kept.
#[derive(Debug, Default)]
pub(super) struct Session {
    reader: Reader,
    decoder: Decoder<ServerRecord>,
    /// The decoder has had the header of a publication, which comes next.
    is_between: bool,
}

impl Speech for Session {
    fn say(&mut self, what: Say<'_>, socket: &mut Socket) {
        if matches!(what, Say::Join(_)) {
            self.reader.joins();
        }
        match what {
            Say::Message(text) if text.as_bytes().first() != Some(&SEPARATOR) => {
                socket.send(text.as_bytes(), text.len());
            }
            _ => socket.send(bytes(&websocket::encode_record(&what.record())), what.payload()),
        }
    }

    fn hear(&mut self, heard: Heard<'_>, now: Instant, take: Take<'_>) -> Delivered {
        match heard {
            // The session opens by a record of its own.
            Heard::Open => Ok(None),
            Heard::Message(opcode, payload) => self.message(opcode, payload, now, take),
        }
    }

    fn due(&self) -> Option<Instant> {
        self.reader.intake.poll_timeout()
    }

    fn attend(&mut self, socket: &mut Socket, now: Instant) {
        if self.reader.intake.take_ack(now).is_some() {
            let mut text = b"\x1eevent: ack\ndata: ".to_vec();
            self.reader.acknowledge(&mut text);
            socket.send(&text, 0);
        }
    }
}

impl Session {
    /// What comes most often, messages and publications of text, is read where it lies.
    fn message(&mut self, opcode: u8, payload: &[u8], now: Instant, take: Take<'_>) -> Delivered {
        if opcode == frame::BINARY || self.is_between {
            return self.decode(opcode, payload, now, take);
        }
        if payload.first() != Some(&SEPARATOR) {
            self.check_open()?;
            return self.reader.message(None, payload, now, take);
        }
        match place(payload) {
            Some((number, offset, text)) => self.reader.numbered(number, offset, text, now, take),
            None => self.decode(opcode, payload, now, take),
        }
    }

    fn decode(&mut self, opcode: u8, payload: &[u8], now: Instant, take: Take<'_>) -> Delivered {
        let message = if opcode == frame::BINARY {
            Message::binary(payload.to_vec())
        } else {
            Message::text(String::from_utf8(payload.to_vec()).map_err(|_| "a text message came that isn't UTF-8")?)
        };
        let item = self.decoder.receive(message).map_err(|error| error.to_string())?;
        self.is_between = item.is_none();
        match item {
            None => Ok(None),
            Some(Item::Signal(ServerSignal::Open(open))) => self.reader.opened(&open, take).map(|()| None),
            Some(Item::Signal(signal)) => self.reader.signal(&signal, now, take).map(|()| None),
            Some(Item::Publication { number, offset, message }) => {
                self.reader.numbered(number, offset, bytes(&message), now, take)
            }
            Some(Item::Record(record)) => {
                self.check_open()?;
                self.reader.record(None, record, now, take)
            }
        }
    }

    fn check_open(&self) -> Result<(), String> {
        if self.reader.is_open() { Ok(()) } else { Err("a record came before the session was opened".into()) }
    }
}

/// A publication of text: `␞<room's number>.<offset> <text>`.
fn place(payload: &[u8]) -> Option<(RoomNumber, u64, &[u8])> {
    let rest = payload.get(1..)?;
    let dot = rest.iter().take(MAX_PLACE).position(|byte| *byte == b'.')?;
    let space = rest.iter().take(MAX_PLACE).position(|byte| *byte == b' ').filter(|space| *space > dot)?;
    let (number, offset) = (digits(rest.get(..dot)?)?, digits(rest.get(dot + 1..space)?)?);
    Some((RoomNumber(number), offset, rest.get(space + 1..)?)).filter(|_| offset > 0)
}

/// A number in digits.
pub(super) fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
