//! The client against a peer that does what is written here.

mod endings;
mod support;
mod switches;
mod transports;
