//! `WebSocket<IO>`: over a scripted byte stream, on a paused clock, and over sockets where the kernel matters.
#![cfg(feature = "tokio")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod accept;
mod autocork;
mod blocked;
mod cancel;
mod close;
mod close_tcp;
mod common;
mod futures;
mod keepalive;
mod pieces;
mod scripted;
mod sizes;
mod split;
mod write_buffer;
