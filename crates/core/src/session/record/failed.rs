//! Why a command of a client's was not done.

use std::{fmt, str::FromStr};

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Why the server did not do what a client's record asks for: the words of section 8 of the protocol.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum FailedReason {
            $($(#[$doc])* $name,)*
        }

        impl FailedReason {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

reasons! {
    /// It may not join or publish.
    Forbidden = "forbidden",
    /// This is no name of a room.
    RoomName = "room-name",
    /// The room has as many members as it may have.
    RoomFull = "room-full",
    /// The session is in as many rooms as it may be.
    TooManyRooms = "too-many-rooms",
    /// The session is in the room.
    JoinedAlready = "joined-already",
    /// The session is not in the room.
    NotJoined = "not-joined",
    /// The publication is larger than the room takes, or the list of members than an event may be.
    TooLarge = "too-large",
    /// One of the publication's keys is too long.
    Key = "key",
    /// The room is full of what a slow member has not got yet.
    Backpressure = "backpressure",
    /// The room vanished meanwhile: try again.
    Gone = "gone",
}

impl fmt::Display for FailedReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FailedReason {
    type Err = UnknownReason;

    fn from_str(word: &str) -> Result<Self, UnknownReason> {
        Self::ALL.iter().copied().find(|reason| reason.as_str() == word).ok_or(UnknownReason)
    }
}

/// A word that is no [`FailedReason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownReason;

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no word for why a command failed")
    }
}

impl std::error::Error for UnknownReason {}
