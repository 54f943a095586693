//! A connection that is counted for as long as it lives.

use std::sync::Arc;

use bowline_core::{CloseFrame, connection::Ended};

use super::{Closed, Metrics, Transport};
use crate::listener::ConnectionSlot;

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

    /// It was a WebSocket, and ended so.
    pub(crate) fn closed(&self, ended: Option<&Ended>) {
        let code = ended.and_then(Ended::frame).map(CloseFrame::code);
        self.metrics.handles.closes.of(Closed::of(code)).increment(1);
    }

    /// So many publications went to it, in a block of so many bytes.
    pub(crate) fn delivered(&self, count: u32, bytes: usize) {
        let handles = &self.metrics.handles;
        handles.deliveries.of(self.transport).increment(u64::from(count));
        handles.delivered_bytes.of(self.transport).increment(bytes as u64);
        handles.delivered_blocks.of(self.transport).increment(1);
    }
}

/// What a carrier holds for as long as it lives.
#[derive(Debug)]
pub(crate) struct Held {
    /// Counts it among the connections.
    pub(crate) open: Open,
    /// Counts it among the listener's.
    pub(crate) slot: Option<ConnectionSlot>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.metrics.handles.connections.of(self.transport).sub(1);
    }
}
