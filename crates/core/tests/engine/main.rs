//! The engine without I/O, proved from outside: each file holds one idea.
#![expect(clippy::unwrap_used, reason = "what fails in a test's helper fails the test")]

mod closing;
mod common;
mod control;
mod differential;
mod frame_table;
mod in_place;
mod inflating;
mod lapses;
mod limits;
mod oracle;
mod round_trip;
mod splits;
mod streams;
mod time;
