//! WebSocket (RFC 6455), permessage-deflate (RFC 7692) and sessions that move between transports, without I/O; and [`stream`],
//! which runs WebSocket on tokio.
//!
//! The arrows point down: `stream` → [`connection`], [`handshake`], [`session`] → [`event_stream`] → [`message`] → [`frame`] →
//! [`error`] → [`close`]; [`session`] → [`position`] too.
//! Nothing outside `stream` touches a socket, spawns a task or reads a clock.
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # mod example {
//! use bowline_core::stream::WebSocket;
//!
//! # #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:9001").await?;
//!     loop {
//!         let (socket, _) = listener.accept().await?;
//!         tokio::spawn(async move {
//!             let mut ws = WebSocket::accept(socket).await?;
//!             while let Some(message) = ws.recv().await? {
//!                 ws.send(message).await?;
//!             }
//!             Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
//!         });
//!     }
//! }
//! # }
//! ```

pub mod buffer;
pub mod close;
pub mod connection;
pub mod error;
pub mod event_stream;
pub mod frame;
pub mod handshake;
pub mod limits;
pub mod message;
pub mod position;
pub mod role;
pub mod session;
#[cfg(feature = "tokio")]
pub mod stream;

pub use close::{CloseCode, CloseFrame};
pub use error::{Error, LimitExceeded, ProtocolError, SendError};
pub use limits::Limits;
pub use message::{Message, Utf8Bytes};
pub use role::Role;
