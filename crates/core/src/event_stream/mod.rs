//! The event stream of the HTML Standard ("Server-sent events", `text/event-stream`): written by functions that append to
//! a buffer, read by a [`Parser`].
//!
//! A message of plain text is an event without a name, so that a browser's `onmessage` gets it. What the format can't
//! carry as it is goes in base64 (RFC 4648 §4, padded) under a name of its own: a binary message as [`BINARY`]; a text
//! with a carriage return, which a reader would take for a line's end, as [`TEXT_BASE64`]; and so a text with so many lines
//! that their `data: ` would make it longer than base64 does by more than 2 KiB, so that a reader can bound what an event has.
//!
//! ```
//! use bowline_core::event_stream::{Field, message};
//!
//! let mut out = Vec::new();
//! message(&mut out, Field::new("7").ok(), &"two\nlines".into());
//! assert_eq!(out, b"id: 7\ndata: two\ndata: lines\n\n");
//! ```

mod encode;
mod event;
mod field;
mod parse;

#[cfg(test)]
mod tests;

pub use self::{
    encode::{comment, event, id, message, retry},
    event::{Event, InvalidData},
    field::{Field, InvalidField, Lines},
    parse::{ParseError, Parser, Piece},
};

/// The `Content-Type`. The format is always UTF-8.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// The name of an event whose data is a binary message in base64.
pub const BINARY: Field<'static> = Field::trusted("binary");

/// The name of an event whose data is a text message in base64, since it has a carriage return.
pub const TEXT_BASE64: Field<'static> = Field::trusted("text-base64");

/// The name of an event about who is in a room: data in JSON.
pub const PRESENCE: Field<'static> = Field::trusted("presence");

/// The name of an event about messages that a reader won't get: data in JSON.
pub const GAP: Field<'static> = Field::trusted("gap");
