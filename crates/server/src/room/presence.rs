//! Who is in a room, and who comes and goes.

use std::sync::Arc;

use bowline_core::Message;
use serde_json::json;

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
    /// The event as a raw WebSocket gets it, and as the data of an event stream's event `presence`: a text in JSON,
    /// `{"presence":"joined","session":"…","identity":"…"}`, where a session without an identity has `null`.
    #[must_use]
    pub fn to_message(&self) -> Message {
        let (what, present) = match self {
            Self::Joined(present) => ("joined", Some(present)),
            Self::Left(present) => ("left", Some(present)),
            Self::Missed => ("missed", None),
        };
        let value = match present {
            Some(Present { session, identity }) => {
                json!({ "presence": what, "session": session.to_string(), "identity": identity.as_deref() })
            }
            None => json!({ "presence": what }),
        };
        Message::text(value.to_string())
    }
}
