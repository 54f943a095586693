//! A response that carries a session.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Waker},
};

use bowline_core::session::Carrier;
use bytes::Bytes;

use crate::{
    metrics::{Open, Transport},
    session::{Reading, Shared},
};

/// A response that carries a session, until it is dropped or another carrier is attached.
pub(crate) struct Sitting {
    shared: Arc<Shared>,
    carrier: Carrier,
    open: Open,
}

impl Sitting {
    pub(crate) fn new(shared: Arc<Shared>, carrier: Carrier, transport: Transport) -> Self {
        let open = Open::new(shared.hub.metrics(), transport);
        Self { shared, carrier, open }
    }

    /// What comes next goes to `out`; if that is nothing, `waker` is woken once there is something.
    pub(super) fn read(&self, out: &mut VecDeque<Bytes>, waker: &Waker) -> Reading {
        self.shared.read(&self.carrier, out, &self.open, &Context::from_waker(waker))
    }
}

impl Drop for Sitting {
    fn drop(&mut self) {
        self.shared.detach(&self.carrier);
    }
}
