//! A publication's bytes on the wire, of which there are a few kinds.

use bowline_core::{
    Message,
    event_stream::{self, Field, Lines, PRESENCE, event},
    message::Encoding as Frames,
};

use super::Position;

/// How a reader gets publications. All readers with the same encoding are given the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// Frames of a WebSocket, the message as it is.
    WebSocket(Frames),
    /// Events of an event stream (HTML Standard, server-sent events), whose `id` is the place in the log.
    EventStream,
}

impl Encoding {
    /// Appends the publication at `position`, or an event of presence, which has none.
    pub(super) fn encode(self, position: Option<Position>, message: &Message, out: &mut Vec<u8>) {
        match self {
            Self::WebSocket(encoding) => append_frame(encoding, message, out),
            Self::EventStream => append_event(position, message, out),
        }
    }
}

fn append_frame(encoding: Frames, message: &Message, out: &mut Vec<u8>) {
    // RFC 7692 §6: a message may always go uncompressed, and so nobody misses it.
    if let Err(error) = encoding.encode(message, out) {
        tracing::error!(%error, "a publication can't be compressed, and goes as it is");
        let _ = Frames::PLAIN.encode(message, out);
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
