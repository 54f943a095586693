//! WebSocket (RFC 6455) and permessage-deflate (RFC 7692) without I/O, and [`stream`], which runs them on tokio.
//!
//! The arrows point down: `stream` → [`connection`], [`handshake`], [`event_stream`] → [`message`] → [`frame`] → [`error`] →
//! [`close`].
//! Nothing outside `stream` touches a socket, spawns a task or reads a clock.

pub mod buffer;
pub mod close;
pub mod connection;
pub mod error;
pub mod event_stream;
pub mod frame;
pub mod handshake;
pub mod limits;
pub mod message;
pub mod role;
#[cfg(feature = "tokio")]
pub mod stream;

pub use close::{CloseCode, CloseFrame};
pub use error::{Error, LimitExceeded, ProtocolError, SendError};
pub use limits::Limits;
pub use message::{Message, Utf8Bytes};
pub use role::Role;

/// The README's example compiles.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../../../README.md")]
struct Readme;
