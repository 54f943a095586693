//! How a task learns that something waits for it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Wake, Waker},
};

use atomic_waker::AtomicWaker;

/// What waits for one task, as bits, and its waker. A task that has been told is not woken again before it has looked.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    bits: AtomicU64,
    waker: AtomicWaker,
}

/// Direct messages wait.
pub(crate) const OUTBOX: u64 = 1 << 63;
/// The handler was woken.
pub(crate) const HANDLER: u64 = 1 << 62;
/// The session is to be closed.
pub(crate) const CLOSE: u64 = 1 << 61;
/// The connection is to be dropped.
pub(crate) const ABORT: u64 = 1 << 60;
/// The connection can go on: its socket or its timer woke it.
pub(crate) const IO: u64 = 1 << 59;
/// Something about the session's carrier changed, or what came by it.
pub(crate) const CARRIER: u64 = 1 << 58;
/// The bits below are the rooms': a room's is the index of its membership modulo their number.
pub(crate) const ROOM_BITS: u32 = 56;
/// All rooms' bits.
pub(crate) const ROOMS: u64 = (1 << ROOM_BITS) - 1;

impl Signal {
    /// Says that something waits.
    #[inline]
    pub(crate) fn raise(&self, bits: u64) {
        if self.bits.fetch_or(bits, Ordering::AcqRel) == 0 {
            self.waker.wake();
        }
    }

    /// Registers who is to be woken; to be called before [`take`](Self::take), so that nothing falls between.
    #[inline]
    pub(crate) fn register(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// What has been said since the last look.
    #[inline]
    pub(crate) fn take(&self) -> u64 {
        // A read alone is cheaper than a swap, and mostly tells that there is nothing.
        if self.bits.load(Ordering::Acquire) == 0 { 0 } else { self.bits.swap(0, Ordering::AcqRel) }
    }
}

/// The bit of a session's membership.
pub(crate) const fn room_bit(index: usize) -> u64 {
    1 << (index as u64 % ROOM_BITS as u64)
}

/// What wakes a handler: its connection's task is told why, so that it polls the handler only then.
impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.raise(HANDLER);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.raise(HANDLER);
    }
}

/// What wakes a connection for its socket and its timer, so that its task looks at neither for other reasons.
#[derive(Debug)]
pub(crate) struct IoWaker(pub(crate) Arc<Signal>);

impl Wake for IoWaker {
    fn wake(self: Arc<Self>) {
        self.0.raise(IO);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.raise(IO);
    }
}
