//! WebSocket (RFC 6455) and permessage-deflate (RFC 7692) without I/O, and [`stream`], which runs them on tokio.
//!
//! The arrows point down: `stream` → [`connection`], [`handshake`], [`event_stream`] → [`message`] → [`frame`] → [`error`] →
//! [`close`].
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
pub mod role;
#[cfg(feature = "tokio")]
pub mod stream;

pub use close::{CloseCode, CloseFrame};
pub use error::{Error, LimitExceeded, ProtocolError, SendError};
pub use limits::Limits;
pub use message::{Message, Utf8Bytes};
pub use role::Role;
