//! Messages, close frames and errors, there and back.

use std::{fmt, io};

use bytes::Bytes;
use tokio_tungstenite::tungstenite::{
    self,
    error::{CapacityError, ProtocolError as TheirProtocolError},
    protocol::{CloseFrame as TheirCloseFrame, frame::coding::CloseCode as TheirCloseCode},
};

use crate::{
    CloseCode, CloseFrame, Error, LimitExceeded, Message, ProtocolError, Utf8Bytes, close::InvalidCloseCode,
    error::Limit,
};

/// No copy, but for the check that tungstenite makes of text once more.
fn their_text(text: Utf8Bytes) -> tungstenite::Utf8Bytes {
    let bytes = text.into_bytes();
    // A `Utf8Bytes` is UTF-8, so that there is nothing to replace.
    tungstenite::Utf8Bytes::try_from(bytes.clone()).unwrap_or_else(|_| String::from_utf8_lossy(&bytes)[..].into())
}

/// No copy, but for the check that is made of text once more.
fn our_text(text: tungstenite::Utf8Bytes) -> Utf8Bytes {
    let copy = text.clone();
    Utf8Bytes::try_from(Bytes::from(text)).unwrap_or_else(|_| copy.as_str().into())
}

impl From<Message> for tungstenite::Message {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(their_text(text)),
            Message::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

/// A Ping, Pong, Close or raw frame, which tungstenite counts among the messages: here they are
/// [`Event`](crate::connection::Event)s, or have methods of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAMessage(tungstenite::Message);

impl NotAMessage {
    /// What it is.
    #[must_use]
    pub fn into_inner(self) -> tungstenite::Message {
        self.0
    }
}

impl fmt::Display for NotAMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0 {
            tungstenite::Message::Ping(_) => "a Ping: use `ping`",
            tungstenite::Message::Pong(_) => "a Pong, which is sent by itself",
            tungstenite::Message::Close(_) => "a Close frame: use `close`",
            _ => "a raw frame, which can't be sent here",
        };
        write!(f, "not a text or binary message but {kind}")
    }
}

impl std::error::Error for NotAMessage {}

impl TryFrom<tungstenite::Message> for Message {
    type Error = NotAMessage;

    fn try_from(message: tungstenite::Message) -> Result<Self, NotAMessage> {
        match message {
            tungstenite::Message::Text(text) => Ok(Self::Text(our_text(text))),
            tungstenite::Message::Binary(bytes) => Ok(Self::Binary(bytes)),
            other => Err(NotAMessage(other)),
        }
    }
}

impl From<CloseCode> for TheirCloseCode {
    fn from(code: CloseCode) -> Self {
        code.get().into()
    }
}

/// Fails for those that no Close frame may carry, such as `Abnormal`.
impl TryFrom<TheirCloseCode> for CloseCode {
    type Error = InvalidCloseCode;

    fn try_from(code: TheirCloseCode) -> Result<Self, InvalidCloseCode> {
        u16::from(code).try_into()
    }
}

impl From<CloseFrame> for TheirCloseFrame {
    fn from(frame: CloseFrame) -> Self {
        Self { code: frame.code().into(), reason: their_text(frame.reason().clone()) }
    }
}

/// Fails for codes that no Close frame may carry; a reason of over [`CloseFrame::MAX_REASON`] bytes is cut.
impl TryFrom<TheirCloseFrame> for CloseFrame {
    type Error = InvalidCloseCode;

    fn try_from(frame: TheirCloseFrame) -> Result<Self, InvalidCloseCode> {
        Ok(Self::new(frame.code.try_into()?, our_text(frame.reason)))
    }
}

/// As near as tungstenite has it: timeouts, and what it has no word for, are its `Io`. Of a size that is over a limit
/// only that is known, so that it is given as one more.
impl From<Error> for tungstenite::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Protocol(error) => their_protocol_error(error),
            Error::Limit(LimitExceeded { limit: Limit::MessageSize | Limit::FrameSize, max }) => {
                let max_size = usize::try_from(max).unwrap_or(usize::MAX);
                CapacityError::MessageTooLong { size: max_size.saturating_add(1), max_size }.into()
            }
            Error::Limit(error) => Self::Io(io::Error::new(io::ErrorKind::InvalidData, error)),
            Error::Timeout(error) => Self::Io(io::Error::new(io::ErrorKind::TimedOut, error)),
            Error::Abnormal => TheirProtocolError::ResetWithoutClosingHandshake.into(),
            Error::Closed => Self::AlreadyClosed,
            Error::Io(error) => Self::Io(error),
        }
    }
}

fn their_protocol_error(error: ProtocolError) -> tungstenite::Error {
    use TheirProtocolError as Theirs;
    match error {
        ProtocolError::UnmaskedFrame => Theirs::UnmaskedFrameFromClient.into(),
        ProtocolError::MaskedFrame => Theirs::MaskedFrameFromServer.into(),
        ProtocolError::ReservedBits => Theirs::NonZeroReservedBits.into(),
        ProtocolError::ReservedOpcode(opcode) => Theirs::InvalidOpcode(opcode).into(),
        ProtocolError::FragmentedControl => Theirs::FragmentedControlFrame.into(),
        ProtocolError::OversizedControl => Theirs::ControlFrameTooBig.into(),
        ProtocolError::UnexpectedContinuation => Theirs::UnexpectedContinueFrame.into(),
        ProtocolError::InvalidCloseCode(_) | ProtocolError::TruncatedClosePayload => {
            Theirs::InvalidCloseSequence.into()
        }
        ProtocolError::InvalidUtf8 => tungstenite::Error::Utf8(error.to_string()),
        other => tungstenite::Error::Io(io::Error::new(io::ErrorKind::InvalidData, other)),
    }
}

/// What has no place in [`Error`], such as tungstenite's errors of the opening handshake, is an [`Error::Io`] that
/// wraps it.
impl From<tungstenite::Error> for Error {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => Self::Closed,
            tungstenite::Error::Io(error) => Self::Io(error),
            tungstenite::Error::Capacity(CapacityError::MessageTooLong { max_size, .. }) => {
                LimitExceeded::new(Limit::MessageSize, max_size).into()
            }
            tungstenite::Error::Utf8(_) => ProtocolError::InvalidUtf8.into(),
            tungstenite::Error::Protocol(error) => our_protocol_error(error),
            other => Self::Io(io::Error::other(other)),
        }
    }
}

fn our_protocol_error(error: TheirProtocolError) -> Error {
    use TheirProtocolError as Theirs;
    let ours = match error {
        Theirs::SendAfterClosing => return Error::Closed,
        Theirs::ResetWithoutClosingHandshake => return Error::Abnormal,
        Theirs::UnmaskedFrameFromClient => ProtocolError::UnmaskedFrame,
        Theirs::MaskedFrameFromServer => ProtocolError::MaskedFrame,
        Theirs::NonZeroReservedBits => ProtocolError::ReservedBits,
        Theirs::FragmentedControlFrame => ProtocolError::FragmentedControl,
        Theirs::ControlFrameTooBig => ProtocolError::OversizedControl,
        Theirs::UnknownControlFrameType(opcode)
        | Theirs::UnknownDataFrameType(opcode)
        | Theirs::InvalidOpcode(opcode) => ProtocolError::ReservedOpcode(opcode),
        Theirs::UnexpectedContinueFrame => ProtocolError::UnexpectedContinuation,
        Theirs::ExpectedFragment(_) => ProtocolError::ExpectedContinuation,
        other => return Error::Io(io::Error::new(io::ErrorKind::InvalidData, other)),
    };
    ours.into()
}
