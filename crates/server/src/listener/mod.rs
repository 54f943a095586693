//! The stand-alone HTTP server under a hub: listening sockets, admission, TLS, deadlines, HTTP/1.1 and HTTP/2.
//!
//! ```text
//! accept → admission → first bytes (→ TLS) → HTTP/1.1 or HTTP/2 → service → upgrade: an Io
//!                 └ one deadline, handshake_timeout, from accept to the first request's head ┘
//! ```
//! [`Server`] is the plan, [`Bound`] holds the sockets, [`Running`] serves and stops in steps. Whoever embeds a hub into
//! a server of their own needs none of it; the pieces ([`bind`], [`Acceptance`], [`Slots`]) serve other accept loops.

mod admission;
mod answer;
mod connection;
mod counts;
pub mod descriptors;
mod http;
mod info;
mod linger;
mod opening;
mod running;
mod server;
mod service;
mod slots;
mod socket;
mod streams;
mod systemd;
#[cfg(feature = "rustls")]
mod tls;
mod transport;

#[cfg(feature = "rustls")]
pub use self::tls::{Tls, TlsError};
pub(crate) use self::transport::Transport;
pub use self::{
    admission::ConnectionSlot,
    counts::Counts,
    info::ConnectionInfo,
    running::{Bound, Running},
    server::{Endpoint, Server},
    service::Reply,
    slots::{Slot, Slots},
    socket::{Acceptance, ListenError, bind},
    systemd::{SystemdSocket, systemd_sockets},
};
