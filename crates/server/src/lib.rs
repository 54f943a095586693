//! A WebSocket server to embed or to run.

pub mod http;
pub mod log;
pub mod metrics;
pub mod room;
