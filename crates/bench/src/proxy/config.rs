//! Where a proxy listens, and how much it holds.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::plan::bounds;
use crate::{Error, MAX_CONNECTIONS};

/// Most bytes that a buffer of a connection may be set to: 1 GiB.
pub const MAX_BUFFER: usize = 1 << 30;

/// How long the server may take to accept a connection. Past it the client's is reset, and counted as unreachable.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a proxy listens, and how much it holds.
///
/// A connection holds at most twice `max_buffer`, once `max_held`, and two heads of 16 KiB; and two descriptors. What the
/// kernel holds in the socket buffers comes on top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    pub(super) listen: SocketAddr,
    pub(super) max_connections: usize,
    pub(super) max_buffer: usize,
    pub(super) max_held: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { listen: (Ipv4Addr::LOCALHOST, 0).into(), max_connections: 1024, max_buffer: 64 << 10, max_held: 1 << 20 }
    }
}

impl Config {
    /// Where to listen; a free port of the loopback by default.
    #[must_use]
    pub const fn listen(mut self, listen: SocketAddr) -> Self {
        self.listen = listen;
        self
    }

    /// Most connections at a time, 1 to [`MAX_CONNECTIONS`]; 1,024 by default. More wait in the kernel's queue until one ends.
    #[must_use]
    pub const fn max_connections(mut self, max: usize) -> Self {
        self.max_connections = max;
        self
    }

    /// Most bytes that were read in one direction and are not yet written, 1 to [`MAX_BUFFER`]; 64 KiB by default. Past it, or
    /// past 1,024 reads, nothing more is read from that side until the other has taken some: a slow reader slows its sender.
    #[must_use]
    pub const fn max_buffer(mut self, max: usize) -> Self {
        self.max_buffer = max;
        self
    }

    /// Most bytes of a response that are held back for its end, 1 to [`MAX_BUFFER`]; 1 MiB by default. A response that gets as
    /// long is passed on so far, and held from there again, as a buffering gateway does when its buffers are full.
    #[must_use]
    pub const fn max_held(mut self, max: usize) -> Self {
        self.max_held = max;
        self
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        bounds("number of connections", self.max_connections, 1, MAX_CONNECTIONS)?;
        bounds("buffer of a direction in bytes", self.max_buffer, 1, MAX_BUFFER)?;
        bounds("number of bytes held of a response", self.max_held, 1, MAX_BUFFER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_at_the_limit_and_not_past_it() {
        let config = Config::default;
        assert!(config().check().is_ok());
        assert!(config().max_connections(MAX_CONNECTIONS).max_buffer(MAX_BUFFER).max_held(MAX_BUFFER).check().is_ok());
        assert!(config().max_connections(1).max_buffer(1).max_held(1).check().is_ok());
        for wrong in [
            config().max_connections(0),
            config().max_connections(MAX_CONNECTIONS + 1),
            config().max_buffer(0),
            config().max_buffer(MAX_BUFFER + 1),
            config().max_held(0),
            config().max_held(MAX_BUFFER + 1),
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}
