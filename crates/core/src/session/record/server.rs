//! What a server answers, and says.

use serde::{Deserialize, Serialize};

use super::{
    BadRecord, FailedReason, Form, Record, ServerSignal,
    client::{CLOSE, MEMBERS},
    close_from_json, close_to_json, from_json, position,
    sealed::Sealed,
    to_json,
};
use crate::{
    CloseFrame, Message,
    event_stream::Field,
    position::Position,
    session::{RoomNumber, SessionId},
};

const JOINED: Field<'static> = Field::trusted("joined");
const LEFT: Field<'static> = Field::trusted("left");
const PUBLISHED: Field<'static> = Field::trusted("published");
const FAILED: Field<'static> = Field::trusted("failed");

/// A record of a server's. `to` is the number of the client's record that it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerRecord {
    /// A message.
    Message(Message),
    /// The session is in a room.
    Joined {
        /// What it answers; `None` where the application had it join.
        to: Option<u64>,
        /// The room's name.
        room: String,
        /// The room's number.
        number: RoomNumber,
        /// The place after which its publications follow.
        position: Position,
    },
    /// The session is out of a room.
    Left {
        /// What it answers; `None` where the application had it leave.
        to: Option<u64>,
        /// The room's name.
        room: String,
    },
    /// A publication is in the room's log.
    Published {
        /// What it answers.
        to: u64,
        /// Its place.
        position: Position,
        /// It was there already, under the same idempotency key.
        duplicate: bool,
    },
    /// Who is in a room.
    Members {
        /// What it answers.
        to: u64,
        /// The room's name.
        room: String,
        /// The sessions in it, in no order.
        members: Vec<Member>,
    },
    /// It was not done.
    Failed {
        /// What it answers.
        to: u64,
        /// Why, for programs.
        error: FailedReason,
        /// Why, for people.
        text: String,
    },
    /// The session has ended; this is its last record.
    Close(CloseFrame),
}

/// A session in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Which session.
    pub session: SessionId,
    /// Who it is, if the application knows.
    pub identity: Option<String>,
}

impl Sealed for ServerRecord {}

impl Record for ServerRecord {
    type Signal = ServerSignal;
    const PUBLICATIONS: bool = true;

    fn from_message(message: Message) -> Self {
        Self::Message(message)
    }

    fn form(&self) -> Form<'_> {
        let (kind, data) = match self {
            Self::Message(message) => return Form::Message(message),
            Self::Joined { to, room, number, position } => {
                let (room, position) = (room.clone(), position.to_string());
                (JOINED, to_json(&JoinedData { to: *to, room, number: number.0, position }))
            }
            Self::Left { to, room } => (LEFT, to_json(&LeftData { to: *to, room: room.clone() })),
            Self::Published { to, position, duplicate } => {
                let position = position.to_string();
                (PUBLISHED, to_json(&PublishedData { to: *to, position, duplicate: *duplicate }))
            }
            Self::Members { to, room, members } => {
                let members = members.iter().map(MemberData::from).collect();
                (MEMBERS, to_json(&MembersData { to: *to, room: room.clone(), members }))
            }
            Self::Failed { to, error, text } => {
                let error = error.as_str().to_owned();
                (FAILED, to_json(&FailedData { to: *to, error, text: text.clone() }))
            }
            Self::Close(frame) => (CLOSE, close_to_json(frame)),
        };
        Form::Event(kind, data)
    }

    fn parse(kind: &str, data: &str) -> Result<Option<Self>, BadRecord> {
        Ok(Some(match kind {
            "joined" => {
                let JoinedData { to, room, number, position: place } =
                    from_json("joined", "to and number, numbers, room and position, texts", data)?;
                Self::Joined {
                    to,
                    room,
                    number: RoomNumber(number),
                    position: position("joined has no position", &place)?,
                }
            }
            "left" => {
                let LeftData { to, room } = from_json("left", "to, a number, and room, a text", data)?;
                Self::Left { to, room }
            }
            "published" => {
                let PublishedData { to, position: place, duplicate } =
                    from_json("published", "to, a number, and position, a text", data)?;
                Self::Published { to, position: position("published has no position", &place)?, duplicate }
            }
            "members" => {
                let MembersData { to, room, members } =
                    from_json("members", "to, a number, room, a text, and members, a list", data)?;
                let members = members.into_iter().map(Member::try_from).collect::<Result<_, _>>()?;
                Self::Members { to, room, members }
            }
            "failed" => {
                let FailedData { to, error, text } = from_json("failed", "to, a number, error and text, texts", data)?;
                let reason = error.parse().map_err(|_| BadRecord::found("failed has an unknown error", &error))?;
                Self::Failed { to, error: reason, text }
            }
            "close" => Self::Close(close_from_json(data)?),
            _ => return Ok(None),
        }))
    }

    fn size(&self) -> usize {
        let of_member = |member: &Member| size_of::<SessionId>() + member.identity.as_ref().map_or(0, String::len);
        match self {
            Self::Message(message) => message.len(),
            Self::Joined { room, .. } | Self::Left { room, .. } => room.len(),
            Self::Published { .. } => 0,
            Self::Members { room, members, .. } => room.len() + members.iter().map(of_member).sum::<usize>(),
            Self::Failed { text, .. } => text.len(),
            Self::Close(frame) => frame.reason().len(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct JoinedData {
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
    room: String,
    number: u64,
    position: String,
}

#[derive(Serialize, Deserialize)]
struct LeftData {
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<u64>,
    room: String,
}

#[derive(Serialize, Deserialize)]
struct PublishedData {
    to: u64,
    position: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

#[derive(Serialize, Deserialize)]
struct MembersData {
    to: u64,
    room: String,
    members: Vec<MemberData>,
}

#[derive(Serialize, Deserialize)]
struct MemberData {
    session: String,
    identity: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct FailedData {
    to: u64,
    error: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    text: String,
}

impl From<&Member> for MemberData {
    fn from(member: &Member) -> Self {
        Self { session: member.session.to_string(), identity: member.identity.clone() }
    }
}

impl TryFrom<MemberData> for Member {
    type Error = BadRecord;

    fn try_from(MemberData { session, identity }: MemberData) -> Result<Self, BadRecord> {
        let session = session.parse().map_err(|_| BadRecord::found("a member has no session", &session))?;
        Ok(Self { session, identity })
    }
}
