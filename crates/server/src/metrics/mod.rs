//! What a hub counts, by the `metrics` crates.
//!
//! Each handle is registered once, when the hub is made: counting is an atomic addition. No label has a value that a
//! peer or the application chooses, so the number of time series is fixed (a test counts them).

mod family;
mod kernel;
mod labels;
mod listeners;
mod open;
mod table;

#[cfg(feature = "prometheus")]
use std::sync::atomic::{AtomicU32, Ordering};
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

#[cfg(feature = "prometheus")]
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

pub use self::labels::Transport;
use self::listeners::Listeners;
pub(crate) use self::{
    family::{Family, Level},
    labels::{Closed, Disconnect, Dropped, Label, Limited, Missed, Refused},
    open::{Held, Open},
    table::Handles,
};
use crate::listener::Counts;

/// Upper bounds of the ping round trip's buckets in seconds: from a neighbour to the keepalive's own timeout.
#[cfg(feature = "prometheus")]
const ROUND_TRIP_BUCKETS: [f64; 12] = [0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0];

/// How many samples of the histogram wait to be sorted into buckets: at most so many of 8 bytes, even if nobody
/// scrapes.
#[cfg(feature = "prometheus")]
const MAX_SAMPLES: u32 = 4_096;

/// A hub's metrics.
///
/// With feature `prometheus` they go to a recorder of the hub's own, so that several hubs in a process don't mix, and
/// [`render`](Self::render) gives them. Without it they go to whatever recorder is installed for the process when the
/// hub is made.
#[derive(Debug)]
pub struct Metrics {
    pub(crate) handles: Handles,
    listeners: Mutex<Listeners>,
    #[cfg(feature = "prometheus")]
    recorder: Recorder,
}

#[cfg(feature = "prometheus")]
struct Recorder {
    handle: PrometheusHandle,
    samples: AtomicU32,
}

impl Metrics {
    /// Registers all of them.
    #[cfg(feature = "prometheus")]
    pub(crate) fn new() -> Self {
        let builder = PrometheusBuilder::new();
        // Fails without buckets only, and there are some.
        let builder = builder.set_buckets(&ROUND_TRIP_BUCKETS).unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let handles = metrics::with_local_recorder(&recorder, Handles::register);
        Self {
            handles,
            listeners: Mutex::default(),
            recorder: Recorder { handle: recorder.handle(), samples: AtomicU32::new(0) },
        }
    }

    /// Registers all of them.
    #[cfg(not(feature = "prometheus"))]
    pub(crate) fn new() -> Self {
        Self { handles: Handles::register(), listeners: Mutex::default() }
    }

    /// All metrics in Prometheus' text format, those of the kernel read anew. `None` without feature `prometheus`.
    #[must_use]
    pub fn render(&self) -> Option<String> {
        #[cfg(feature = "prometheus")]
        {
            self.refresh();
            self.recorder.samples.store(0, Ordering::Relaxed);
            Some(self.recorder.handle.render())
        }
        #[cfg(not(feature = "prometheus"))]
        None
    }

    /// Counts what a listener counts, too: the sockets it accepted, and those it refused before any request. `counts`
    /// is asked at each [`refresh`](Self::refresh): give it [`Running::watch`](crate::listener::Running::watch).
    pub fn watch(&self, counts: impl Fn() -> Counts + Send + Sync + 'static) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).0.push((Box::new(counts), Counts::default()));
    }

    /// Reads what the kernel and the listeners count. [`render`](Self::render) does; for another recorder, call it now
    /// and then.
    pub fn refresh(&self) {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).read(&self.handles);
        if let Some(listen) = kernel::listen_counts() {
            self.handles.listen_overflows.absolute(listen.overflows);
            self.handles.listen_drops.absolute(listen.drops);
        }
    }

    /// Connections open now, of all transports.
    #[must_use]
    pub fn connections(&self) -> u64 {
        Transport::ALL.iter().map(|transport| self.connections_by(*transport)).sum()
    }

    /// Connections open now that are carried so.
    #[must_use]
    pub fn connections_by(&self, transport: Transport) -> u64 {
        self.handles.connections.of(transport).get()
    }

    /// The time from a Ping to its Pong.
    pub(crate) fn record_round_trip(&self, took: Duration) {
        self.handles.ping_round_trip.record(took.as_secs_f64());
        #[cfg(feature = "prometheus")]
        if self.recorder.samples.fetch_add(1, Ordering::Relaxed) + 1 >= MAX_SAMPLES {
            self.recorder.samples.store(0, Ordering::Relaxed);
            self.recorder.handle.run_upkeep();
        }
    }
}

#[cfg(feature = "prometheus")]
impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
