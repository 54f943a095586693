//! The client against bowline-server.

mod chaos;
mod proxies;
mod relay;
mod rooms;
mod support;
mod switching;
mod tls;
mod transports;
