//! What `send` takes.

use bytes::Bytes;

use super::{Message, Prepared, Utf8Bytes};

/// A message to be sent, and how. Everything that is a message or a [`Prepared`] one converts into it.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub(crate) message: Message,
    pub(crate) prepared: Option<Prepared>,
    pub(crate) compress: bool,
}

impl Outgoing {
    /// This message uncompressed, though permessage-deflate be on: it won't get smaller, or it holds a secret beside
    /// something that an attacker chose.
    #[must_use]
    pub fn uncompressed(message: impl Into<Message>) -> Self {
        Self { message: message.into(), prepared: None, compress: false }
    }

    /// The message.
    #[must_use]
    pub const fn message(&self) -> &Message {
        &self.message
    }
}

impl From<Message> for Outgoing {
    #[inline(always)]
    fn from(message: Message) -> Self {
        Self { message, prepared: None, compress: true }
    }
}

impl From<Prepared> for Outgoing {
    fn from(prepared: Prepared) -> Self {
        Self { message: prepared.message().clone(), prepared: Some(prepared), compress: true }
    }
}

impl From<&Prepared> for Outgoing {
    fn from(prepared: &Prepared) -> Self {
        prepared.clone().into()
    }
}

macro_rules! from_message {
    ($($type:ty),*) => {
        $(impl From<$type> for Outgoing {
            fn from(message: $type) -> Self {
                Message::from(message).into()
            }
        })*
    };
}

from_message!(&str, String, Utf8Bytes, Bytes, Vec<u8>, &[u8]);
