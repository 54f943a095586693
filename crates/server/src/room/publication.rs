//! What is published in a room, and what comes of it.

use std::{fmt, sync::Arc};

use bowline_core::{Message, Utf8Bytes};
use bytes::Bytes;

use super::{Position, idempotency::Attempt};
use crate::session::SessionId;

/// A message for all members of a room, and what sets it apart from others. Whatever is a [`Message`] converts into it.
#[derive(Clone, Debug)]
pub struct Publication {
    pub(super) message: Message,
    pub(super) key: Option<Arc<str>>,
    pub(super) attempt: Option<Attempt>,
    pub(super) except: Option<SessionId>,
}

impl Publication {
    /// The longest key, and the longest idempotency key, in bytes.
    pub const MAX_KEY: usize = 255;

    /// A publication that is nothing but a message.
    #[must_use]
    pub fn new(message: impl Into<Message>) -> Self {
        Self { message: message.into(), key: None, attempt: None, except: None }
    }

    /// What the message is about: where the room keeps the latest for each key
    /// ([`SlowConsumer::KeepLatest`](super::SlowConsumer::KeepLatest)), this one supersedes those with the same key.
    /// At most [`Self::MAX_KEY`] bytes.
    #[must_use]
    pub fn key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// A name for the attempt: a publication with the same one, within the room's window, is answered with the first
    /// one's place and goes to nobody. So a publisher that doesn't know whether it got through may try again. At most
    /// [`Self::MAX_KEY`] bytes.
    ///
    /// All who publish in the room so share their keys: where a client chooses them,
    /// [`idempotency_key_of`](Self::idempotency_key_of) keeps it from taking another's.
    #[must_use]
    pub fn idempotency_key(self, key: impl Into<Box<str>>) -> Self {
        self.attempt_of(None, key)
    }

    /// As [`idempotency_key`](Self::idempotency_key), among the keys of one publisher: as a rule its
    /// [identity](crate::session::Session::identity).
    #[must_use]
    pub fn idempotency_key_of(self, publisher: impl Into<Arc<str>>, key: impl Into<Box<str>>) -> Self {
        self.attempt_of(Some(&publisher.into()), key)
    }

    pub(crate) fn attempt_of(mut self, publisher: Option<&Arc<str>>, key: impl Into<Box<str>>) -> Self {
        self.attempt = Some(Attempt { publisher: publisher.cloned(), key: key.into() });
        self
    }

    /// Passes one session over, as a rule the one that it comes from. It keeps its offset.
    #[must_use]
    pub const fn except(mut self, session: SessionId) -> Self {
        self.except = Some(session);
        self
    }

    /// The message.
    #[must_use]
    pub const fn message(&self) -> &Message {
        &self.message
    }

    pub(super) fn check(&self) -> Result<(), PublishError> {
        let attempt = self.attempt.as_ref().map_or(0, |attempt| attempt.key.len());
        let longest = self.key.as_deref().map_or(0, str::len).max(attempt);
        if longest > Self::MAX_KEY { Err(PublishError::KeyTooLong) } else { Ok(()) }
    }
}

macro_rules! from_message {
    ($($type:ty),*) => {
        $(impl From<$type> for Publication {
            fn from(message: $type) -> Self {
                Self::new(message)
            }
        })*
    };
}

from_message!(Message, &str, String, Utf8Bytes, Bytes, Vec<u8>, &[u8]);

/// A publication that is in the room's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// Its place.
    pub position: Position,
    /// It was there already, under the same idempotency key.
    pub duplicate: bool,
}

/// Why a publication is not in the room's log. Nobody gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The room pushes back ([`SlowConsumer::Backpressure`](super::SlowConsumer::Backpressure)): its log is full of what
    /// some member has not got yet. Try again later, or wait with [`Room::publish`](super::Room::publish).
    Backpressure,
    /// The message is larger than the room's log may be (`max_log_bytes`), and than what a client may send
    /// (`max_message_size`).
    TooLarge {
        /// The larger of the two.
        max: usize,
    },
    /// A key is over [`Publication::MAX_KEY`] bytes.
    KeyTooLong,
}

/// A publication that comes back, so that whoever waits need not hold another.
#[derive(Debug)]
pub(super) struct Rejected {
    pub(super) error: PublishError,
    /// Boxed, because that is rare.
    pub(super) publication: Box<Publication>,
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backpressure => {
                f.write_str("the room is full of what a slow member has not got yet; try again later")
            }
            Self::TooLarge { max } => {
                write!(f, "the message is over {max} bytes, the larger of max_log_bytes and max_message_size")
            }
            Self::KeyTooLong => write!(f, "a key is over {} bytes", Publication::MAX_KEY),
        }
    }
}

impl std::error::Error for PublishError {}
