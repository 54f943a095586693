//! What a receiver has.

use std::{fmt, str::FromStr};

use crate::position::from_digits;

/// A room's number: short, and the same for every session of a server. It stands for one life of one room's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomNumber(pub u64);

impl fmt::Display for RoomNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a client has of a session's output: an acknowledgement, in the header `Bowline-Cursor` or the event `ack`.
///
/// As text, the number of the last direct record, and for each room a space, its number, a full stop and an offset:
/// `1 7.120 9.3`. At most [`Cursor::MAX_ROOMS`] rooms; where one is named twice, both hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The last direct record.
    pub direct: u64,
    /// The last publication of each room whose place has changed.
    pub rooms: Vec<(RoomNumber, u64)>,
}

impl Cursor {
    /// The most rooms that one may name: as many as a session may be in.
    pub const MAX_ROOMS: usize = 128;
}

impl From<u64> for Cursor {
    fn from(direct: u64) -> Self {
        Self { direct, rooms: Vec::new() }
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let mut parts = text.split(' ');
        let direct = parts.next().and_then(from_digits).ok_or(InvalidCursor::Form)?;
        let mut rooms = Vec::new();
        for part in parts {
            if rooms.len() == Self::MAX_ROOMS {
                return Err(InvalidCursor::TooManyRooms);
            }
            rooms.push(room_place(part).ok_or(InvalidCursor::Form)?);
        }
        Ok(Self { direct, rooms })
    }
}

/// `<number>.<offset>`.
pub(super) fn room_place(text: &str) -> Option<(RoomNumber, u64)> {
    let (number, offset) = text.split_once('.')?;
    Some((RoomNumber(from_digits(number)?), from_digits(offset)?))
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.direct.fmt(f)?;
        self.rooms.iter().try_for_each(|(number, offset)| write!(f, " {number}.{offset}"))
    }
}

/// A text that is no [`Cursor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidCursor {
    /// It isn't a number, and `<number>.<offset>` after a space each.
    Form,
    /// It names over [`Cursor::MAX_ROOMS`] rooms.
    TooManyRooms,
}

impl fmt::Display for InvalidCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => {
                f.write_str("a cursor is <direct number>, then a space and <room's number>.<offset> for each room")
            }
            Self::TooManyRooms => write!(f, "a cursor names at most {} rooms", Cursor::MAX_ROOMS),
        }
    }
}

impl std::error::Error for InvalidCursor {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let rooms: Vec<_> = (0..128).map(|number| (RoomNumber(u64::MAX - number), u64::MAX)).collect();
        for cursor in [Cursor::default(), Cursor::from(u64::MAX), Cursor { direct: 1, rooms }] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        let cursor: Cursor = "1 7.120 9.3".parse().unwrap();
        assert_eq!(cursor, Cursor { direct: 1, rooms: vec![(RoomNumber(7), 120), (RoomNumber(9), 3)] });
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in [
            "",
            " ",
            "1 ",
            " 1",
            "+1",
            "-1",
            "1.5",
            "1 7",
            "1 7.",
            "1 .7",
            "1  7.1",
            "1 7.1 ",
            "1 7.1.1",
            "1\t7.1",
            "1 7.-1",
            "18446744073709551616",
            "000000000000000000001",
            "01",
            "1 07.1",
            "1 7.01",
            "1 18446744073709551616.1",
            "1 1.18446744073709551616",
            "١",
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor::Form), "{text:?}");
        }
    }

    #[test]
    fn it_names_128_rooms_and_no_more() {
        let rooms = |count| format!("1{}", " 7.1".repeat(count)).parse::<Cursor>().map(|cursor| cursor.rooms.len());
        assert_eq!(rooms(127), Ok(127));
        assert_eq!(rooms(128), Ok(128));
        assert_eq!(rooms(129), Err(InvalidCursor::TooManyRooms));
        assert_eq!(rooms(1_000_000), Err(InvalidCursor::TooManyRooms));
    }
}
