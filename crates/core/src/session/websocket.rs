//! Records as WebSocket messages (section 5).

use super::{BadRecord, Form, Record, RoomNumber, Signal, cursor::room_place};
use crate::{
    Error, Message, Utf8Bytes,
    event_stream::{Event, Field, Parser, Piece},
    message::Encoding,
};

/// U+001E, the record separator.
const SEPARATOR: u8 = 0x1e;
const SEPARATOR_TEXT: &str = "\u{1e}";
/// A number, a full stop, a number.
const MAX_PUBLICATION_HEADER: usize = 20 + 1 + 20;

/// A record as a message. A message goes as it is, without a copy; a text that begins with the separator is copied behind
/// another.
#[must_use]
pub fn encode_record<R: Record>(record: &R) -> Message {
    match record.form() {
        Form::Message(Message::Text(text)) if text.as_bytes().first() == Some(&SEPARATOR) => {
            Message::text([SEPARATOR_TEXT, text.as_str()].concat())
        }
        Form::Message(message) => message.clone(),
        Form::Event(kind, data) => encode_event(kind, &data),
    }
}

/// A signal as a message.
#[must_use]
pub fn encode_signal<S: Signal>(signal: &S) -> Message {
    encode_event(signal.kind(), &signal.data())
}

/// An event as a message, of whatever kind: `data` is one line.
#[must_use]
pub fn encode_event(kind: Field<'_>, data: &str) -> Message {
    Message::text([SEPARATOR_TEXT, "event: ", kind.as_str(), "\ndata: ", data].concat())
}

/// A publication as messages: one, or where it is binary two, which go one after the other.
#[must_use]
pub fn encode_publication(number: RoomNumber, offset: u64, message: &Message) -> (Message, Option<Message>) {
    match message {
        Message::Text(text) => (Message::text(format!("{SEPARATOR_TEXT}{number}.{offset} {text}")), None),
        Message::Binary(_) => (Message::text(format!("{SEPARATOR_TEXT}{number}.{offset}")), Some(message.clone())),
    }
}

/// Appends a publication as frames of a server, the same for all sessions with this encoding.
///
/// # Errors
/// As [`Encoding::encode`]; `out` is as it was.
pub fn append_publication(
    encoding: Encoding,
    number: RoomNumber,
    offset: u64,
    message: &Message,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let before = out.len();
    let (first, second) = encode_publication(number, offset, message);
    let result =
        encoding.encode(&first, out).and_then(|()| second.map_or(Ok(()), |second| encoding.encode(&second, out)));
    if result.is_err() {
        out.truncate(before);
    }
    result
}

/// What came on a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<R: Record> {
    /// A record. Its number is the next.
    Record(R),
    /// What has no number.
    Signal(R::Signal),
    /// A publication, only from servers.
    Publication {
        /// The room's number.
        number: RoomNumber,
        /// Its offset.
        offset: u64,
        /// The message.
        message: Message,
    },
}

/// Reads the messages of a WebSocket as records of `R`. One for each carrier.
#[derive(Clone, Debug)]
pub struct Decoder<R> {
    /// The binary message that comes next is this publication.
    publication: Option<(RoomNumber, u64)>,
    records: std::marker::PhantomData<R>,
}

impl<R> Default for Decoder<R> {
    fn default() -> Self {
        Self { publication: None, records: std::marker::PhantomData }
    }
}

impl<R: Record> Decoder<R> {
    /// A decoder for a carrier on which nothing has come.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a message. `None` where it says what the next one is. Messages come out without a copy.
    ///
    /// # Errors
    /// [`BadRecord`] where it can't be read: the session ends with close code 4002.
    pub fn receive(&mut self, message: Message) -> Result<Option<Item<R>>, BadRecord> {
        let text = match (self.publication.take(), message) {
            (None, message @ Message::Binary(_)) => return Ok(Some(Item::Record(R::from_message(message)))),
            (Some((number, offset)), message @ Message::Binary(_)) => {
                return Ok(Some(Item::Publication { number, offset, message }));
            }
            (None, Message::Text(text)) => text,
            (Some(_), Message::Text(_)) => {
                return Err(BadRecord::new("a binary publication is missing behind its header"));
            }
        };
        match text.as_bytes().get(..2) {
            Some([SEPARATOR, SEPARATOR]) => Ok(Some(Item::Record(R::from_message(Message::Text(text.slice(1..)))))),
            Some([SEPARATOR, byte]) if byte.is_ascii_digit() && R::PUBLICATIONS => self.publication(&text),
            Some([SEPARATOR, byte]) if byte.is_ascii_alphabetic() => event(&text).map(Some),
            _ if text.as_bytes().first() == Some(&SEPARATOR) => {
                Err(BadRecord::new("what follows the separator U+001E is not what may follow it"))
            }
            _ => Ok(Some(Item::Record(R::from_message(Message::Text(text))))),
        }
    }

    fn publication(&mut self, text: &Utf8Bytes) -> Result<Option<Item<R>>, BadRecord> {
        let bad = || BadRecord::new("the header of a publication is not <room's number>.<offset>");
        let start = text.as_bytes().get(1..).unwrap_or_default();
        let space = start.iter().take(MAX_PUBLICATION_HEADER + 1).position(|byte| *byte == b' ');
        let header = &start[..space.unwrap_or(start.len()).min(MAX_PUBLICATION_HEADER + 1)];
        let place = std::str::from_utf8(header).ok().and_then(room_place);
        let (number, offset) = place.filter(|(_, offset)| *offset > 0).ok_or_else(bad)?;
        let Some(space) = space else {
            self.publication = Some((number, offset));
            return Ok(None);
        };
        let message = Message::Text(text.slice(1 + space + 1..));
        Ok(Some(Item::Publication { number, offset, message }))
    }
}

/// The one event that a text is.
fn event<R: Record>(text: &Utf8Bytes) -> Result<Item<R>, BadRecord> {
    let mut parser = Parser::new(text.len());
    parser.push(&text.as_bytes()[1..]);
    parser.push(b"\n\n");
    let mut next = || parser.next().map_err(|_| BadRecord::new("an event can't be read"));
    match (next()?, next()?) {
        (Some(Piece::Event(Event { id: Some(_), .. })), _) => Err(BadRecord::new("an event on a WebSocket has an id")),
        (Some(Piece::Event(event)), None) => match super::events::parse(&event)? {
            super::events::Parsed::Record(record) => Ok(Item::Record(record)),
            super::events::Parsed::Signal(signal) => Ok(Item::Signal(signal)),
        },
        _ => Err(BadRecord::new("a message is not one event")),
    }
}
