//! Sessions that go from carrier to carrier (`bowline.v1`), as `crates/core/PROTOCOL.md` says: over HTTP/1.1 and HTTP/2, by
//! clients that are not this project's. All of it in memory, so that the clock may stand still.
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

mod bounds;
mod closing;
mod comet;
mod ends;
mod events;
mod gaps;
mod handlers;
#[path = "../support/log_lines.rs"]
mod log_lines;
mod logs;
mod lost;
mod names;
mod peer;
mod polls;
mod posts;
mod rooms;
mod support;
mod ways;
mod web_socket;
