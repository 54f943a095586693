//! WebSocket over tokio: [`WebSocket<IO>`] for any `AsyncRead + AsyncWrite`.
//!
//! [`connect()`] opens one as a client, [`WebSocket::accept`] answers one as a server; [`Connector`] and [`Acceptor`] do
//! the same with a [`Config`](crate::connection::Config), subprotocols and headers.

mod accept;
mod attend;
mod client_stream;
mod closing;
mod connect;
mod drive;
mod futures;
mod linger;
mod read;
mod split;
mod tcp;
mod timer;
mod tls;
#[cfg(feature = "tungstenite")]
pub mod tungstenite;
mod web_socket;

pub use self::{
    accept::{AcceptError, Acceptor},
    client_stream::ClientStream,
    connect::{Connector, connect},
    split::{Receiver, Sender},
    tcp::connect_tcp,
    tls::TlsConfig,
    web_socket::WebSocket,
};
