//! What can go wrong while a client opens a connection.

use std::{fmt, io};

use super::{client::RequestError, deflate::AnswerError, head::HeadError, refused::RefusedResponse};

/// Why a client's opening handshake failed. Close the transport: nothing further can be sent on it.
#[derive(Debug)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The caller's own request can't be made; nothing was sent.
    Request(RequestError),
    /// The server answered, and not with an upgrade.
    Refused(Box<RefusedResponse>),
    /// The answer is not HTTP, and why.
    NotHttp(&'static str),
    /// The answer is not HTTP/1.1 (RFC 6455 §4.1 asks for an HTTP/1.1 request; RFC 9110 §15.2 forbids a 101 to HTTP/1.0).
    Version,
    /// A 101 without `Upgrade: websocket` (RFC 6455 §4.1 point 2).
    MissingUpgrade,
    /// A 101 without `Connection: Upgrade` (RFC 6455 §4.1 point 3).
    MissingConnection,
    /// A 101 whose `Sec-WebSocket-Accept` is missing, doubled or doesn't fit the key (RFC 6455 §4.1 point 4): whoever answered
    /// doesn't know WebSocket, or answered somebody else.
    WrongAccept,
    /// A subprotocol that wasn't asked for, or two of them (RFC 6455 §4.1 point 6).
    UnofferedSubprotocol(Box<str>),
    /// An extension that wasn't asked for (RFC 6455 §4.1 point 5).
    UnofferedExtension(Box<str>),
    /// An extension on terms that can't be (RFC 7692 §7.1), and why.
    BadExtension(&'static str),
    /// The answer's head is over `max_head_size` bytes, which is this.
    HeadTooLarge(usize),
    /// The answer has more than `max_headers` headers, which is this.
    TooManyHeaders(usize),
    /// The server closed the connection before its answer was whole.
    Eof,
    /// The handshake was not over within `handshake_timeout`.
    Timeout,
    /// The transport failed.
    Io(io::Error),
}

impl HandshakeError {
    /// What the server answered instead of upgrading, if that is the reason.
    #[must_use]
    pub fn refused(&self) -> Option<&RefusedResponse> {
        match self {
            Self::Refused(response) => Some(response),
            _ => None,
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Request(error) => return error.fmt(f),
            Self::Refused(response) => return response.fmt(f),
            Self::NotHttp(what) => return write!(f, "the server's answer is not HTTP: {what}"),
            Self::Version => "the server's answer is not HTTP/1.1, so it can't open a WebSocket",
            Self::MissingUpgrade => "the server switched protocols without \"Upgrade: websocket\"",
            Self::MissingConnection => "the server switched protocols without \"Connection: Upgrade\"",
            Self::WrongAccept => "the server's Sec-WebSocket-Accept doesn't answer the key; it is no WebSocket server",
            Self::UnofferedSubprotocol(name) => {
                return write!(f, "the server chose the subprotocol {name:?}, which was not offered");
            }
            Self::UnofferedExtension(name) => {
                return write!(f, "the server chose the extension {name:?}, which was not offered");
            }
            Self::BadExtension(what) => return write!(f, "the server's Sec-WebSocket-Extensions can't be met: {what}"),
            Self::HeadTooLarge(max) => return write!(f, "the answer's head is over max_head_size ({max} bytes)"),
            Self::TooManyHeaders(max) => return write!(f, "the answer has more than max_headers ({max}) headers"),
            Self::Eof => "the server closed the connection before it answered",
            Self::Timeout => "the handshake was not over within handshake_timeout",
            Self::Io(error) => return error.fmt(f),
        })
    }
}

impl std::error::Error for HandshakeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Request(error) => Some(error),
            _ => None,
        }
    }
}

impl From<RequestError> for HandshakeError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<HeadError> for HandshakeError {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::TooLarge(max) => Self::HeadTooLarge(max),
            HeadError::TooManyHeaders(max) => Self::TooManyHeaders(max),
            HeadError::Version => Self::NotHttp("it begins with neither HTTP/1.0 nor HTTP/1.1"),
            HeadError::Malformed(what) => Self::NotHttp(what),
        }
    }
}

impl From<AnswerError> for HandshakeError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Unoffered(name) => Self::UnofferedExtension(name),
            AnswerError::Bad(what) => Self::BadExtension(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_small_enough_to_return_everywhere() {
        assert!(size_of::<HandshakeError>() <= 40, "{}", size_of::<HandshakeError>());
    }
}
