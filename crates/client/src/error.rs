//! What can go wrong, told apart by whose fault it is.

use std::fmt;

use bowline_core::{Message, session::FailedReason};

/// What a client can't be built from; each is the caller's to mend.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The URL can't be asked.
    Url(bowline_core::handshake::RequestError),
    /// The URL is for TLS, and the build has none.
    NoTls,
    /// It was built outside of a tokio runtime.
    NoRuntime,
    /// No transport is allowed.
    NoTransport,
    /// A header that the client sets itself.
    ReservedHeader(http::HeaderName),
    /// A proxy's address that can't be used.
    Proxy(Box<str>),
    /// A bound or a time that is 0, or larger than can be held.
    OutOfRange {
        /// Which.
        what: &'static str,
        /// What it may be.
        range: &'static str,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::NoTls => f.write_str("the URL asks for TLS; enable the feature `rustls` of bowline-client"),
            Self::NoRuntime => f.write_str("a client has a task of its own; build it inside a tokio runtime"),
            Self::NoTransport => f.write_str("no transport is allowed; name at least one"),
            Self::ReservedHeader(name) => write!(f, "the client sets the header `{name}` itself; leave it out"),
            Self::Proxy(why) => write!(
                f,
                "the proxy {why:?} can't be used; write it as http://host:port, https://host:port or socks5://host:port"
            ),
            Self::OutOfRange { what, range } => write!(f, "{what} must be {range}"),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Url(error) => Some(error),
            _ => None,
        }
    }
}

/// A message that was not sent, or of which it isn't known; where it was certainly not sent, it comes back.
#[derive(Debug)]
pub struct SendError {
    reason: SendErrorReason,
    rejected: Option<Message>,
}

/// Why a message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendErrorReason {
    /// The client is closed.
    Closed,
    /// It is over [`Limits::max_message_size`](bowline_core::Limits::max_message_size).
    TooLarge {
        /// The largest that may be sent.
        max: usize,
    },
    /// The queue is full, and the client is to drop the newest.
    Full,
    /// The queue was full, and the client is to drop the oldest, which this was.
    Dropped,
    /// The session was lost before the server said that it has the message: it may have it or not.
    Unknown,
}

impl SendError {
    pub(crate) const fn new(reason: SendErrorReason, rejected: Option<Message>) -> Self {
        Self { reason, rejected }
    }

    /// Why.
    #[must_use]
    pub const fn reason(&self) -> SendErrorReason {
        self.reason
    }

    /// The message, where it was certainly not sent and is still there.
    #[must_use]
    pub fn into_rejected(self) -> Option<Message> {
        self.rejected
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reason {
            SendErrorReason::Closed => f.write_str("the client is closed"),
            SendErrorReason::TooLarge { max } => {
                write!(f, "the message is over max_message_size ({max} bytes); the server would not take it")
            }
            SendErrorReason::Full => f.write_str("the client's queue is full; send more slowly, or raise its bounds"),
            SendErrorReason::Dropped => {
                f.write_str("the client's queue was full, and the message was the oldest in it")
            }
            SendErrorReason::Unknown => {
                f.write_str("the session was lost before the message was acknowledged; the server may have it or not")
            }
        }
    }
}

impl std::error::Error for SendError {}

/// Why something that was asked of the server was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The client is closed.
    Closed,
    /// The session was lost before the answer came: it may have been done or not.
    Unknown,
    /// The publication is over [`Limits::max_message_size`](bowline_core::Limits::max_message_size).
    TooLarge {
        /// The largest that may be sent.
        max: usize,
    },
    /// The server says no.
    Failed {
        /// Why, for programs.
        reason: FailedReason,
        /// Why, for people; may be empty.
        text: String,
    },
    /// The answer makes no sense.
    BadAnswer,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the client is closed"),
            Self::Unknown => f.write_str("the session was lost before the answer came; it may have been done or not"),
            Self::TooLarge { max } => {
                write!(f, "the publication is over max_message_size ({max} bytes); the server would not take it")
            }
            Self::Failed { reason, text } if text.is_empty() => write!(f, "the server says no: {reason}"),
            Self::Failed { reason, text } => write!(f, "the server says no: {reason}: {}", text.escape_debug()),
            Self::BadAnswer => f.write_str("the server gave an answer to something else"),
        }
    }
}

impl std::error::Error for RequestError {}
