//! What a session's ring holds.

use bowline_core::{
    message::Outgoing,
    session::{Kept, Record as _, ServerRecord, events, websocket},
};

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
    /// As a message of a WebSocket.
    pub(super) fn to_message(&self) -> Outgoing {
        match self {
            Self::Message(message) => {
                let text = message.message().as_text();
                if text.is_some_and(|text| text.starts_with(SEPARATOR)) { self.escaped() } else { message.clone() }
            }
            Self::Record(record) => websocket::encode_record(&**record).into(),
        }
    }

    /// A text that begins with the separator. Not compressed, since nobody knows any more whether it was to be.
    #[cold]
    fn escaped(&self) -> Outgoing {
        Outgoing::uncompressed(websocket::encode_record(&self.to_record()))
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

/// What tells an event from a message (section 5 of the protocol).
const SEPARATOR: char = '\u{1e}';
