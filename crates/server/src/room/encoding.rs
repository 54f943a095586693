//! A publication's bytes on the wire, of which there are a few kinds.

use bowline_core::{
    Error, Message,
    event_stream::{Lines, PRESENCE, event},
    message::Encoding as Frames,
    session::{RoomNumber, events, websocket},
};

use super::Position;

/// How a reader gets publications. All readers with the same encoding are given the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// Frames of a WebSocket, the message as it is.
    WebSocket(Frames),
    /// Frames of a session's WebSocket (`bowline.v1`), with the room's number and the offset.
    Session(Frames),
    /// Events of an event stream (HTML Standard, server-sent events), whose `id` is the place in the log.
    EventStream,
}

impl Encoding {
    /// Appends the publication at `position` of the room with this number, or an event of presence, which has no position.
    pub(super) fn encode(self, number: RoomNumber, position: Option<Position>, message: &Message, out: &mut Vec<u8>) {
        match (self, position) {
            (Self::WebSocket(frames), _) => plainly(frames, |frames| frames.encode(message, out)),
            (Self::Session(frames), Some(Position { offset, .. })) => {
                plainly(frames, |frames| websocket::append_publication(frames, number, offset, message, out));
            }
            (Self::Session(frames), None) => {
                let event = presence_message(message);
                plainly(frames, |frames| frames.encode(&event, out));
            }
            (Self::EventStream, Some(position)) => events::append_publication(out, position, message),
            // JSON, which has no line's end.
            (Self::EventStream, None) => {
                if let Some(Ok(lines)) = message.as_text().map(Lines::new) {
                    event(out, None, Some(PRESENCE), lines);
                }
            }
        }
    }
}

/// RFC 7692 §6: a message may always go uncompressed, and so nobody misses it.
fn plainly(frames: Frames, mut encode: impl FnMut(Frames) -> Result<(), Error>) {
    if let Err(error) = encode(frames) {
        tracing::error!(%error, "a publication can't be compressed, and goes as it is");
        let _ = encode(Frames::PLAIN);
    }
}

/// An event of presence as a session's WebSocket has it.
pub(crate) fn presence_message(json: &Message) -> Message {
    websocket::encode_event(PRESENCE, json.as_text().unwrap_or_default())
}
