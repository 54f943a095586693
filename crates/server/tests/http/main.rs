//! The hub's addresses, over sockets.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod counted;
mod events;
mod guards;
mod http2;
mod poll;
mod publish;
mod routes;
mod status;
mod stream;
mod support;
mod upgrade;
