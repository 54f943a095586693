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

    /// So many publications went to it, in a block of so many bytes.
    pub(crate) fn delivered(&self, count: u32, bytes: usize) {
        let handles = &self.metrics.handles;
        handles.deliveries.of(self.transport).increment(u64::from(count));
        handles.delivered_bytes.of(self.transport).increment(bytes as u64);
        handles.delivered_blocks.of(self.transport).increment(1);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.metrics.handles.connections.of(self.transport).sub(1);
    }
}
