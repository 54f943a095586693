//! A publication's bytes on the wire, of which there are a few kinds.

use bowline_core::{
    Error, Message,
    event_stream::{self, Field, Lines, PRESENCE, event},
};

use super::Position;

/// How a reader gets publications. All readers with the same encoding are given the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// Frames of a WebSocket, the message as it is.
    WebSocket(bowline_core::message::Encoding),
    /// Events of an event stream (HTML Standard, server-sent events), whose `id` is the place in the log.
    EventStream,
}

impl Encoding {
    /// Appends the publication at `position`, or an event of presence, which has none. On an error `out` is as it was.
    pub(super) fn encode(self, position: Option<Position>, message: &Message, out: &mut Vec<u8>) -> Result<(), Error> {
        match self {
            Self::WebSocket(encoding) => encoding.encode(message, out),
            Self::EventStream => {
                append_event(position, message, out);
                Ok(())
            }
        }
    }
}

fn append_event(position: Option<Position>, message: &Message, out: &mut Vec<u8>) {
    let Some(position) = position else {
        // JSON, which has no line's end.
        if let Some(Ok(lines)) = message.as_text().map(Lines::new) {
            event(out, None, Some(PRESENCE), lines);
        }
        return;
    };
    let id = position.to_string();
    event_stream::message(out, Field::new(&id).ok(), message);
}
