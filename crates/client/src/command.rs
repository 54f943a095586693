//! What the application asks its client's task for.

use std::sync::Arc;

use bowline_core::{
    Message,
    position::Position,
    session::{JoinStart, Member, Publish},
};
use tokio::sync::oneshot;

use crate::{
    error::{RequestError, SendError},
    event::RoomEvent,
    mailbox::Mailbox,
};

/// Who waits for an answer.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, RequestError>>;

/// A publication that is in the room's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its place.
    pub position: Position,
    /// It was there already, under the same idempotency key.
    pub duplicate: bool,
}

/// A room that was joined: what comes of it, and where that begins.
pub(crate) type JoinedRoom = (Arc<Mailbox<RoomEvent>>, Position);

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Command {
    Send { message: Message, acked: Option<oneshot::Sender<Result<(), SendError>>> },
    Publish { publish: Box<Publish>, answer: Answer<Published> },
    Join { room: Arc<str>, start: JoinStart, answer: Answer<JoinedRoom> },
    Leave { room: Arc<str>, answer: Option<Answer<()>> },
    Members { room: Arc<str>, answer: Answer<Vec<Member>> },
}

impl Command {
    /// The bytes that it counts for.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Send { message, .. } => message.len(),
            Self::Publish { publish, .. } => {
                let keys = [&publish.key, &publish.idempotency_key].into_iter().flatten().map(String::len);
                publish.room.len() + publish.message.len() + keys.sum::<usize>()
            }
            Self::Join { room, .. } | Self::Leave { room, .. } | Self::Members { room, .. } => room.len(),
        }
    }

    /// The message, if it is nothing else.
    pub(crate) fn into_message(self) -> Option<Message> {
        match self {
            Self::Send { message, .. } => Some(message),
            _ => None,
        }
    }
}
