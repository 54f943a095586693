//! What a session's messages come and go by.

use std::time::Duration;

use bowline_core::{SendError, error::SendErrorReason, message::Outgoing, stream::WebSocket};

use super::carried::Carried;
use crate::io::Io;

/// What a session's messages come and go by.
#[expect(
    clippy::large_enum_variant,
    reason = "a raw WebSocket is the most frequent, and what each message touches lies in it"
)]
pub(crate) enum Link {
    /// A WebSocket whose messages are the session's.
    Raw(WebSocket<Io>),
    /// Records, by whatever carries them now.
    Carried(Box<Carried>),
    /// Nothing any more.
    Over,
}

impl Link {
    #[inline]
    pub(crate) const fn raw(&mut self) -> Option<&mut WebSocket<Io>> {
        if let Self::Raw(ws) = self { Some(ws) } else { None }
    }

    pub(crate) fn carried(&mut self) -> Option<&mut Carried> {
        if let Self::Carried(carried) = self { Some(carried) } else { None }
    }

    /// Whether a message of `size` bytes may be queued; where none ever may be, it may, and fails.
    #[inline]
    pub(super) fn has_room(&self, size: usize) -> bool {
        match self {
            Self::Raw(ws) => ws.can_queue() || !ws.may_send(),
            Self::Carried(carried) => carried.has_room(size),
            Self::Over => true,
        }
    }

    #[inline]
    pub(super) fn queue(&mut self, message: Outgoing) -> Result<(), SendError<Outgoing>> {
        match self {
            Self::Raw(ws) => ws.queue(message),
            Self::Carried(carried) => carried.send(message),
            Self::Over => Err(SendError::rejected(SendErrorReason::Closed, message)),
        }
    }

    /// Whether all that was queued is on its way; `None` where some of it will never be.
    pub(super) fn is_flushed(&self) -> Option<bool> {
        match self {
            Self::Raw(ws) => (!ws.has_lost_output()).then(|| ws.is_flushed()),
            Self::Carried(carried) => (!carried.is_shut_by_peer()).then(|| carried.is_flushed()),
            Self::Over => None,
        }
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        match self {
            Self::Raw(ws) => ws.round_trip(),
            Self::Carried(carried) => carried.round_trip(),
            Self::Over => None,
        }
    }

    pub(super) fn subprotocol(&self) -> Option<&str> {
        if let Self::Raw(ws) = self { ws.subprotocol() } else { None }
    }
}
