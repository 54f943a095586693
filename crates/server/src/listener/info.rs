//! What a request knows of the connection it came by.

use std::net::SocketAddr;

/// The connection of a request: in the extensions of every request that [`Server`](super::Server) hands to its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    peer: SocketAddr,
    local: SocketAddr,
    tls: bool,
}

impl ConnectionInfo {
    /// For a service that is called by hand, or under a foreign server.
    #[must_use]
    pub const fn new(peer: SocketAddr, local: SocketAddr, tls: bool) -> Self {
        Self { peer, local, tls }
    }

    /// The other end of the TCP connection: the client, or the last proxy before this server.
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// This end: the address that the client connected to.
    #[must_use]
    pub const fn local(&self) -> SocketAddr {
        self.local
    }

    /// Whether this server ended TLS. A proxy before it may have done that instead.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.tls
    }
}
