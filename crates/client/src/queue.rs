//! What waits to be sent: the offline queue, and while the server is slow the online one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bowline_core::CloseFrame;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    command::Command,
    error::{SendError, SendErrorReason},
};

/// What happens to a message for which the queue has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// Whoever sends it waits until there is room.
    #[default]
    Wait,
    /// The oldest message in the queue is dropped for it. What is asked of rooms is never dropped.
    DropOldest,
    /// It isn't sent, and comes back to whoever sent it.
    DropNewest,
}

/// What holds of the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) count: u32,
    pub(crate) bytes: u32,
    pub(crate) overflow: Overflow,
}

/// Commands of the application's on their way to its client's task, bounded in count and bytes.
#[derive(Debug)]
pub(crate) struct Queue {
    bounds: Bounds,
    count: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    commands: VecDeque<Queued>,
    closing: Option<CloseFrame>,
    /// The task is over.
    over: bool,
    task: Option<Waker>,
    /// The machine slept, or the network changed, as the application says.
    check: bool,
}

/// A command, and its place in the queue.
#[derive(Debug)]
struct Queued {
    command: Command,
    _place: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

impl Queue {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            count: Arc::new(Semaphore::new(bounds.count as usize)),
            bytes: Arc::new(Semaphore::new(bounds.bytes as usize)),
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that panics is done under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room and queues what is asked of the server. Gives it back once the client is closed.
    ///
    /// Cancel safe: dropped before it is done, nothing is queued.
    pub(crate) async fn ask(&self, command: Command) -> Result<(), Command> {
        let Some(place) = self.place(command.size()).await else { return Err(command) };
        self.put(command, Some(place))
    }

    /// Queues a message, as [`Overflow`] has it.
    ///
    /// Cancel safe: dropped before it is done, nothing is queued.
    pub(crate) async fn send(&self, command: Command) -> Result<(), SendError> {
        let size = command.size();
        let place = match self.bounds.overflow {
            Overflow::Wait => self.place(size).await,
            Overflow::DropNewest => match self.try_place(size) {
                None if !self.count.is_closed() => {
                    return Err(SendError::new(SendErrorReason::Full, command.into_message()));
                }
                place => place,
            },
            Overflow::DropOldest => loop {
                match self.try_place(size) {
                    None if self.count.is_closed() => break None,
                    None if self.drop_oldest() => {}
                    // Only what may not be dropped is in the way.
                    None => break self.place(size).await,
                    place => break place,
                }
            },
        };
        let closed = |command: Command| SendError::new(SendErrorReason::Closed, command.into_message());
        let Some(place) = place else { return Err(closed(command)) };
        self.put(command, Some(place)).map_err(closed)
    }

    /// Queues what must not wait, as when a handle is dropped: there are no more of these than there were handles.
    pub(crate) fn ask_now(&self, command: Command) {
        // Where the client is closed, there is nothing left to ask for.
        let _ = self.put(command, None);
    }

    /// Takes nothing more; what is queued is still sent, and then the session ends.
    pub(crate) fn close(&self, frame: CloseFrame) {
        self.count.close();
        self.bytes.close();
        let mut state = self.lock();
        state.closing.get_or_insert(frame);
        wake(state);
    }

    /// Asks for a check of the carrier.
    pub(crate) fn check(&self) {
        let mut state = self.lock();
        state.check = true;
        wake(state);
    }

    /// Whether a check was asked for.
    pub(crate) fn take_check(&self) -> bool {
        std::mem::take(&mut self.lock().check)
    }

    /// The next command, if `fits` says of its size that it does.
    pub(crate) fn poll_next(&self, cx: &Context<'_>, fits: impl FnOnce(usize) -> bool) -> Poll<Command> {
        let mut state = self.lock();
        state.task = Some(cx.waker().clone());
        if !state.commands.front().is_some_and(|queued| fits(queued.command.size())) {
            return Poll::Pending;
        }
        let queued = state.commands.pop_front();
        if state.commands.is_empty() {
            state.commands = VecDeque::new();
        }
        queued.map_or(Poll::Pending, |queued| Poll::Ready(queued.command))
    }

    /// How the session is to end, once the application has asked for it and all that it sent has been taken.
    pub(crate) fn closing(&self) -> Option<CloseFrame> {
        let state = self.lock();
        state.closing.clone().filter(|_| state.commands.is_empty())
    }

    /// Whether the application has asked for the end.
    pub(crate) fn is_closing(&self) -> bool {
        self.lock().closing.is_some()
    }

    /// The task is over: nothing is taken any more, and what is here is gone.
    pub(crate) fn end(&self) {
        self.count.close();
        self.bytes.close();
        let mut state = self.lock();
        state.over = true;
        let commands = std::mem::take(&mut state.commands);
        drop(state);
        // Whoever waits for an answer is told that the client is closed, by the answer's channel.
        drop(commands);
    }

    fn put(
        &self,
        command: Command,
        place: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
    ) -> Result<(), Command> {
        let mut state = self.lock();
        if state.over || state.closing.is_some() && place.is_some() {
            return Err(command);
        }
        state.commands.push_back(Queued { command, _place: place });
        wake(state);
        Ok(())
    }

    /// One that is larger than the queue takes all of it: there is always room for one.
    fn permits(&self, size: usize) -> u32 {
        u32::try_from(size).unwrap_or(u32::MAX).min(self.bounds.bytes)
    }

    async fn place(&self, size: usize) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let count = Arc::clone(&self.count).acquire_owned().await.ok()?;
        let bytes = Arc::clone(&self.bytes).acquire_many_owned(self.permits(size)).await.ok()?;
        Some((count, bytes))
    }

    fn try_place(&self, size: usize) -> Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)> {
        let count = Arc::clone(&self.count).try_acquire_owned().ok()?;
        let bytes = Arc::clone(&self.bytes).try_acquire_many_owned(self.permits(size)).ok()?;
        Some((count, bytes))
    }

    /// Drops the oldest message, if there is one.
    fn drop_oldest(&self) -> bool {
        let mut state = self.lock();
        let oldest = state.commands.iter().position(|queued| matches!(queued.command, Command::Send { .. }));
        let dropped = oldest.and_then(|oldest| state.commands.remove(oldest));
        drop(state);
        let Some(Queued { command: Command::Send { message, acked }, .. }) = dropped else { return false };
        if let Some(acked) = acked {
            // Whoever sent it may not wait any more.
            let _ = acked.send(Err(SendError::new(SendErrorReason::Dropped, Some(message))));
        }
        true
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let task = state.task.take();
    drop(state);
    task.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    fn queue(count: u32, bytes: u32, overflow: Overflow) -> Queue {
        Queue::new(Bounds { count, bytes, overflow })
    }

    fn message(text: &str) -> Command {
        Command::Send { message: text.into(), acked: None }
    }

    fn taken(queue: &Queue) -> Vec<String> {
        let mut all = Vec::new();
        while let Poll::Ready(command) = queue.poll_next(&Context::from_waker(Waker::noop()), |_| true) {
            all.push(command.into_message().and_then(|it| it.as_text().map(str::to_owned)).unwrap_or_default());
        }
        all
    }

    #[test]
    fn whoever_sends_to_a_full_queue_waits() {
        for (count, bytes, fit) in [(3, 100, 3), (100, 6, 3), (100, 7, 3), (100, 1, 1)] {
            let queue = queue(count, bytes, Overflow::Wait);
            let sent = (0..10).take_while(|_| queue.send(message("ab")).now_or_never().is_some()).count();
            assert_eq!(sent, fit, "{count} messages, {bytes} bytes");
            let mut waits = Box::pin(queue.send(message("cd")));
            assert!((&mut waits).now_or_never().is_none());
            assert_eq!(taken(&queue).len(), fit);
            assert!(waits.now_or_never().is_some_and(|sent| sent.is_ok()));
            assert_eq!(taken(&queue), ["cd"]);
        }
    }

    #[test]
    fn the_oldest_message_is_dropped_and_told_so() {
        let queue = queue(2, 100, Overflow::DropOldest);
        let (acked, told) = oneshot::channel();
        queue
            .send(Command::Send { message: "a".into(), acked: Some(acked) })
            .now_or_never()
            .expect("room")
            .expect("open");
        for text in ["b", "c", "d"] {
            queue.send(message(text)).now_or_never().expect("never waits").expect("open");
        }
        let error = told.now_or_never().expect("told").expect("told").expect_err("dropped");
        assert_eq!((error.reason(), error.into_rejected()), (SendErrorReason::Dropped, Some("a".into())));
        assert_eq!(taken(&queue), ["c", "d"]);
    }

    #[test]
    fn what_is_asked_of_rooms_is_not_dropped() {
        let queue = queue(1, 100, Overflow::DropOldest);
        let (answer, _told) = oneshot::channel();
        let leave = Command::Leave { room: "r".into(), answer: Some(answer) };
        queue.ask(leave).now_or_never().expect("room").expect("open");
        assert!(queue.send(message("a")).now_or_never().is_none());
        assert_eq!(taken(&queue).len(), 1);
    }

    #[test]
    fn the_newest_message_comes_back() {
        let queue = queue(1, 100, Overflow::DropNewest);
        queue.send(message("a")).now_or_never().expect("never waits").expect("room");
        let error = queue.send(message("b")).now_or_never().expect("never waits").expect_err("full");
        assert_eq!((error.reason(), error.into_rejected()), (SendErrorReason::Full, Some("b".into())));
        assert_eq!(taken(&queue), ["a"]);
    }

    #[test]
    fn after_close_nothing_is_taken_and_what_was_is_sent() {
        for overflow in [Overflow::Wait, Overflow::DropOldest, Overflow::DropNewest] {
            let queue = queue(1, 100, overflow);
            queue.send(message("a")).now_or_never().expect("room").expect("open");
            queue.close(bowline_core::CloseCode::NORMAL_CLOSURE.into());
            let error = queue.send(message("b")).now_or_never().expect("never waits").expect_err("closed");
            assert_eq!((error.reason(), error.into_rejected()), (SendErrorReason::Closed, Some("b".into())));
            assert!(queue.is_closing() && queue.closing().is_none());
            assert_eq!(taken(&queue), ["a"]);
            assert!(queue.closing().is_some());
        }
    }

    #[test]
    fn a_command_stays_until_it_fits() {
        let queue = queue(2, 100, Overflow::Wait);
        queue.send(message("abc")).now_or_never().expect("room").expect("open");
        let cx = Context::from_waker(Waker::noop());
        assert!(queue.poll_next(&cx, |size| size < 3).is_pending());
        assert!(queue.poll_next(&cx, |size| size == 3).is_ready());
    }
}
