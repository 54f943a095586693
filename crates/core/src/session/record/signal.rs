//! What has no number, and is not sent again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{BadRecord, Member, Signal, from_json, number, position, sealed::Sealed, to_json};
use crate::{
    event_stream::{Field, GAP, PRESENCE},
    position::{Gap, Position},
    session::{Cursor, RoomNumber, Secret, SessionId, VERSION},
};

const OPEN: Field<'static> = Field::trusted("open");
const ACK: Field<'static> = Field::trusted("ack");
const FROM: Field<'static> = Field::trusted("from");
const SUPERSEDED: Field<'static> = Field::trusted("superseded");

/// What a client says without a number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientSignal {
    /// What it has, on a WebSocket; over HTTP that is a header.
    Ack(Cursor),
    /// The number after which its records follow on this WebSocket, where that isn't the one that it sent last.
    From(u64),
}

/// What a server says without a number.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerSignal {
    /// A carrier is attached: the first that it says on it.
    Open(Open),
    /// The number of the last of the client's records that it has.
    Ack(u64),
    /// The number after which its records follow on this WebSocket, where that isn't the one that it sent last.
    From(u64),
    /// Publications of a room that the client won't get. The room goes on after `gap.to`.
    Gap {
        /// The room's name.
        room: String,
        /// Which, and why.
        gap: Gap,
        /// The room's new number, if its epoch has changed.
        number: Option<RoomNumber>,
    },
    /// Somebody came or went.
    Presence(Presence),
    /// Another carrier is attached; nothing more comes on this one.
    Superseded,
}

/// What a carrier begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// The session's secret, where it is new.
    pub session: Option<Secret>,
    /// The session's public name.
    pub id: SessionId,
    /// The number of the last of the client's records that the server has.
    pub ack: u64,
    /// The number after which the server's records follow on this carrier.
    pub from: u64,
    /// How long the session is kept without a carrier; in whole milliseconds.
    pub ttl: Duration,
    /// Comet: at most so long nothing comes; in whole milliseconds.
    pub heartbeat: Option<Duration>,
}

/// A change of who is in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presence {
    /// The room's name.
    pub room: String,
    /// What changed.
    pub change: PresenceChange,
}

/// What changed in who is in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresenceChange {
    /// Somebody joined.
    Joined(Member),
    /// Somebody left.
    Left(Member),
    /// Some of these were missed: ask for the members.
    Missed,
}

impl Sealed for ClientSignal {}

impl Signal for ClientSignal {
    fn from_after(number: u64) -> Self {
        Self::From(number)
    }

    fn kind(&self) -> Field<'static> {
        match self {
            Self::Ack(_) => ACK,
            Self::From(_) => FROM,
        }
    }

    fn data(&self) -> String {
        match self {
            Self::Ack(cursor) => cursor.to_string(),
            Self::From(number) => number.to_string(),
        }
    }

    fn position(&self) -> Option<Position> {
        None
    }

    fn parse(kind: &str, data: &str) -> Result<Option<Self>, BadRecord> {
        Ok(Some(match kind {
            "ack" => {
                Self::Ack(data.parse().map_err(|error| BadRecord::found("ack has no cursor", format!("{error}")))?)
            }
            "from" => Self::From(number("from has no number", data)?),
            _ => return Ok(None),
        }))
    }
}

impl Sealed for ServerSignal {}

impl Signal for ServerSignal {
    fn from_after(number: u64) -> Self {
        Self::From(number)
    }

    fn kind(&self) -> Field<'static> {
        match self {
            Self::Open(_) => OPEN,
            Self::Ack(_) => ACK,
            Self::From(_) => FROM,
            Self::Gap { .. } => GAP,
            Self::Presence(_) => PRESENCE,
            Self::Superseded => SUPERSEDED,
        }
    }

    fn data(&self) -> String {
        match self {
            Self::Open(open) => to_json(&OpenData::from(open)),
            Self::Ack(number) | Self::From(number) => number.to_string(),
            Self::Gap { room, gap, number } => to_json(&GapData {
                room: room.clone(),
                from: gap.from.to_string(),
                to: gap.to.to_string(),
                reason: gap.reason.as_str().to_owned(),
                number: number.map(|number| number.0),
            }),
            Self::Presence(presence) => to_json(&PresenceData::from(presence)),
            Self::Superseded => String::new(),
        }
    }

    fn position(&self) -> Option<Position> {
        if let Self::Gap { gap, .. } = self { Some(gap.to) } else { None }
    }

    fn parse(kind: &str, data: &str) -> Result<Option<Self>, BadRecord> {
        Ok(Some(match kind {
            "open" => Self::Open(from_json::<OpenData>("open", "version, id, ack, from and ttl", data)?.open()?),
            "ack" => Self::Ack(number("ack has no number", data)?),
            "from" => Self::From(number("from has no number", data)?),
            "gap" => {
                let GapData { room, from, to, reason, number } =
                    from_json("gap", "room, from, to and reason, texts", data)?;
                let reason = reason.parse().map_err(|_| BadRecord::found("gap has an unknown reason", &reason))?;
                let gap =
                    Gap { from: position("gap has no from", &from)?, to: position("gap has no to", &to)?, reason };
                if number.is_some() == (gap.from.epoch == gap.to.epoch) {
                    return Err(BadRecord::new("gap has a number exactly where the epoch changes"));
                }
                Self::Gap { room, gap, number: number.map(RoomNumber) }
            }
            "presence" => {
                Self::Presence(from_json::<PresenceData>("presence", "room and presence, texts", data)?.presence()?)
            }
            "superseded" => Self::Superseded,
            _ => return Ok(None),
        }))
    }
}

#[derive(Serialize, Deserialize)]
struct OpenData {
    version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    id: String,
    ack: u64,
    from: u64,
    ttl: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    heartbeat: Option<u64>,
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl From<&Open> for OpenData {
    fn from(open: &Open) -> Self {
        Self {
            version: VERSION,
            session: open.session.map(|secret| secret.to_string()),
            id: open.id.to_string(),
            ack: open.ack,
            from: open.from,
            ttl: millis(open.ttl),
            heartbeat: open.heartbeat.map(millis),
        }
    }
}

impl OpenData {
    fn open(self) -> Result<Open, BadRecord> {
        if self.version != VERSION {
            return Err(BadRecord::found("open is of another version than 1", self.version.to_string()));
        }
        // It isn't shown, even where it is none: it might be one nearly.
        let session = self.session.map(|secret| secret.parse()).transpose();
        Ok(Open {
            session: session.map_err(|_| BadRecord::new("open has a session that is no secret"))?,
            id: self.id.parse().map_err(|_| BadRecord::found("open has no id", &self.id))?,
            ack: self.ack,
            from: self.from,
            ttl: Duration::from_millis(self.ttl),
            heartbeat: self.heartbeat.map(Duration::from_millis),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct GapData {
    room: String,
    from: String,
    to: String,
    reason: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct PresenceData {
    room: String,
    presence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// Null where nobody knows who it is, absent where it isn't about a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity: Option<Option<String>>,
}

impl From<&Presence> for PresenceData {
    fn from(Presence { room, change }: &Presence) -> Self {
        let (presence, member) = match change {
            PresenceChange::Joined(member) => ("joined", Some(member)),
            PresenceChange::Left(member) => ("left", Some(member)),
            PresenceChange::Missed => ("missed", None),
        };
        Self {
            room: room.clone(),
            presence: presence.to_owned(),
            session: member.map(|member| member.session.to_string()),
            identity: member.map(|member| member.identity.clone()),
        }
    }
}

impl PresenceData {
    fn presence(self) -> Result<Presence, BadRecord> {
        let member = || {
            let session = self.session.as_deref().and_then(|session| session.parse().ok());
            let session = session.ok_or_else(|| BadRecord::new("presence has no session"))?;
            Ok(Member { session, identity: self.identity.clone().flatten() })
        };
        let change = match self.presence.as_str() {
            "joined" => PresenceChange::Joined(member()?),
            "left" => PresenceChange::Left(member()?),
            "missed" => PresenceChange::Missed,
            other => return Err(BadRecord::found("presence is joined, left or missed", other)),
        };
        Ok(Presence { room: self.room, change })
    }
}
