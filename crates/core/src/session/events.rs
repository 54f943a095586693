//! Records as events of an event stream (sections 2 to 4).

use super::{BadRecord, Form, Record, Signal};
use crate::{
    Message,
    event_stream::{self, Event, Field, Lines},
    position::{Position, from_digits},
};

/// Appends a record.
pub fn append_record<R: Record>(out: &mut Vec<u8>, number: u64, record: &R) {
    let number = number.to_string();
    let id = Field::new(&number).ok();
    match record.form() {
        Form::Message(message) => event_stream::message(out, id, message),
        Form::Event(kind, data) => append_event(out, id, kind, &data),
    }
}

/// Appends a signal; a gap with its `id`.
pub fn append_signal<S: Signal>(out: &mut Vec<u8>, signal: &S) {
    let position = signal.position().map(|position| position.to_string());
    let id = position.as_deref().and_then(|position| Field::new(position).ok());
    append_event(out, id, signal.kind(), &signal.data());
}

/// Appends a publication.
pub fn append_publication(out: &mut Vec<u8>, position: Position, message: &Message) {
    let position = position.to_string();
    event_stream::message(out, Field::new(&position).ok(), message);
}

fn append_event(out: &mut Vec<u8>, id: Option<Field<'_>>, kind: Field<'_>, data: &str) {
    // JSON and numbers, written by this crate: no line's end is in them.
    if let Ok(lines) = Lines::new(data) {
        event_stream::event(out, id, Some(kind), lines);
    }
}

/// What an event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<R: Record> {
    /// A record.
    Record {
        /// Its number, 1 or more.
        number: u64,
        /// What it says.
        record: R,
    },
    /// What has no number.
    Signal(R::Signal),
    /// A publication, only from servers.
    Publication {
        /// Its place, which also tells the room.
        position: Position,
        /// The message.
        message: Message,
    },
}

/// Reads an event as a record of `R`, or what else goes the same way.
///
/// # Errors
/// [`BadRecord`] where it can't be read: the session ends (400).
pub fn read<R: Record>(event: &Event) -> Result<Item<R>, BadRecord> {
    let id = event.id.as_deref();
    if R::PUBLICATIONS
        && let Some(position) = id.and_then(|id| id.parse::<Position>().ok())
    {
        return read_placed(event, position);
    }
    let number = id.map(|id| from_digits(id).filter(|number| *number > 0).ok_or_else(|| bad_id(id))).transpose()?;
    match (parse(event)?, number) {
        (Parsed::Record(record), Some(number)) => Ok(Item::Record { number, record }),
        (Parsed::Record(_), None) => Err(BadRecord::found("a record has no id", event.name())),
        (Parsed::Signal(signal), None) if signal.position().is_none() => Ok(Item::Signal(signal)),
        (Parsed::Signal(_), _) => Err(BadRecord::found("an event has another id than its kind", event.name())),
    }
}

/// What has a position: a publication, or a gap that ends there.
fn read_placed<R: Record>(event: &Event, position: Position) -> Result<Item<R>, BadRecord> {
    if let Some(message) = message(event)? {
        if position.offset == 0 {
            return Err(BadRecord::new("a publication has the offset 0"));
        }
        return Ok(Item::Publication { position, message });
    }
    match parse::<R>(event)? {
        Parsed::Signal(signal) if signal.position() == Some(position) => Ok(Item::Signal(signal)),
        _ => Err(BadRecord::found("an event has another id than its kind", event.name())),
    }
}

fn bad_id(id: &str) -> BadRecord {
    BadRecord::found("an id is neither a number from 1 on nor a place in a room", id)
}

pub(super) enum Parsed<R: Record> {
    Record(R),
    Signal(R::Signal),
}

/// What an event says, whatever its `id`.
pub(super) fn parse<R: Record>(event: &Event) -> Result<Parsed<R>, BadRecord> {
    if let Some(message) = message(event)? {
        return Ok(Parsed::Record(R::from_message(message)));
    }
    if let Some(record) = R::parse(event.name(), &event.data)? {
        return Ok(Parsed::Record(record));
    }
    let signal = R::Signal::parse(event.name(), &event.data)?;
    signal.map(Parsed::Signal).ok_or_else(|| BadRecord::found("an event of an unknown kind", event.name()))
}

fn message(event: &Event) -> Result<Option<Message>, BadRecord> {
    event.message().map_err(|error| BadRecord::found("a message can't be read", error.to_string()))
}
