//! The session protocol: what its text says, its machines and codecs, and what hostile peers send.

mod hostile;
mod limits;
mod pair;
mod protocol;
mod records;
mod schedule;
