//! What waits for the application to take it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// What takes memory.
pub(crate) trait Weigh {
    /// The bytes of payload.
    fn weight(&self) -> usize;
}

/// A queue between the client's task and one reader, bounded in count and bytes. Where it is full, the task waits.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    max_count: usize,
    max_bytes: usize,
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    items: VecDeque<T>,
    bytes: usize,
    /// The task won't put anything more in.
    ended: bool,
    /// Nobody reads.
    abandoned: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl<T: Weigh> Mailbox<T> {
    /// One that holds at most so many items and bytes, and always one item.
    pub(crate) const fn new(max_count: usize, max_bytes: usize) -> Self {
        let inner =
            Inner { items: VecDeque::new(), bytes: 0, ended: false, abandoned: false, reader: None, writer: None };
        Self { max_count, max_bytes, inner: Mutex::new(inner) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        // Nothing that panics is done under the lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item in. Gives it back where there is no room, and wakes the task when there is. After the end it is dropped.
    pub(crate) fn push(&self, item: T, cx: &Context<'_>) -> Result<(), T> {
        let mut inner = self.lock();
        if inner.abandoned || inner.ended {
            return Ok(());
        }
        let weight = item.weight();
        let fits = inner.items.len() < self.max_count && weight <= self.max_bytes.saturating_sub(inner.bytes);
        if !fits && !inner.items.is_empty() {
            inner.writer = Some(cx.waker().clone());
            return Err(item);
        }
        inner.bytes += weight;
        inner.items.push_back(item);
        let reader = inner.reader.take();
        drop(inner);
        reader.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Takes the next item out; `None` after the last.
    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<T>> {
        let mut inner = self.lock();
        let Some(item) = inner.items.pop_front() else {
            if inner.ended {
                return Poll::Ready(None);
            }
            inner.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        inner.bytes -= item.weight();
        if inner.items.is_empty() {
            inner.items = VecDeque::new();
        }
        let writer = inner.writer.take();
        drop(inner);
        writer.into_iter().for_each(Waker::wake);
        Poll::Ready(Some(item))
    }

    /// Nothing more comes; what is there can still be read.
    pub(crate) fn end(&self) {
        let mut inner = self.lock();
        inner.ended = true;
        let reader = inner.reader.take();
        drop(inner);
        reader.into_iter().for_each(Waker::wake);
    }

    /// Nobody reads any more: what is there and what comes is dropped.
    pub(crate) fn abandon(&self) {
        let mut inner = self.lock();
        inner.abandoned = true;
        let dropped = std::mem::take(&mut inner.items);
        inner.bytes = 0;
        let writer = inner.writer.take();
        drop(inner);
        drop(dropped);
        writer.into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weigh for usize {
        fn weight(&self) -> usize {
            *self
        }
    }

    fn cx() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    #[test]
    fn it_holds_so_many_and_so_much_and_always_one() {
        for (max_count, max_bytes, items, held) in [
            (3, 100, &[1, 1, 1, 1][..], 3),
            (9, 10, &[5, 5, 1], 2),
            (9, 10, &[5, 6], 1),
            (9, 10, &[5, 5, 0], 3),
            (9, 10, &[11, 0], 2),
            (9, 10, &[11, 1], 1),
            (9, 10, &[10, 1], 1),
        ] {
            let mailbox = Mailbox::new(max_count, max_bytes);
            let taken = items.iter().take_while(|item| mailbox.push(**item, &cx()).is_ok()).count();
            assert_eq!(taken, held, "{items:?} in {max_count}, {max_bytes}");
        }
    }

    #[test]
    fn room_that_is_made_is_room() {
        let mailbox = Mailbox::new(1, 10);
        assert_eq!((mailbox.push(7, &cx()), mailbox.push(8, &cx())), (Ok(()), Err(8)));
        assert_eq!(mailbox.poll_next(&cx()), Poll::Ready(Some(7)));
        assert_eq!(mailbox.push(8, &cx()), Ok(()));
        mailbox.end();
        assert_eq!(mailbox.push(9, &cx()), Ok(()));
        assert_eq!(mailbox.poll_next(&cx()), Poll::Ready(Some(8)));
        assert_eq!(mailbox.poll_next(&cx()), Poll::Ready(None));
    }

    #[test]
    fn what_nobody_reads_is_dropped() {
        let mailbox = Mailbox::new(1, 10);
        assert_eq!((mailbox.push(7, &cx()), mailbox.push(8, &cx())), (Ok(()), Err(8)));
        mailbox.abandon();
        assert_eq!((mailbox.push(8, &cx()), mailbox.push(9, &cx())), (Ok(()), Ok(())));
        assert_eq!(mailbox.poll_next(&cx()), Poll::Pending);
    }
}
