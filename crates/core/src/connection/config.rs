//! How a connection behaves.

use std::time::Duration;

use crate::{limits::Limits, message::deflate::DeflateConfig};

/// How a connection behaves: limits, keepalive, compression. One is shared by all connections of a server.
///
/// The default has [`Limits::default`], a [`Keepalive::default`] and no compression.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) limits: Limits,
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) deflate: Option<DeflateConfig>,
    pub(crate) autocork: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { limits: Limits::default(), keepalive: Some(Keepalive::default()), deflate: None, autocork: true }
    }
}

impl Config {
    /// Bounds on what the peer can make this end hold or do.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Pings, and how long their answer may take; `None` turns both off. On by default.
    #[must_use]
    pub const fn keepalive(mut self, keepalive: Option<Keepalive>) -> Self {
        self.keepalive = keepalive;
        self
    }

    /// permessage-deflate (RFC 7692), if the peer agrees. Off by default: it costs CPU and, with context takeover, up to
    /// some 420 KiB a connection; and compressing secrets beside what an attacker chose leaks their length.
    #[must_use]
    pub fn deflate(mut self, deflate: impl Into<Option<DeflateConfig>>) -> Self {
        self.deflate = deflate.into();
        self
    }

    /// Whether `send` may hold a message back while another one that has come whole waits to be received, so that
    /// the answers to what one read brought leave in one write. On by default. A held message leaves with the answer
    /// to the last one, before `recv` waits, on `flush`, or past `max_write_buffer`, whichever is first. Turn it off
    /// where a handler waits for something else between `recv` and `send`, and the answer before must not wait with it.
    #[must_use]
    pub const fn autocork(mut self, autocork: bool) -> Self {
        self.autocork = autocork;
        self
    }

    /// The limits in force.
    #[must_use]
    pub const fn get_limits(&self) -> &Limits {
        &self.limits
    }

    /// What is offered or accepted of permessage-deflate.
    #[must_use]
    pub const fn get_deflate(&self) -> Option<&DeflateConfig> {
        self.deflate.as_ref()
    }
}

/// Pings that keep the path open and tell whether the peer lives (RFC 6455 §5.5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    pub(crate) ping_interval: Duration,
    pub(crate) ping_timeout: Duration,
}

impl Default for Keepalive {
    /// A ping every 20 s ± 10 % (gateways close idle connections after 60 s), and 20 s for its answer.
    fn default() -> Self {
        Self { ping_interval: Duration::from_secs(20), ping_timeout: Duration::from_secs(20) }
    }
}

impl Keepalive {
    /// The shortest interval, so that a zero can't make a connection do nothing but ping.
    pub const MIN_PING_INTERVAL: Duration = Duration::from_millis(10);

    /// The time between pings, ± 10 % so that connections opened together spread out. Default 20 s; at least
    /// [`Self::MIN_PING_INTERVAL`].
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.ping_interval = interval.max(Self::MIN_PING_INTERVAL);
        self
    }

    /// How long nothing at all may come from the peer after a ping: any byte is life. Default 20 s. Past it the
    /// connection fails with [`Timeout::Pong`](crate::error::Timeout::Pong).
    #[must_use]
    pub const fn ping_timeout(mut self, timeout: Duration) -> Self {
        self.ping_timeout = timeout;
        self
    }
}
