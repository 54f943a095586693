//! The hub's addresses, over sockets.

mod events;
mod guards;
mod http2;
mod poll;
mod publish;
mod routes;
mod status;
mod stream;
mod support;
mod upgrade;
