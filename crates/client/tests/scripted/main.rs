//! The client against a peer that does what is written here.

mod endings;
mod posting;
mod support;
mod switches;
mod transports;
