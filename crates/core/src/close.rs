//! Close codes and close frames (RFC 6455 §5.5.1, §7.4 and the IANA registry).

use std::fmt;

use crate::message::Utf8Bytes;

/// A status code that may stand in a Close frame: 1000–1003, 1007–1014 or 3000–4999 (RFC 6455 §7.4).
///
/// 1005, 1006 and 1015 describe a close that had no such frame, so they can't be held here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the purpose of the connection is fulfilled.
    pub const NORMAL_CLOSURE: Self = Self(1000);
    /// 1001: a server goes down, or a browser leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1002: the peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// 1003: a kind of data that this end doesn't take (say, binary where only text is understood).
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: data that doesn't fit its kind, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD_DATA: Self = Self(1007);
    /// 1008: the peer broke a rule of this end that no other code names.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message over this end's limits.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: the client wanted an extension that the server didn't accept.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server met a condition that it can't handle.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the server restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the server is overloaded.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got a bad answer from the server behind it.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// The code with this number, if it may be sent and received in a Close frame.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The registry's name, for codes that have one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1000 => "normal closure",
            1001 => "going away",
            1002 => "protocol error",
            1003 => "unsupported data",
            1007 => "invalid payload data",
            1008 => "policy violation",
            1009 => "message too big",
            1010 => "mandatory extension",
            1011 => "internal error",
            1012 => "service restart",
            1013 => "try again later",
            1014 => "bad gateway",
            _ => return None,
        })
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = InvalidCloseCode;

    fn try_from(code: u16) -> Result<Self, InvalidCloseCode> {
        Self::new(code).ok_or(InvalidCloseCode(code))
    }
}

impl From<CloseCode> for u16 {
    fn from(code: CloseCode) -> Self {
        code.0
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A number that no Close frame may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidCloseCode(u16);

impl fmt::Display for InvalidCloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a close code: use 1000-1003, 1007-1014 or 3000-4999", self.0)
    }
}

impl std::error::Error for InvalidCloseCode {}

/// What a Close frame says: why, for programs and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseFrame {
    code: CloseCode,
    reason: Utf8Bytes,
}

impl CloseFrame {
    /// The longest reason in bytes: a control frame holds 125, two of them are the code's (RFC 6455 §5.5).
    pub const MAX_REASON: usize = 123;

    /// A close frame; a reason of over [`Self::MAX_REASON`] bytes is cut at the last character that fits whole.
    #[must_use]
    pub fn new(code: CloseCode, reason: impl Into<Utf8Bytes>) -> Self {
        let reason = reason.into();
        let fits = reason.floor_char_boundary(Self::MAX_REASON);
        Self { code, reason: reason.slice(..fits) }
    }

    /// The status code.
    #[must_use]
    pub const fn code(&self) -> CloseCode {
        self.code
    }

    /// The reason, for people; often empty.
    #[must_use]
    pub const fn reason(&self) -> &Utf8Bytes {
        &self.reason
    }
}

impl From<CloseCode> for CloseFrame {
    fn from(code: CloseCode) -> Self {
        Self { code, reason: Utf8Bytes::default() }
    }
}

/// So that `close(CloseCode::GOING_AWAY)` needs no more words than that.
impl From<CloseCode> for Option<CloseFrame> {
    fn from(code: CloseCode) -> Self {
        Some(code.into())
    }
}

impl fmt::Display for CloseFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", self.reason.escape_debug()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 6455 §7.4.2: ranges; §7.4.1: 1004, 1005, 1006 and 1015 must not stand in a frame.
    #[test]
    fn only_codes_that_may_be_sent_exist() {
        let valid = (0..=u16::MAX).filter(|&code| CloseCode::new(code).is_some());
        let expected = (1000..=1003).chain(1007..=1014).chain(3000..=4999);
        assert!(valid.eq(expected));
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let frame = CloseFrame::new(CloseCode::GOING_AWAY, "é".repeat(100));
        assert_eq!(frame.reason().as_str(), "é".repeat(61));
        let exact = CloseFrame::new(CloseCode::GOING_AWAY, "x".repeat(124));
        assert_eq!(exact.reason().len(), 123);
    }
}
