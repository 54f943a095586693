//! What `send` takes.

use bytes::Bytes;

use super::{Message, Prepared, Utf8Bytes};

/// A message to be sent, and how. Everything that is a message or a [`Prepared`] one converts into it.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub(crate) content: Content,
    pub(crate) compress: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Message(Message),
    Prepared(Prepared),
}

impl Outgoing {
    /// This message uncompressed, though permessage-deflate be on: it won't get smaller, or it holds a secret beside
    /// something that an attacker chose.
    #[must_use]
    pub fn uncompressed(message: impl Into<Message>) -> Self {
        Self { content: Content::Message(message.into()), compress: false }
    }

    /// The message.
    #[must_use]
    pub fn message(&self) -> &Message {
        match &self.content {
            Content::Message(message) => message,
            Content::Prepared(prepared) => prepared.message(),
        }
    }
}

impl From<Message> for Outgoing {
    #[inline]
    fn from(message: Message) -> Self {
        Self { content: Content::Message(message), compress: true }
    }
}

impl From<Prepared> for Outgoing {
    fn from(prepared: Prepared) -> Self {
        Self { content: Content::Prepared(prepared), compress: true }
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
