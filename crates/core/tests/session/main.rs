//! The session protocol: what its text says, its machines and codecs, and what hostile peers send.
#![expect(clippy::unwrap_used, reason = "what fails in a test's helper fails the test")]

mod hostile;
mod limits;
mod pair;
mod protocol;
mod records;
mod schedule;
