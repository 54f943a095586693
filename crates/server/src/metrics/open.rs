//! A connection that is counted for as long as it lives.

use std::sync::Arc;

use super::{Metrics, Transport};

/// One open connection.
#[derive(Debug)]
pub(crate) struct Open {
    metrics: Arc<Metrics>,
    transport: Transport,
}

impl Open {
    pub(crate) fn new(metrics: &Arc<Metrics>, transport: Transport) -> Self {
        metrics.handles.connections_opened.of(transport).increment(1);
        metrics.handles.connections.of(transport).add(1);
        Self { metrics: Arc::clone(metrics), transport }
    }

    /// So many publications went to it.
    pub(crate) fn delivered(&self, count: u32) {
        self.metrics.handles.deliveries.of(self.transport).increment(u64::from(count));
    }

    /// So many bytes went to it.
    pub(crate) fn sent(&self, bytes: usize) {
        self.metrics.handles.sent_bytes.of(self.transport).increment(bytes as u64);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.metrics.handles.connections.of(self.transport).sub(1);
    }
}
