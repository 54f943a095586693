//! Sessions that go from carrier to carrier (`bowline.v1`), as `crates/core/PROTOCOL.md` says: over HTTP/1.1 and HTTP/2, by
//! clients that are not this project's. All of it in memory, so that the clock may stand still.

mod events;
mod polls;
mod support;
