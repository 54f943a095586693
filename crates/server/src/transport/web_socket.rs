//! The task of a WebSocket's session: it runs the handler, and moves bytes between socket, outbox and rooms.
//!
//! ```text
//! socket ──► message ──► handler ──┐
//!                                  ├──► queue ──► socket
//! outbox, rooms' logs ─────────────┘
//! ```
//! A turn writes what may be written, then reads. Where a message is at hand and the handler waits for it, the handler runs,
//! and another turn follows; where nothing is to be done, the task waits. Publications stay in their room's log until
//! nothing else is queued: a session that is slow holds a place there, and no copy.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bowline_core::{CloseCode, CloseFrame, stream::WebSocket};

use crate::{
    handler::{HandlerFuture, Outcome},
    io::Io,
    room::Next,
    session::{Shared, Wire},
    signal::{ABORT, CLOSE, HANDLER, ROOM_BITS, ROOMS},
};

/// Turns in one poll, after which others may run.
const MAX_TURNS: usize = 32;
/// Reads of rooms' logs in one turn.
const MAX_READS: usize = 16;

/// The future of a session's task.
pub(crate) struct WebSocketTask {
    shared: Arc<Shared>,
    /// `None` once it has returned.
    handler: Option<HandlerFuture>,
    /// Rooms that have something, as bits.
    unread: u64,
    /// What to close with once nothing waits any more.
    close: Option<Box<CloseFrame>>,
    /// The close was begun, so that what still waits can't be sent.
    is_closing: bool,
}

/// What a turn came to.
enum Turn {
    /// The handler is to run.
    Handler,
    /// More can be done at once.
    Again,
    /// Nothing can be done before something happens.
    Wait,
    /// The connection has ended.
    Over,
}

impl WebSocketTask {
    pub(crate) fn new(shared: Arc<Shared>, handler: HandlerFuture) -> Self {
        // The handler's first run is due.
        shared.signal.raise(HANDLER);
        Self { shared, handler: Some(handler), unread: 0, close: None, is_closing: false }
    }

    fn run_handler(&mut self) {
        let Some(handler) = &mut self.handler else { return };
        let waker = &self.shared.handler_waker;
        // What it leaves behind when it panics is its own, and is dropped.
        let polled = catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll(&mut Context::from_waker(waker))));
        let frame = match polled {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(outcome)) => end_of(&self.shared, outcome),
            Err(_) => {
                tracing::error!(session = %self.shared.id, "the handler panicked");
                CloseFrame::new(CloseCode::INTERNAL_ERROR, "")
            }
        };
        // It may hold the session, which may do what it likes when dropped.
        let handler = self.handler.take();
        drop(catch_unwind(AssertUnwindSafe(|| drop(handler))));
        self.close.get_or_insert_with(|| Box::new(frame));
    }

    fn turn(&mut self, wire: &mut Wire, cx: &mut Context<'_>) -> Turn {
        let Some(ws) = &mut wire.ws else { return Turn::Over };
        let is_done = self.write(ws, cx);
        if ws.can_queue()
            && let Some(sender) = wire.sender.take_if(|_| ws.can_queue())
        {
            if sender.will_wake(&self.shared.handler_waker) {
                return Turn::Handler;
            }
            sender.wake();
        }
        if ws.poll_ready(cx).is_pending() {
            return if is_done { Turn::Wait } else { Turn::Again };
        }
        if self.handler.is_none() {
            // Nobody receives it any more.
            drop(wire.take());
            return Turn::Again;
        }
        if std::mem::take(&mut wire.is_receiving) {
            match &wire.receiver {
                Some(receiver) if !receiver.will_wake(&self.shared.handler_waker) => receiver.wake_by_ref(),
                _ => return Turn::Handler,
            }
        }
        if ws.poll_attend(cx).is_ready() { Turn::Again } else { Turn::Wait }
    }

    /// Writes what waits. Whether that is all that can be done now: else the budget of a turn has run out.
    fn write(&mut self, ws: &mut WebSocket<Io>, cx: &mut Context<'_>) -> bool {
        let mut reads = MAX_READS;
        loop {
            self.queue_direct(ws);
            while self.unread != 0 && ws.is_flushed() && !self.is_closing {
                if reads == 0 {
                    return false;
                }
                reads -= 1;
                self.serve_room(ws, cx);
            }
            if ws.poll_write_queued(cx).is_pending() {
                return true;
            }
            if self.unread == 0 || self.is_closing {
                break;
            }
        }
        if let Some(frame) = self.close.take_if(|_| self.shared.outbox().is_empty()) {
            self.is_closing = true;
            ws.start_close(*frame);
            let _ = ws.poll_write_queued(cx);
        }
        true
    }

    /// Direct messages go first, as far as there is room.
    fn queue_direct(&mut self, ws: &mut WebSocket<Io>) {
        let mut outbox = self.shared.outbox();
        while !outbox.is_empty() && ws.can_queue() && ws.may_send() {
            if let Some(message) = outbox.take() {
                // It may be sent, so it is taken.
                drop(ws.queue(message));
            }
        }
    }

    /// One read of the log of the next room that has something.
    fn serve_room(&mut self, ws: &mut WebSocket<Io>, cx: &mut Context<'_>) {
        if !ws.may_send() {
            self.unread = 0;
            return;
        }
        let first = self.unread.trailing_zeros();
        // Where many rooms share a bit, each is looked at.
        let mut is_done = true;
        for place in (first as usize..self.shared.places()).step_by(ROOM_BITS as usize) {
            if !ws.is_flushed() {
                is_done = false;
                break;
            }
            let Some((next, room)) = self.shared.next_of(place) else { continue };
            is_done &= matches!(next, Next::UpToDate);
            match next {
                Next::UpToDate => {}
                Next::Encoded(bytes, _) => drop(ws.write_encoded(cx, bytes)),
                Next::Message(_, message) | Next::Presence(message) => drop(ws.queue(message)),
                Next::Gap(gap) => {
                    if let Some(message) = (self.shared.hub.config().gap_message)(&room, &gap) {
                        drop(ws.queue(message));
                    }
                }
                Next::Disconnect(_) => {
                    self.unread = 0;
                    self.close = Some(Box::new(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "slow consumer")));
                    return;
                }
            }
        }
        if is_done {
            self.unread &= !(1 << first);
        }
    }

    /// The connection is over: nobody can be told anything any more.
    fn end(&mut self) {
        self.shared.leave_all();
        self.shared.outbox().close();
        self.shared.hub.forget(self.shared.id);
        let mut wire = self.shared.wire();
        let waiting = [wire.receiver.take(), wire.sender.take()];
        drop(wire);
        waiting.into_iter().flatten().for_each(std::task::Waker::wake);
    }
}

fn end_of(shared: &Shared, outcome: Outcome) -> CloseFrame {
    match outcome.into_error() {
        None => CloseCode::NORMAL_CLOSURE.into(),
        Some(error) => {
            // An error of the connection's own is no news, and there is nobody to be told.
            tracing::debug!(session = %shared.id, %error, "the handler ended with an error");
            CloseFrame::new(CloseCode::INTERNAL_ERROR, "")
        }
    }
}

impl Future for WebSocketTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let shared = Arc::clone(&this.shared);
        shared.signal.register(cx.waker());
        for _ in 0..MAX_TURNS {
            let bits = shared.signal.take();
            this.unread |= bits & ROOMS;
            if bits & CLOSE != 0
                && let Some(frame) = shared.take_close()
            {
                this.close.get_or_insert(frame);
            }
            if bits & ABORT != 0 {
                shared.wire().ws = None;
            }
            if bits & HANDLER != 0 {
                this.run_handler();
            }
            let turn = this.turn(&mut shared.wire(), cx);
            match turn {
                Turn::Handler => this.run_handler(),
                Turn::Again => {}
                Turn::Wait => return Poll::Pending,
                Turn::Over => {
                    this.end();
                    this.run_handler();
                    return if this.handler.is_some() { Poll::Pending } else { Poll::Ready(()) };
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// However the task ends, as when its runtime is shut down, the session ends with it.
impl Drop for WebSocketTask {
    fn drop(&mut self) {
        self.end();
    }
}
