//! A WebSocket server to embed or to run.

pub mod room;
