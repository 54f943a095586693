//! A WebSocket server to embed or to run.

pub mod io;
pub mod listener;
pub mod room;
