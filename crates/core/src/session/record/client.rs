//! What a client says.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{
    BadRecord, ClientSignal, Form, Record, close_from_json, close_to_json, from_json, position, sealed::Sealed, to_json,
};
use crate::{CloseFrame, Message, Utf8Bytes, event_stream::Field, position::Position};

const JOIN: Field<'static> = Field::trusted("join");
const LEAVE: Field<'static> = Field::trusted("leave");
const PUBLISH: Field<'static> = Field::trusted("publish");
pub(super) const MEMBERS: Field<'static> = Field::trusted("members");
pub(super) const CLOSE: Field<'static> = Field::trusted("close");

/// A record of a client's. Each but a message is answered by one of the server's, with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientRecord {
    /// A message.
    Message(Message),
    /// It wants into a room. The server checks the name.
    Join {
        /// The room's name.
        room: String,
        /// Where in the room's log it begins.
        start: JoinStart,
    },
    /// It wants out of a room.
    Leave {
        /// The room's name.
        room: String,
    },
    /// It publishes in a room.
    Publish(Box<Publish>),
    /// It asks who is in a room.
    Members {
        /// The room's name.
        room: String,
    },
    /// It is done: the session's end.
    Close(CloseFrame),
}

/// Where in a room's log somebody who joins begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum JoinStart {
    /// With what is published from now on.
    #[default]
    Newest,
    /// With so many of the latest publications, of those that the room keeps for latecomers.
    History(u64),
    /// After a place where it was before; with a gap, if what came since isn't there any more.
    After(Position),
}

/// A publication of a client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The room's name.
    pub room: String,
    /// What all members get.
    pub message: Message,
    /// What the message is about: it supersedes those with the same key, where the room keeps the latest.
    pub key: Option<String>,
    /// A name for the attempt: with the same one, it may be made again and comes once.
    pub idempotency_key: Option<String>,
}

impl Sealed for ClientRecord {}

impl Record for ClientRecord {
    type Signal = ClientSignal;
    const PUBLICATIONS: bool = false;

    fn from_message(message: Message) -> Self {
        Self::Message(message)
    }

    fn form(&self) -> Form<'_> {
        match self {
            Self::Message(message) => Form::Message(message),
            Self::Join { room, start } => {
                let (after, history) = match start {
                    JoinStart::Newest => (None, None),
                    JoinStart::History(count) => (None, Some(*count)),
                    JoinStart::After(position) => (Some(position.to_string()), None),
                };
                Form::Event(JOIN, to_json(&JoinData { room: room.clone(), after, history }))
            }
            Self::Leave { room } => Form::Event(LEAVE, to_json(&RoomData { room: room.clone() })),
            Self::Publish(publish) => Form::Event(PUBLISH, to_json(&PublishData::from(&**publish))),
            Self::Members { room } => Form::Event(MEMBERS, to_json(&RoomData { room: room.clone() })),
            Self::Close(frame) => Form::Event(CLOSE, close_to_json(frame)),
        }
    }

    fn parse(kind: &str, data: &str) -> Result<Option<Self>, BadRecord> {
        Ok(Some(match kind {
            "join" => {
                let JoinData { room, after, history } =
                    from_json("join", "room, a text, and maybe after, a text, or history, a number", data)?;
                let start = match (after, history) {
                    (None, None) => JoinStart::Newest,
                    (None, Some(count)) => JoinStart::History(count),
                    (Some(after), None) => JoinStart::After(position("join has no position in after", &after)?),
                    (Some(_), Some(_)) => return Err(BadRecord::new("join has both after and history")),
                };
                Self::Join { room, start }
            }
            "leave" => Self::Leave { room: from_json::<RoomData>("leave", "room, a text", data)?.room },
            "publish" => Self::Publish(Box::new(
                from_json::<PublishData>("publish", "room and one of text, base64 and text_base64, all texts", data)?
                    .publish()?,
            )),
            "members" => Self::Members { room: from_json::<RoomData>("members", "room, a text", data)?.room },
            "close" => Self::Close(close_from_json(data)?),
            _ => return Ok(None),
        }))
    }

    fn size(&self) -> usize {
        match self {
            Self::Message(message) => message.len(),
            Self::Join { room, .. } | Self::Leave { room } | Self::Members { room } => room.len(),
            Self::Publish(publish) => {
                let Publish { room, message, key, idempotency_key } = &**publish;
                let keys = [key, idempotency_key].into_iter().flatten().map(String::len).sum::<usize>();
                room.len() + message.len() + keys
            }
            Self::Close(frame) => frame.reason().len(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct RoomData {
    room: String,
}

#[derive(Serialize, Deserialize)]
struct JoinData {
    room: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct PublishData {
    room: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<String>,
}

impl From<&Publish> for PublishData {
    fn from(Publish { room, message, key, idempotency_key }: &Publish) -> Self {
        let (mut text, mut base64, mut text_base64) = (None, None, None);
        match message {
            Message::Binary(bytes) => base64 = Some(STANDARD.encode(bytes)),
            Message::Text(it) if is_longer_than_base64(it.as_bytes()) => {
                text_base64 = Some(STANDARD.encode(it.as_bytes()));
            }
            Message::Text(it) => text = Some(it.as_str().to_owned()),
        }
        let (key, idempotency_key) = (key.clone(), idempotency_key.clone());
        Self { room: room.clone(), text, base64, text_base64, key, idempotency_key }
    }
}

impl PublishData {
    fn publish(self) -> Result<Publish, BadRecord> {
        let decode = |text: String| {
            STANDARD.decode(text).map_err(|_| BadRecord::new("publish has something that is not base64, with padding"))
        };
        let message = match (self.text, self.base64, self.text_base64) {
            (Some(text), None, None) => Message::text(text),
            (None, Some(bytes), None) => Message::binary(decode(bytes)?),
            (None, None, Some(bytes)) => Utf8Bytes::try_from(decode(bytes)?)
                .map(Message::Text)
                .map_err(|_| BadRecord::new("publish has a text_base64 that is not UTF-8"))?,
            _ => return Err(BadRecord::new("publish has not exactly one of text, base64 and text_base64")),
        };
        Ok(Publish { room: self.room, message, key: self.key, idempotency_key: self.idempotency_key })
    }
}

/// Whether the escapes of JSON make so much more of a text than base64 does that an event could be many times its message.
fn is_longer_than_base64(text: &[u8]) -> bool {
    /// Below it what can be read by eye is worth more.
    const WORTH: usize = 2 << 10;
    let more = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
        0..0x20 => 5,
        _ => 0,
    };
    text.iter().map(more).sum::<usize>() > text.len() / 3 + WORTH
}
