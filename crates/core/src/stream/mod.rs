//! WebSocket over tokio: [`WebSocket<IO>`] for any `AsyncRead + AsyncWrite`.

mod accept;
mod closing;
mod connect;
mod drive;
mod futures;
mod linger;
mod read;
mod split;
mod timer;
mod web_socket;

pub use self::{
    accept::{AcceptError, Acceptor},
    connect::Connector,
    split::{Receiver, Sender},
    web_socket::WebSocket,
};
