//! What can go wrong, told apart by whose fault it is.
//!
//! [`ProtocolError`]: the peer broke a rule. [`LimitExceeded`]: the peer went past a bound of ours. [`SendError`]: the
//! caller asked for something that can't be sent; the connection is unharmed. A normal close is no error.

use std::{fmt, io};

use crate::close::CloseCode;

/// Why a connection failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke the protocol.
    Protocol(ProtocolError),
    /// The peer went past a limit.
    Limit(LimitExceeded),
    /// Something didn't happen in time.
    Timeout(Timeout),
    /// The byte stream ended without a closing handshake (close code 1006 of RFC 6455 §7.1.5).
    Abnormal,
    /// Something was to be sent on a connection that is closing or closed.
    Closed,
    /// The transport failed.
    Io(io::Error),
}

impl Error {
    /// The code that a Close frame about this error carries; `None` where there is nobody left to tell.
    #[must_use]
    pub const fn close_code(&self) -> Option<CloseCode> {
        match self {
            Self::Protocol(error) => Some(error.close_code()),
            Self::Limit(error) => Some(error.close_code()),
            Self::Timeout(Timeout::Message) => Some(CloseCode::POLICY_VIOLATION),
            Self::Timeout(Timeout::Pong) => Some(CloseCode::INTERNAL_ERROR),
            Self::Timeout(_) | Self::Abnormal | Self::Closed | Self::Io(_) => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::Limit(error) => error.fmt(f),
            Self::Timeout(error) => error.fmt(f),
            Self::Abnormal => f.write_str("the peer went away without a closing handshake"),
            Self::Closed => f.write_str("the connection is closed"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Protocol(_) | Self::Limit(_) | Self::Timeout(_) | Self::Abnormal | Self::Closed => None,
        }
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<LimitExceeded> for Error {
    fn from(error: LimitExceeded) -> Self {
        Self::Limit(error)
    }
}

impl From<Timeout> for Error {
    fn from(error: Timeout) -> Self {
        Self::Timeout(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A rule of RFC 6455 or RFC 7692 that the peer broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolError {
    /// A client frame without a mask (RFC 6455 §5.1).
    UnmaskedFrame,
    /// A server frame with a mask (RFC 6455 §5.1).
    MaskedFrame,
    /// A reserved bit set without an extension that gives it meaning (RFC 6455 §5.2).
    ReservedBits,
    /// An opcode that RFC 6455 §5.2 keeps for later.
    ReservedOpcode(u8),
    /// A length in more bytes than it needs (RFC 6455 §5.2).
    NonMinimalLength,
    /// A length of 2^63 or more (RFC 6455 §5.2).
    LengthTooLarge,
    /// A control frame in fragments (RFC 6455 §5.5).
    FragmentedControl,
    /// A control frame of over 125 bytes (RFC 6455 §5.5).
    OversizedControl,
    /// A continuation with no message begun (RFC 6455 §5.4).
    UnexpectedContinuation,
    /// A new message before the last one's end (RFC 6455 §5.4).
    ExpectedContinuation,
    /// Text that is not UTF-8 (RFC 6455 §8.1).
    InvalidUtf8,
    /// A Close frame with a payload of one byte (RFC 6455 §5.5.1).
    TruncatedClosePayload,
    /// A Close frame with a code that none may carry (RFC 6455 §7.4).
    InvalidCloseCode(u16),
    /// Compressed data that isn't DEFLATE (RFC 7692 §7.2.2).
    InvalidDeflate,
    /// A record or a cursor of a session that can't be read (`bowline.v1`, section 5).
    InvalidRecord,
}

impl ProtocolError {
    /// 1007 for data that doesn't fit its kind, else 1002 (RFC 6455 §7.4.1).
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self {
            Self::InvalidUtf8 | Self::InvalidDeflate => CloseCode::INVALID_PAYLOAD_DATA,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnmaskedFrame => "the client sent a frame without a mask",
            Self::MaskedFrame => "the server sent a masked frame",
            Self::ReservedBits => "a reserved bit is set, and no extension uses it",
            Self::ReservedOpcode(opcode) => return write!(f, "opcode {opcode:#x} is reserved"),
            Self::NonMinimalLength => "a frame's length takes more bytes than it needs",
            Self::LengthTooLarge => "a frame's length has the top bit set",
            Self::FragmentedControl => "a control frame is fragmented",
            Self::OversizedControl => "a control frame is over 125 bytes",
            Self::UnexpectedContinuation => "a continuation frame came with no message begun",
            Self::ExpectedContinuation => "a message began before the last one ended",
            Self::InvalidUtf8 => "a text is not UTF-8",
            Self::TruncatedClosePayload => "a close frame has a payload of one byte",
            Self::InvalidCloseCode(code) => return write!(f, "{code} is not a close code that may be sent"),
            Self::InvalidDeflate => "compressed data is not DEFLATE",
            Self::InvalidRecord => "a record or a cursor of the session can't be read",
        })
    }
}

impl std::error::Error for ProtocolError {}

/// A bound that the peer went past.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LimitExceeded {
    /// Which bound.
    pub limit: Limit,
    /// Its value.
    pub max: u64,
}

impl LimitExceeded {
    pub(crate) const fn new(limit: Limit, max: usize) -> Self {
        Self { limit, max: max as u64 }
    }

    /// 1008 for a flood of control frames, else 1009 (RFC 6455 §7.4.1).
    #[must_use]
    pub const fn close_code(self) -> CloseCode {
        match self.limit {
            Limit::ControlFrames => CloseCode::POLICY_VIOLATION,
            Limit::FrameSize | Limit::MessageSize | Limit::Fragments | Limit::InflateRatio => {
                CloseCode::MESSAGE_TOO_BIG
            }
        }
    }
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let max = self.max;
        match self.limit {
            Limit::FrameSize => write!(f, "a frame is over max_frame_size ({max} bytes)"),
            Limit::MessageSize => write!(f, "a message is over max_message_size ({max} bytes)"),
            Limit::Fragments => write!(f, "a message is in more than max_fragments ({max}) fragments"),
            Limit::InflateRatio => write!(f, "a message inflates by more than max_inflate_ratio ({max}:1)"),
            Limit::ControlFrames => write!(f, "more than {max} control frames a second"),
        }
    }
}

impl std::error::Error for LimitExceeded {}

/// The bounds that a peer can go past; see [`Limits`](crate::Limits) for each one's meaning and default.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Limit {
    /// `max_frame_size`
    FrameSize,
    /// `max_message_size`
    MessageSize,
    /// `max_fragments`
    Fragments,
    /// `max_inflate_ratio`
    InflateRatio,
    /// `max_control_rate`
    ControlFrames,
}

/// What didn't happen in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timeout {
    /// A message begun was not finished within `message_timeout`.
    Message,
    /// Nothing came from the peer within `ping_timeout` of a ping.
    Pong,
    /// The peer didn't answer a Close frame within `close_timeout`.
    Close,
    /// The peer took nothing of what was to be written for `write_timeout`.
    Write,
    /// A session was without a carrier for its time to live.
    Carrier,
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Message => "a message was not finished within message_timeout",
            Self::Pong => "nothing came from the peer within ping_timeout of a ping",
            Self::Close => "the peer did not answer a close frame within close_timeout",
            Self::Write => "the peer read nothing for write_timeout",
            Self::Carrier => "the session was without a carrier for its time to live",
        })
    }
}

impl std::error::Error for Timeout {}

/// What couldn't be sent, and why; a rejected message comes back in it.
///
/// Boxed, so that the result of a send that goes well is a word.
#[derive(Debug)]
pub struct SendError<T>(Box<Unsent<T>>);

#[derive(Debug)]
struct Unsent<T> {
    reason: SendErrorReason,
    rejected: Option<T>,
}

/// Why something couldn't be sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendErrorReason {
    /// The closing handshake has begun, or the connection has ended.
    Closed,
    /// A message sent piece by piece is unfinished, so no other can begin (RFC 6455 §5.4).
    Unfinished,
    /// A control frame's payload is over 125 bytes (RFC 6455 §5.5).
    OversizedControl,
    /// A piece of text that isn't UTF-8 (RFC 6455 §8.1).
    InvalidUtf8,
    /// The connection failed while it was being written; part of the message may have arrived.
    Failed(Error),
}

impl<T> SendError<T> {
    /// A refusal that gives `rejected` back.
    #[cold]
    pub fn rejected(reason: SendErrorReason, rejected: T) -> Self {
        Self(Box::new(Unsent { reason, rejected: Some(rejected) }))
    }

    /// What `reason` says: a refusal gives `message` back, a failure doesn't know how much of it went.
    #[cold]
    pub(crate) fn new(reason: SendErrorReason, message: T) -> Self {
        let rejected = if matches!(reason, SendErrorReason::Failed(_)) { None } else { Some(message) };
        Self(Box::new(Unsent { reason, rejected }))
    }

    /// A failure after the message was taken.
    #[cold]
    pub(crate) fn failed(error: Error) -> Self {
        Self(Box::new(Unsent { reason: SendErrorReason::Failed(error), rejected: None }))
    }

    /// Why.
    #[must_use]
    pub fn reason(&self) -> &SendErrorReason {
        &self.0.reason
    }

    /// Why, by value.
    #[must_use]
    pub fn into_reason(self) -> SendErrorReason {
        self.0.reason
    }

    /// The message, where none of it was written.
    #[must_use]
    pub fn into_rejected(self) -> Option<T> {
        self.0.rejected
    }

    /// Whether the connection was closing or closed already.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.0.reason, SendErrorReason::Closed)
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.reason {
            SendErrorReason::Closed => f.write_str("the connection is closed"),
            SendErrorReason::Unfinished => f.write_str("another message is being sent piece by piece; finish it first"),
            SendErrorReason::OversizedControl => f.write_str("a ping or pong holds at most 125 bytes"),
            SendErrorReason::InvalidUtf8 => f.write_str("the piece is not UTF-8, as text must be"),
            SendErrorReason::Failed(error) => error.fmt(f),
        }
    }
}

impl<T: fmt::Debug> std::error::Error for SendError<T> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.reason {
            SendErrorReason::Failed(error) => Some(error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_small_enough_to_return_everywhere() {
        assert!(size_of::<Error>() <= 24, "{}", size_of::<Error>());
    }
}
