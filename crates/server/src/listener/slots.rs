//! Admission and shutdown: how many connections there may be, and how all of them learn that it is time to stop.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use slab::Slab;
use tokio::sync::Semaphore;

/// As many slots as there may be connections.
///
/// A stop costs a connection 16 bytes here and one registration in its life. `Notify`, `watch` and `CancellationToken`
/// would each put 70 to 100 bytes into every task, and take a lock at every wake-up.
#[derive(Debug)]
pub struct Slots {
    free: Semaphore,
    count: u32,
    stopping: AtomicBool,
    wakers: Mutex<Slab<Waker>>,
}

impl Slots {
    /// `count` slots, all free.
    #[must_use]
    pub fn new(count: u32) -> Self {
        // A semaphore holds an eighth of usize::MAX; on 32 bits that is less than a u32.
        let count = count.min(u32::try_from(Semaphore::MAX_PERMITS).unwrap_or(u32::MAX));
        Self {
            free: Semaphore::new(count as usize),
            count,
            stopping: AtomicBool::new(false),
            wakers: Mutex::new(Slab::new()),
        }
    }

    /// Takes a slot, if one is free.
    #[must_use]
    pub fn try_take(self: &Arc<Self>) -> Option<Slot> {
        self.free.try_acquire().ok().map(|permit| {
            permit.forget();
            Slot { slots: Arc::clone(self), waker: NOT_REGISTERED }
        })
    }

    /// Takes a slot as soon as one is free. Cancel safe.
    pub async fn take(self: &Arc<Self>) -> Slot {
        // Nothing closes the semaphore.
        if let Ok(permit) = self.free.acquire().await {
            permit.forget();
        }
        Slot { slots: Arc::clone(self), waker: NOT_REGISTERED }
    }

    /// Tells every connection to stop, present and future ones.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        let wakers: Vec<Waker> = self.wakers().iter().map(|(_, waker)| waker.clone()).collect();
        wakers.iter().for_each(Waker::wake_by_ref);
    }

    /// Waits until every slot is free again. Cancel safe.
    pub async fn all_free(&self) {
        drop(self.free.acquire_many(self.count).await);
    }

    /// How many slots are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.count as usize - self.free.available_permits()
    }

    fn wakers(&self) -> MutexGuard<'_, Slab<Waker>> {
        // Nothing panics half-way through a change of the slab.
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const NOT_REGISTERED: usize = usize::MAX;

/// The right of one task to serve one connection; given back when dropped.
#[derive(Debug)]
pub struct Slot {
    slots: Arc<Slots>,
    waker: usize,
}

impl Slot {
    /// What `future` returns, or `None` once it is time to stop and it has nothing at hand. Drops `future` then, so
    /// that is to be cancel safe. All calls must come from one task: its waker is kept from the first on.
    ///
    /// No `async fn`, which would hold `future` twice: as its argument and where it is pinned.
    pub fn unless_stopping<F: Future + Unpin>(&mut self, mut future: F) -> impl Future<Output = Option<F::Output>> {
        poll_fn(move |cx| match Pin::new(&mut future).poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.is_stopping(cx) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        })
    }

    fn is_stopping(&mut self, cx: &Context<'_>) -> bool {
        // Registered before the flag is read: a stop in between finds the waker.
        if self.waker == NOT_REGISTERED {
            self.waker = self.slots.wakers().insert(cx.waker().clone());
        }
        self.slots.stopping.load(Ordering::Acquire)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.waker != NOT_REGISTERED {
            let waker = self.slots.wakers().try_remove(self.waker);
            // Outside the lock: it may be the last that holds the task.
            drop(waker);
        }
        self.slots.free.add_permits(1);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn slots(count: u32) -> Arc<Slots> {
        Arc::new(Slots::new(count))
    }

    #[tokio::test]
    async fn there_are_as_many_as_said() {
        let slots = slots(2);
        let (first, second) = (slots.try_take(), slots.try_take());
        assert!(first.is_some() && second.is_some() && slots.try_take().is_none());
        assert_eq!(slots.taken(), 2);
        drop(first);
        assert_eq!(slots.taken(), 1);
        drop(slots.take().await);
        drop(second);
        slots.all_free().await;
    }

    #[tokio::test]
    async fn a_stop_reaches_those_that_wait_and_those_that_come_later() {
        let slots = slots(100);
        let mut tasks = Vec::new();
        for _ in 0..100 {
            let mut slot = slots.take().await;
            tasks.push(tokio::spawn(async move { slot.unless_stopping(pending::<()>()).await }));
        }
        // Half of them are let go before the stop, so the slab has holes.
        for task in tasks.drain(..50) {
            task.abort();
            assert!(task.await.is_err());
        }
        while slots.wakers().len() < 50 {
            tokio::task::yield_now().await;
        }
        slots.stop();
        for task in tasks {
            assert_eq!(task.await.expect("it stopped"), None);
        }
        slots.all_free().await;
        assert!(slots.wakers().is_empty());
        assert_eq!(slots.take().await.unless_stopping(pending::<()>()).await, None);
    }

    #[tokio::test]
    async fn what_is_at_hand_comes_before_the_stop() {
        let slots = slots(1);
        slots.stop();
        let mut slot = slots.take().await;
        assert_eq!(slot.unless_stopping(ready(1)).await, Some(1));
    }

    #[test]
    fn a_slot_is_two_words() {
        assert_eq!(size_of::<Slot>(), 2 * size_of::<usize>());
    }
}
