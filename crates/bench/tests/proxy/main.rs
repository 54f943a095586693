//! The hostile proxy, between sockets.

mod bytes;
mod cuts;
mod http;
mod life;
mod refusals;
mod support;
