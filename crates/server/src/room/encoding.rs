//! A publication's bytes on the wire, of which there are a few kinds.

use bowline_core::{Error, Message};

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
                event_stream(position, message, out);
                Ok(())
            }
        }
    }
}

fn event_stream(position: Option<Position>, message: &Message, out: &mut Vec<u8>) {
    let head = position.map_or_else(|| "event: presence\n".to_owned(), |position| format!("id: {position}\n"));
    out.extend_from_slice(format!("{head}data: {}\n\n", message.as_text().unwrap_or_default()).as_bytes());
}
