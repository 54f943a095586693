//! Places in a room's log, and holes in it: what a server and its clients both name.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// What tells one life of a room's log from another: 128 random bits, minted when the log is created.
///
/// Never a timestamp: two lives must not be taken for one, whatever the clock says. As text, 22 characters of base64url.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch(u128);

impl Epoch {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_base64url(self.0, f)
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A place in a room's log: after the publication `offset` of `epoch`. Offsets begin at 1; 0 is before the first.
///
/// As text, `<epoch>-<offset>`: the `id` of an event, and what `since` and `Last-Event-ID` take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Which life of the log.
    pub epoch: Epoch,
    /// The last publication before the place.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.offset)
    }
}

/// A text that is no [`Position`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPosition;

impl fmt::Display for InvalidPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a position is <epoch>-<offset>, as an event's id gives it")
    }
}

impl std::error::Error for InvalidPosition {}

impl FromStr for Position {
    type Err = InvalidPosition;

    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        // The epoch may have a hyphen of its own, the offset can't.
        let (epoch, offset) = text.rsplit_once('-').ok_or(InvalidPosition)?;
        let epoch = from_base64url(epoch).map(Epoch).ok_or(InvalidPosition)?;
        let offset = from_digits(offset).ok_or(InvalidPosition)?;
        Ok(Self { epoch, offset })
    }
}

/// A number in at most 20 digits, as many as the largest has: no sign, no space, and one way only to write each.
pub(crate) fn from_digits(text: &str) -> Option<u64> {
    let is_shortest = text.len() == 1 || !text.starts_with('0');
    let is_number = is_shortest && (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// 128 bits from 22 characters of base64url.
pub(crate) fn from_base64url(text: &str) -> Option<u128> {
    let mut bits = [0; 16];
    let decoded = URL_SAFE_NO_PAD.decode_slice(text, &mut bits);
    (text.len() == 22 && decoded == Ok(bits.len())).then(|| u128::from_be_bytes(bits))
}

/// Writes 128 bits as 22 characters of base64url.
pub(crate) fn write_base64url(bits: u128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut text = [0; 22];
    // 16 bytes are 22 characters of base64, always.
    let written = URL_SAFE_NO_PAD.encode_slice(bits.to_be_bytes(), &mut text).unwrap_or_default();
    f.write_str(std::str::from_utf8(&text[..written]).unwrap_or_default())
}

/// A hole in what a reader of a room gets: publications that it will not get, told once, where they would have stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where the reader stood. Of another epoch than `to` where the log has begun anew.
    pub from: Position,
    /// Where it goes on: the next publication it gets has the next offset, or a later one if the next is not for it.
    pub to: Position,
    /// Why.
    pub reason: GapReason,
}

/// Why a reader misses publications. Another reason would be another version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// It was slow: they had left the log before it came to them.
    Slow,
    /// It came back too late: they had left the log while it was away.
    Expired,
    /// The log it knew is gone, and another has begun.
    Epoch,
}

impl GapReason {
    /// A word for it, as it stands on the wire and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Expired => "expired",
            Self::Epoch => "epoch",
        }
    }
}

/// A text that is no [`GapReason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownGapReason;

impl fmt::Display for UnknownGapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reason of a gap is slow, expired or epoch")
    }
}

impl std::error::Error for UnknownGapReason {}

impl FromStr for GapReason {
    type Err = UnknownGapReason;

    fn from_str(text: &str) -> Result<Self, UnknownGapReason> {
        [Self::Slow, Self::Expired, Self::Epoch].into_iter().find(|it| it.as_str() == text).ok_or(UnknownGapReason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_survives_its_text() {
        for offset in [0, 1, u64::MAX] {
            let position = Position { epoch: Epoch::random(), offset };
            assert_eq!(position.to_string().parse(), Ok(position));
        }
    }

    #[test]
    fn what_is_no_position_is_refused() {
        let epoch = Epoch::random();
        let longer = format!("{epoch}A-1");
        for text in ["", "-", "-1", "1", "x-1", &epoch.to_string(), &format!("{epoch}-"), &longer] {
            assert_eq!(text.parse::<Position>(), Err(InvalidPosition), "{text}");
        }
        for offset in ["+1", "-1", " 1", "1 ", "0x1", "18446744073709551616", "000000000000000000001", "01", "00"] {
            assert!(format!("{epoch}-{offset}").parse::<Position>().is_err(), "{offset}");
        }
    }

    #[test]
    fn a_reason_survives_its_text() {
        for reason in [GapReason::Slow, GapReason::Expired, GapReason::Epoch] {
            assert_eq!(reason.as_str().parse(), Ok(reason));
        }
        assert_eq!("Slow".parse::<GapReason>(), Err(UnknownGapReason));
    }
}
