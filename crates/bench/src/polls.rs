//! How busy a load generator is that never sleeps.

use crate::process::float;

/// How often sockets were asked for, and how often in vain.
#[derive(Debug, Default)]
pub(crate) struct Polls {
    /// Whether to ask without ever sleeping.
    pub(crate) busy: bool,
    all: u64,
    empty: u64,
}

impl Polls {
    pub(crate) fn new(busy: bool) -> Self {
        Self { busy, ..Self::default() }
    }

    /// Counts one.
    pub(crate) fn count(&mut self, found: bool) {
        self.all += 1;
        self.empty += u64::from(!found);
    }

    /// Begins anew.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.busy);
    }

    /// The share of them that found something.
    pub(crate) fn useful(&self) -> f64 {
        1.0 - float(self.empty) / float(self.all.max(1))
    }
}
