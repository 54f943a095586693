#![doc = include_str!("../README.md")]

pub mod handler;
pub mod http;
pub mod hub;
pub mod io;
pub mod listener;
pub mod log;
pub mod metrics;
pub mod room;
pub mod session;
mod signal;
mod transport;

pub use self::{hub::Hub, session::Session};
