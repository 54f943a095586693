//! The client against bowline-server.

mod chaos;
mod relay;
mod rooms;
mod support;
mod switching;
mod transports;
