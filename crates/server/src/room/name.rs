//! What a room may be called.

use std::{borrow::Borrow, fmt, str::FromStr, sync::Arc};

/// A room's name: 1 to 255 bytes of UTF-8 without control characters. Cloning is O(1).
///
/// The bound keeps a peer that joins many rooms from making the hub hold long names; S15 of the threat table.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomName(Arc<str>);

impl RoomName {
    /// The longest name in bytes.
    pub const MAX_LEN: usize = 255;

    /// The name, if it is one.
    ///
    /// # Errors
    /// [`InvalidRoomName`] says what is wrong with it.
    pub fn new(name: &str) -> Result<Self, InvalidRoomName> {
        match name {
            "" => Err(InvalidRoomName::Empty),
            _ if name.len() > Self::MAX_LEN => Err(InvalidRoomName::TooLong),
            _ if name.contains(char::is_control) => Err(InvalidRoomName::Control),
            _ => Ok(Self(name.into())),
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What is wrong with a room's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidRoomName {
    /// It has no characters.
    Empty,
    /// It has more than [`RoomName::MAX_LEN`] bytes.
    TooLong,
    /// It has a control character.
    Control,
}

impl fmt::Display for InvalidRoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a room's name is empty"),
            Self::TooLong => write!(f, "a room's name is over {} bytes", RoomName::MAX_LEN),
            Self::Control => f.write_str("a room's name has a control character"),
        }
    }
}

impl std::error::Error for InvalidRoomName {}

impl FromStr for RoomName {
    type Err = InvalidRoomName;

    fn from_str(name: &str) -> Result<Self, InvalidRoomName> {
        Self::new(name)
    }
}

impl TryFrom<&str> for RoomName {
    type Error = InvalidRoomName;

    fn try_from(name: &str) -> Result<Self, InvalidRoomName> {
        Self::new(name)
    }
}

impl Borrow<str> for RoomName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_to_255_bytes_without_control_characters() {
        assert!(RoomName::new("a").is_ok());
        assert!(RoomName::new(&"é".repeat(127)).is_ok());
        assert!(RoomName::new(&"a".repeat(255)).is_ok());
        assert_eq!(RoomName::new(&"a".repeat(256)), Err(InvalidRoomName::TooLong));
        assert_eq!(RoomName::new(""), Err(InvalidRoomName::Empty));
        for name in ["a\0", "a\r\nb", "\u{1b}[31m", "\u{7f}"] {
            assert_eq!(RoomName::new(name), Err(InvalidRoomName::Control), "{name:?}");
        }
    }
}
