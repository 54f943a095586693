#![doc = include_str!("../README.md")]
//! ## Where to look in this crate
//!
//! - [`Hub`] is all sessions and rooms of a service, built by [`Hub::builder`]; [`hub::Drain`] is how it stops.
//! - [`Session`] is what a [`handler`] sees of a client, whatever carries it; [`session::SessionHandle`] is for every other task.
//! - [`room`] has rooms, their options, positions and gaps, and readers without a session.
//! - [`Hub::service`] is the addresses as a tower service, [`http::Guards`] what requests have to pass; [`http`] has the
//!   extractor for axum, and health, metrics and page ([`Hub::status`]).
//! - [`listener::Server`] listens; nobody needs it who has a server.

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
mod span;
mod transport;

pub use self::{hub::Hub, session::Session};
