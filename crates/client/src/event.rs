//! What a client tells its application.

use std::{fmt, sync::Arc, time::Duration};

use bowline_core::{
    CloseFrame, Message,
    position::{Gap, Position},
    session::PresenceChange,
};
use http::StatusCode;

use crate::{RequestError, Transport, mailbox::Weigh};

/// What happened. What a room that was [joined](crate::Sender::join) gets comes by its [`RoomHandle`](crate::RoomHandle)
/// instead.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A message of the server's.
    Message(Message),
    /// A publication in a room that the server's application had the session join.
    Publication {
        /// The room's name.
        room: Arc<str>,
        /// Its place.
        position: Position,
        /// The message.
        message: Message,
    },
    /// Publications in such a room that won't come; told once, where they would have stood.
    Gap {
        /// The room's name.
        room: Arc<str>,
        /// Which, and why.
        gap: Gap,
    },
    /// Somebody came to such a room, or went. Told at most once, and not at all while nothing carries the session.
    Presence {
        /// The room's name.
        room: Arc<str>,
        /// What changed.
        change: PresenceChange,
    },
    /// The server's application had the session join a room.
    Joined {
        /// The room's name.
        room: Arc<str>,
        /// The place after which its publications follow.
        position: Position,
    },
    /// The session is out of such a room.
    Left {
        /// The room's name.
        room: Arc<str>,
    },
    /// The session is carried: for the first time, or again after [`Disconnected`](Self::Disconnected).
    Connected {
        /// By what.
        transport: Transport,
    },
    /// Another transport carries the session from here on; nothing was lost.
    TransportChanged {
        /// What carried it before.
        from: Transport,
        /// What carries it now.
        to: Transport,
    },
    /// After [`Connected`](Self::Connected): it is the session of before, and nothing was lost.
    Resumed {
        /// How many records of this client's the server hadn't got, so that they are sent again.
        replayed: u64,
    },
    /// The server doesn't know the session any more, and another is opened. What was sent and not acknowledged may have
    /// arrived or not. Rooms are joined again where they were left off, each with a gap if it must be.
    SessionLost,
    /// Nothing carries the session for now.
    Disconnected {
        /// The close code, where the carrier was a WebSocket and had one.
        code: Option<bowline_core::CloseCode>,
        /// Why, for people.
        reason: String,
        /// How long until it is tried again.
        retry_in: Duration,
    },
    /// The client is closed for good: the last event.
    Closed(Closed),
}

/// Why a client is closed for good.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Closed {
    /// This end asked for it.
    ByClient {
        /// The server had all that was sent, and said so.
        clean: bool,
    },
    /// The server's application ended the session.
    ByServer(CloseFrame),
    /// The server refuses the client, whatever the transport.
    Refused {
        /// The answer's status, if it was one.
        status: Option<StatusCode>,
        /// Why, for people.
        reason: String,
    },
    /// A message is larger than the server takes; it can't be sent, and nothing behind it either.
    TooLarge,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByClient { clean: true } => f.write_str("closed"),
            Self::ByClient { clean: false } => f.write_str("closed before the server had all that was sent"),
            Self::ByServer(frame) => write!(f, "closed by the server: {frame}"),
            Self::Refused { reason, .. } => f.write_str(reason),
            Self::TooLarge => f.write_str("a message is larger than the server takes; lower max_message_size"),
        }
    }
}

/// What happens in a room that was [joined](crate::Sender::join).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RoomEvent {
    /// A publication.
    Publication {
        /// Its place.
        position: Position,
        /// The message.
        message: Message,
    },
    /// Publications that won't come; told once, where they would have stood.
    Gap(Gap),
    /// Somebody came or went. Told at most once: ask for the [`members`](crate::Sender::members) after a change of carriers.
    Presence(PresenceChange),
    /// The session is out of the room, and this is the last event of it.
    Left {
        /// Why it couldn't be joined again after the session was lost; `None` where the server's application had it leave.
        why: Option<RequestError>,
    },
}

impl Weigh for Event {
    fn weight(&self) -> usize {
        match self {
            Self::Message(message) | Self::Publication { message, .. } => message.len(),
            _ => 0,
        }
    }
}

impl Weigh for RoomEvent {
    fn weight(&self) -> usize {
        match self {
            Self::Publication { message, .. } => message.len(),
            Self::Gap(_) | Self::Presence(_) | Self::Left { .. } => 0,
        }
    }
}
