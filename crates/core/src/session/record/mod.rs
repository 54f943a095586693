//! Records: what has a number in a direct stream. And signals, which have none.

mod client;
mod failed;
mod server;
mod signal;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

pub use self::{
    client::{ClientRecord, JoinStart, Publish},
    failed::{FailedReason, UnknownReason},
    server::{Member, ServerRecord},
    signal::{ClientSignal, Open, Presence, PresenceChange, ServerSignal},
};
use super::BadRecord;
use crate::{
    CloseCode, CloseFrame, Message,
    event_stream::Field,
    position::{Position, from_digits},
};

pub(super) mod sealed {
    pub trait Sealed {}
}

/// A record of one of the two directions: [`ClientRecord`] or [`ServerRecord`].
pub trait Record: sealed::Sealed + Clone + Eq + std::fmt::Debug {
    /// What goes the same way without a number.
    type Signal: Signal;
    /// Whether publications go that way.
    const PUBLICATIONS: bool;

    /// The record that is a message.
    fn from_message(message: Message) -> Self;

    /// A message, or an event's name and data.
    fn form(&self) -> Form<'_>;

    /// The record of this kind that `data` describes; `None` if no record is of this kind. Messages are none of them.
    ///
    /// # Errors
    /// [`BadRecord`] where `data` is not what the kind asks for.
    fn parse(kind: &str, data: &str) -> Result<Option<Self>, BadRecord>;

    /// What it counts for in a ring: the bytes of its message, and of the texts in it.
    fn size(&self) -> usize;
}

/// What has no number: [`ClientSignal`] or [`ServerSignal`].
pub trait Signal: sealed::Sealed + Clone + Eq + std::fmt::Debug {
    /// The event `from`: on this WebSocket the records of whoever says it go on after `number`.
    fn from_after(number: u64) -> Self;

    /// The event's name.
    fn kind(&self) -> Field<'static>;

    /// The event's data, one line.
    fn data(&self) -> String;

    /// The event's `id` over HTTP, which only a gap has.
    fn position(&self) -> Option<Position>;

    /// The signal of this kind that `data` describes; `None` if no signal is of this kind.
    ///
    /// # Errors
    /// [`BadRecord`] where `data` is not what the kind asks for.
    fn parse(kind: &str, data: &str) -> Result<Option<Self>, BadRecord>;
}

/// How a record is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form<'a> {
    /// As a message.
    Message(&'a Message),
    /// As an event, whose data is one line of JSON.
    Event(Field<'static>, String),
}

/// What can't be written in JSON doesn't exist: strings, numbers and lists of them.
fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// An object with these members. A list is none, though serde takes one for a struct too, in the order of its fields.
fn from_json<T: DeserializeOwned>(kind: &'static str, members: &str, data: &str) -> Result<T, BadRecord> {
    let no_object = || BadRecord::found(kind, format!("its data is no JSON object with {members}, each once"));
    if !data.trim_ascii_start().starts_with('{') {
        return Err(no_object());
    }
    serde_json::from_str(data).map_err(|error| {
        if error.is_data() {
            return no_object();
        }
        BadRecord::found(kind, format!("its data is no JSON from column {} on", error.column()))
    })
}

/// The data of `close`, either way.
#[derive(Serialize, Deserialize)]
struct CloseData {
    code: u16,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    reason: String,
}

fn close_to_json(frame: &CloseFrame) -> String {
    to_json(&CloseData { code: frame.code().get(), reason: frame.reason().as_str().to_owned() })
}

fn close_from_json(data: &str) -> Result<CloseFrame, BadRecord> {
    let CloseData { code, reason } = from_json("close", "code, a number, and maybe reason, a text", data)?;
    let code = CloseCode::new(code).ok_or_else(|| BadRecord::found("close has no code that may be sent", data))?;
    if reason.len() > CloseFrame::MAX_REASON {
        return Err(BadRecord::new("the reason of close is over 123 bytes"));
    }
    Ok(CloseFrame::new(code, reason))
}

fn number(what: &'static str, text: &str) -> Result<u64, BadRecord> {
    from_digits(text).ok_or_else(|| BadRecord::found(what, text))
}

fn position(what: &'static str, text: &str) -> Result<Position, BadRecord> {
    text.parse().map_err(|_| BadRecord::found(what, text))
}
