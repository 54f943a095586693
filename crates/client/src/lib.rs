//! A client for Bowline's sessions.

mod policy;
mod transport;

pub use self::{
    policy::Backoff,
    transport::{Transport, UnknownTransport},
};
/// Draft.
#[derive(Debug)]
pub struct Builder;
impl Builder {
    /// Draft.
    pub fn proven_after(self) {}
}
