//! Who is in a room, and who comes and goes.

use std::sync::Arc;

use bowline_core::{
    Message,
    session::{Member, Presence, PresenceChange, ServerSignal, Signal as _},
};

use super::RoomName;
use crate::session::SessionId;

/// A session in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// Which session.
    pub session: SessionId,
    /// Who it is, as `authorize` found out.
    pub identity: Option<Arc<str>>,
}

/// A change of who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresenceEvent {
    /// Somebody joined.
    Joined(Present),
    /// Somebody left, or its connection ended.
    Left(Present),
    /// The member was slow, and missed some of these: ask who is there.
    Missed,
}

impl PresenceEvent {
    /// The event of this room as a raw WebSocket gets it, and as the data of an event `presence`: a text in JSON,
    /// `{"room":"…","presence":"joined","session":"…","identity":"…"}`, where a session without an identity has `null`.
    #[must_use]
    pub fn to_message(&self, room: &RoomName) -> Message {
        let member = |present: &Present| Member {
            session: present.session,
            identity: present.identity.as_deref().map(str::to_owned),
        };
        let change = match self {
            Self::Joined(present) => PresenceChange::Joined(member(present)),
            Self::Left(present) => PresenceChange::Left(member(present)),
            Self::Missed => PresenceChange::Missed,
        };
        let room = room.as_str().to_owned();
        Message::text(ServerSignal::Presence(Presence { room, change }).data())
    }
}
