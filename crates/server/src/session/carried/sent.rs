//! What a session's ring holds.

use bowline_core::{
    Message,
    message::Outgoing,
    session::{Kept, Record as _, ServerRecord, events, websocket},
    stream::WebSocket,
};

use crate::io::Io;

/// A record of the server's, as it is kept.
#[derive(Debug)]
pub(crate) enum Sent {
    /// A message, and how it is to be sent.
    Message(Outgoing),
    /// Boxed, because most are messages.
    Record(Box<ServerRecord>),
}

impl Kept for Sent {
    fn weight(&self) -> usize {
        match self {
            Self::Message(message) => message.message().len(),
            Self::Record(record) => record.size(),
        }
    }
}

impl Sent {
    /// Queues it on a WebSocket, if that still takes anything.
    pub(super) fn queue(&self, ws: &mut WebSocket<Io>) {
        match self {
            Self::Message(message) if is_escaped(message.message()) => self.queue_escaped(ws),
            Self::Message(message) => drop(ws.queue_kept(message)),
            Self::Record(record) => drop(ws.queue(websocket::encode_record(&**record))),
        }
    }

    /// A text that begins with the separator. Not compressed, since nobody knows any more whether it was to be.
    #[cold]
    fn queue_escaped(&self, ws: &mut WebSocket<Io>) {
        drop(ws.queue(Outgoing::uncompressed(websocket::encode_record(&self.to_record()))));
    }

    fn to_record(&self) -> ServerRecord {
        match self {
            Self::Message(message) => ServerRecord::Message(message.message().clone()),
            Self::Record(record) => (**record).clone(),
        }
    }

    /// Appends it as an event.
    pub(super) fn append(&self, number: u64, out: &mut Vec<u8>) {
        match self {
            Self::Message(_) => events::append_record(out, number, &self.to_record()),
            Self::Record(record) => events::append_record(out, number, &**record),
        }
    }
}

/// Whether it is a text that begins with what tells an event from a message (section 5 of the protocol).
fn is_escaped(message: &Message) -> bool {
    matches!(message, Message::Text(text) if text.as_bytes().first() == Some(&0x1e))
}
