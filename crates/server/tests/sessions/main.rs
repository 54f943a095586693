//! Sessions: what a handler, other tasks and a peer see of each other.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's helpers fail the test")]

#[cfg(feature = "rustls")]
mod close_tcp;
mod closing;
mod direct;
mod drain;
mod ends;
mod keepalive;
#[path = "../support/log_lines.rs"]
mod log_lines;
mod messages;
mod overload;
mod phases;
mod publications;
mod spans;
mod support;
