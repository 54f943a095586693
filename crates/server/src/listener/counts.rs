//! What became of the connections, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// What became of the connections of one [`Running`](super::Running) server since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Connections accepted, those refused later included.
    pub accepted: u64,
    /// Connections that hold a slot now: in their handshake, in HTTP, or upgraded.
    pub open: u64,
    /// Refused because their address had `max_connections_per_ip` open.
    pub refused_per_ip: u64,
    /// Ended because no request was whole within `handshake_timeout`.
    pub timed_out: u64,
    /// Ended because their request's head was larger than `max_head_size` before its end was seen.
    pub heads_too_large: u64,
    /// TLS handshakes that failed; those that timed out are not among them.
    pub tls_failed: u64,
    /// Requests answered here, with 400 or 431, because no service should see such.
    pub bad_requests: u64,
    /// HTTP connections ended by a panic of the service, or a protocol or transport error.
    pub http_failed: u64,
}

/// The counters behind [`Counts`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) accepted: Counter,
    pub(super) refused_per_ip: Counter,
    pub(super) timed_out: Counter,
    pub(super) heads_too_large: Counter,
    pub(super) tls_failed: Counter,
    pub(super) bad_requests: Counter,
    pub(super) http_failed: Counter,
}

/// Only goes up.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(super) fn read(&self, open: usize) -> Counts {
        Counts {
            accepted: self.accepted.get(),
            open: open as u64,
            refused_per_ip: self.refused_per_ip.get(),
            timed_out: self.timed_out.get(),
            heads_too_large: self.heads_too_large.get(),
            tls_failed: self.tls_failed.get(),
            bad_requests: self.bad_requests.get(),
            http_failed: self.http_failed.get(),
        }
    }
}
