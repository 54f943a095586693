//! The task of a session, whatever carries it: turn after turn, until there is nothing to be done.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{end::end, run::Run};
use crate::{
    session::Shared,
    signal::{IO, IoWaker, ROOMS},
};

/// Turns in one poll, after which others may run.
const MAX_TURNS: usize = 32;

/// What a turn came to.
pub(super) enum Turn {
    /// The handler is to run.
    Handler,
    /// More can be done at once.
    Again,
    /// Nothing can be done before something happens.
    Wait,
    /// The session has ended.
    Over,
}

/// What is to be done, by what carries the session.
pub(super) trait Work {
    /// The handler.
    fn run(&mut self) -> &mut Run;

    /// Takes note of what the signal says.
    fn note(&mut self, shared: &Shared, bits: u64);

    /// Only publications have come. Whether they are written, and that is all there is to be done.
    fn turn_for_rooms(&mut self, shared: &Shared, cx: &mut Context<'_>) -> bool;

    /// Does what can be done now.
    fn turn(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Turn;

    /// The session has ended: lets go of what is not the handler's, however long that goes on.
    fn let_go(&mut self);
}

/// The future of a session's task.
pub(super) struct Task<W: Work> {
    shared: Arc<Shared>,
    /// What the socket and the timer wake.
    io_waker: Waker,
    work: W,
}

impl<W: Work> Task<W> {
    /// `due` is what the first poll looks at.
    pub(super) fn new(shared: Arc<Shared>, work: W, due: u64) -> Self {
        shared.signal.raise(due);
        let io_waker = Waker::from(Arc::new(IoWaker(Arc::clone(&shared.signal))));
        Self { shared, io_waker, work }
    }
}

impl<W: Work + Unpin> Future for Task<W> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { shared, io_waker, work } = self.get_mut();
        let io = &mut Context::from_waker(io_waker);
        shared.signal.register(cx.waker());
        let bits = shared.signal.take();
        work.note(shared, bits);
        if bits & !ROOMS == 0 && work.turn_for_rooms(shared, io) {
            return Poll::Pending;
        }
        for _ in 0..MAX_TURNS {
            match work.turn(shared, io) {
                Turn::Handler => work.run().poll(shared),
                Turn::Again => {}
                Turn::Wait => return Poll::Pending,
                Turn::Over => {
                    end(shared, work.run().why);
                    work.let_go();
                    work.run().poll(shared);
                    return if work.run().is_over() { Poll::Ready(()) } else { Poll::Pending };
                }
            }
            let bits = shared.signal.take();
            work.note(shared, bits);
        }
        shared.signal.raise(IO);
        Poll::Pending
    }
}

/// However the task ends, as when its runtime is shut down, the session ends with it.
impl<W: Work> Drop for Task<W> {
    fn drop(&mut self) {
        end(&self.shared, self.work.run().why);
    }
}
