//! How much all bodies that are being read may take together.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Bytes for bodies that are being read, or wait to be published. One body is bounded, but a connection of HTTP/2 has as
/// many as it has streams.
#[derive(Debug)]
pub(super) struct Bodies {
    max: usize,
    held: AtomicUsize,
}

impl Bodies {
    pub(super) const fn new(max: usize) -> Self {
        Self { max, held: AtomicUsize::new(0) }
    }

    /// Nothing of it yet.
    pub(super) fn share(self: &Arc<Self>) -> Share {
        Share { of: Arc::clone(self), held: 0 }
    }
}

/// What one body holds; given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    of: Arc<Bodies>,
    held: usize,
}

impl Share {
    /// Holds so many bytes in all, or more; whether there was room for it.
    pub(super) fn hold(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.held);
        let fits = |held: usize| held.checked_add(more).filter(|all| *all <= self.of.max);
        let is_held = more == 0 || self.of.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if is_held {
            self.held += more;
        }
        is_held
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.held.fetch_sub(self.held, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together_have_so_much() {
        let bodies = Arc::new(Bodies::new(10));
        let (mut first, mut second) = (bodies.share(), bodies.share());
        assert!(first.hold(4) && first.hold(6) && first.hold(5));
        assert!(!second.hold(5));
        assert!(second.hold(4));
        assert!(!second.hold(usize::MAX) && !first.hold(7));
        drop(first);
        assert!(!second.hold(11) && second.hold(10));
        drop(second);
        assert_eq!(bodies.held.load(Ordering::Relaxed), 0);
    }
}
