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
    task::{Context, Poll, Waker},
    time::Duration,
};

use bowline_core::{CloseCode, CloseFrame, connection::Ended, stream::WebSocket};
use tokio::time::{Sleep, sleep};
use tracing::Span;

use crate::{
    handler::{HandlerFuture, Outcome},
    io::Io,
    listener::ConnectionSlot,
    log::Untrusted,
    metrics::{Closed, Disconnect, Dropped, Limited, Open},
    room::Next,
    session::{Received, Shared, Wire},
    signal::{ABORT, CLOSE, HANDLER, IO, IoWaker, OUTBOX, ROOMS},
};

/// Turns in one poll, after which others may run.
const MAX_TURNS: usize = 32;
/// Reads of rooms' logs in one turn.
const MAX_READS: usize = 16;

/// The future of a session's task.
pub(crate) struct WebSocketTask {
    shared: Arc<Shared>,
    /// What the socket and the timer wake.
    io_waker: Waker,
    work: Work,
}

/// What is to be done.
struct Work {
    /// Rooms that have something, as bits.
    unread: u64,
    /// Which of the bits comes next, so that a room in which there is always something doesn't keep others waiting.
    next_bit: u8,
    /// The outbox has something.
    has_direct: bool,
    /// What is published or sent from here on doesn't come before the close.
    is_sealed: bool,
    /// The close was begun, so that what still waits can't be sent.
    is_closing: bool,
    /// What to close with once nothing waits any more.
    close: Option<Box<Leaving>>,
    /// `None` once it has returned.
    handler: Option<HandlerFuture>,
    /// Why this end closed, if it did so first.
    why: Option<Disconnect>,
    /// The latest that was counted.
    round_trip: Duration,
    /// Counts it for as long as it lives.
    held: Held,
    /// What the handler's log lines stand in.
    span: Option<Box<Span>>,
}

/// A close that waits until what came before it is written.
struct Leaving {
    frame: CloseFrame,
    /// When it has waited long enough. Not set where it needn't wait at all.
    overdue: Option<Pin<Box<Sleep>>>,
}

impl Leaving {
    fn with(frame: CloseFrame) -> Box<Self> {
        Box::new(Self { frame, overdue: None })
    }

    fn poll_overdue(&mut self, timeout: Duration, cx: &mut Context<'_>) -> Poll<()> {
        self.overdue.get_or_insert_with(|| Box::pin(sleep(timeout))).as_mut().poll(cx)
    }
}

/// What a session's connection holds for as long as it lives.
pub(crate) type Held = (Open, Option<ConnectionSlot>);

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
    pub(crate) fn new(shared: Arc<Shared>, handler: HandlerFuture, held: Held, span: Option<Box<Span>>) -> Self {
        // The handler's first run is due, and the socket is to be looked at.
        shared.signal.raise(HANDLER | IO);
        let io_waker = Waker::from(Arc::new(IoWaker(Arc::clone(&shared.signal))));
        let work = Work {
            handler: Some(handler),
            unread: 0,
            next_bit: 0,
            has_direct: false,
            close: None,
            is_sealed: false,
            is_closing: false,
            why: None,
            round_trip: Duration::ZERO,
            held,
            span,
        };
        Self { shared, io_waker, work }
    }
}

impl Work {
    /// Takes note of what the signal says.
    fn note(&mut self, shared: &Shared, bits: u64) {
        self.unread |= bits & ROOMS;
        self.has_direct |= bits & OUTBOX != 0;
        if bits & CLOSE != 0
            && let Some(frame) = shared.take_close()
        {
            self.because(if shared.hub.is_ready() { Disconnect::Application } else { Disconnect::Drain });
            self.close.get_or_insert_with(|| Leaving::with(*frame));
        }
        if bits & ABORT != 0 {
            self.because(if shared.hub.is_ready() { Disconnect::Application } else { Disconnect::Drain });
            shared.wire().abort();
        }
        if bits & HANDLER != 0 {
            self.run_handler(shared);
        }
    }

    fn run_handler(&mut self, shared: &Shared) {
        let Some(handler) = &mut self.handler else { return };
        let waker = &shared.handler_waker;
        let entered = self.span.as_ref().map(|span| span.enter());
        // What it leaves behind when it panics is its own, and is dropped.
        let polled = catch_unwind(AssertUnwindSafe(|| handler.as_mut().poll_outcome(&mut Context::from_waker(waker))));
        let (frame, why) = match polled {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(outcome)) => (end_of(shared, outcome), Disconnect::Application),
            Err(_) => {
                tracing::error!(session = %shared.id, "the handler panicked");
                shared.hub.metrics().handles.handler_panics.increment(1);
                (CloseFrame::new(CloseCode::INTERNAL_ERROR, ""), Disconnect::Panic)
            }
        };
        drop(entered);
        // One that returns since the connection is over has not ended it.
        if shared.wire().ws.is_some() {
            self.because(why);
        }
        // It may hold the session, which may do what it likes when dropped.
        let handler = self.handler.take();
        drop(catch_unwind(AssertUnwindSafe(|| drop(handler))));
        // What the handler closed with counts before how it ended.
        let closed = shared.take_close();
        self.close.get_or_insert_with(|| Leaving::with(closed.map_or(frame, |closed| *closed)));
    }

    /// Remembers why this end closes, for the first reason there is.
    fn because(&mut self, why: Disconnect) {
        self.why.get_or_insert(why);
    }

    /// Only publications have come: they are written, and that is all, unless the socket is full.
    #[inline]
    fn turn_for_rooms(&mut self, shared: &Shared, cx: &mut Context<'_>) -> bool {
        let mut wire = shared.wire();
        let is_all =
            wire.ws.as_mut().is_some_and(|ws| self.write(shared, ws, cx) && self.close.is_none() && ws.is_flushed());
        // The Close of a slow consumer is waited for, and no longer than may be.
        is_all && !self.is_closing
    }

    fn turn(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Turn {
        let wire = &mut *shared.wire();
        count_received(shared, wire);
        let Some(ws) = &mut wire.ws else { return Turn::Over };
        let is_done = self.write(shared, ws, cx);
        let timeout = shared.hub.config().flush_timeout;
        if self.close.as_mut().is_some_and(|close| close.poll_overdue(timeout, cx).is_ready()) {
            wire.abort();
            return Turn::Over;
        }
        if wire.wake_writers(&shared.handler_waker) {
            return Turn::Handler;
        }
        let Some(ws) = &mut wire.ws else { return Turn::Over };
        let is_pending = ws.poll_ready(cx).is_pending();
        if let Some(took) = ws.round_trip().filter(|took| *took != self.round_trip) {
            self.round_trip = took;
            shared.hub.metrics().record_round_trip(took);
        }
        if is_pending {
            return if is_done { Turn::Wait } else { Turn::Again };
        }
        if self.handler.is_none() {
            // Nobody receives it any more.
            drop(wire.take());
            return Turn::Again;
        }
        if std::mem::take(&mut wire.is_receiving) {
            match &wire.receiver {
                Some(receiver) if !receiver.will_wake(&shared.handler_waker) => receiver.wake_by_ref(),
                _ => return Turn::Handler,
            }
        }
        if wire.read_ahead() {
            return Turn::Again;
        }
        if wire.ws.as_mut().is_some_and(|ws| ws.poll_attend(cx).is_pending()) {
            return Turn::Wait;
        }
        wire.finish();
        Turn::Over
    }

    /// Writes what waits. Whether that is all that can be done now: else the budget of a turn has run out.
    #[inline]
    fn write(&mut self, shared: &Shared, ws: &mut WebSocket<Io>, cx: &mut Context<'_>) -> bool {
        let mut reads = MAX_READS;
        if self.close.is_some() {
            self.seal(shared);
        }
        loop {
            if self.has_direct {
                self.queue_direct(shared, ws);
            }
            while self.unread != 0 && ws.is_flushed() && !self.is_closing {
                if reads == 0 {
                    return false;
                }
                reads -= 1;
                self.serve_room(shared, ws, cx);
            }
            if ws.poll_write_queued(cx).is_pending() {
                return true;
            }
            if (self.unread == 0 && !self.has_direct) || self.is_closing {
                break;
            }
        }
        if let Some(leaving) = self.close.take() {
            self.seal(shared);
            // What was put there just before has yet to tell of itself, and is sent first.
            if shared.outbox().is_empty() {
                self.is_closing = true;
                ws.start_close(leaving.frame);
                let _ = ws.poll_write_queued(cx);
            } else {
                self.close = Some(leaving);
            }
        }
        true
    }

    /// Nothing more comes before the close, so that nobody can put it off.
    fn seal(&mut self, shared: &Shared) {
        if !std::mem::replace(&mut self.is_sealed, true) {
            shared.seal();
        }
    }

    /// Direct messages go first, as far as there is room.
    fn queue_direct(&mut self, shared: &Shared, ws: &mut WebSocket<Io>) {
        let mut outbox = shared.outbox();
        let before = outbox.bytes();
        while ws.can_queue()
            && ws.may_send()
            && let Some(message) = outbox.take()
        {
            // It may be sent, so it is taken.
            drop(ws.queue(message));
        }
        self.has_direct = !outbox.is_empty() && ws.may_send();
        shared.hub.metrics().handles.outbox_bytes.sub((before - outbox.bytes()) as u64);
    }

    /// One read of the log of each room that shares the first bit, of those that have something.
    #[inline]
    fn serve_room(&mut self, shared: &Shared, ws: &mut WebSocket<Io>, cx: &mut Context<'_>) {
        if !ws.may_send() {
            self.unread = 0;
            return;
        }
        let later = self.unread & (u64::MAX << self.next_bit);
        let bit = if later == 0 { self.unread } else { later }.trailing_zeros();
        #[expect(clippy::cast_possible_truncation, reason = "there are 56 bits")]
        let next_bit = bit as u8 + 1;
        self.next_bit = next_bit;
        let mut place = Some(bit as usize);
        let mut is_done = true;
        while let Some(at) = place {
            let (next, more, following) = shared.next_of(at);
            is_done &= !more;
            match next {
                Next::UpToDate => {}
                Next::Encoded(bytes, count) => {
                    self.held.0.delivered(count, bytes.len());
                    drop(ws.write_encoded(cx, bytes));
                }
                Next::Message(_, message) | Next::Presence(message) => drop(ws.queue(message)),
                Next::Gap(gap) => {
                    let room = shared.room_at(at);
                    let message = room.and_then(|room| (shared.hub.config().gap_message)(&room, &gap));
                    drop(message.map(|message| ws.queue(message)));
                }
                Next::Disconnect(_) => {
                    self.unread = 0;
                    self.because(Disconnect::Slow);
                    self.close = Some(Leaving::with(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "slow consumer")));
                    return;
                }
            }
            place = following;
            if place.is_some() && !ws.is_flushed() {
                // The others' turn comes when the socket takes more.
                is_done = false;
                break;
            }
        }
        if is_done {
            self.unread &= !(1 << bit);
        }
    }
}

/// What the handler has received since it was last counted.
fn count_received(shared: &Shared, wire: &mut Wire) {
    let Received { messages, bytes } = std::mem::take(&mut wire.received);
    if messages > 0 {
        let handles = &shared.hub.metrics().handles;
        handles.received.increment(messages);
        handles.received_bytes.increment(bytes);
    }
}

/// The connection is over: nobody can be told anything any more. `why` is this end's reason, if it closed first.
fn end(shared: &Shared, why: Option<Disconnect>) {
    shared.leave_all();
    let handles = &shared.hub.metrics().handles;
    let (unsent, bytes) = shared.outbox().close();
    handles.outbox_bytes.sub(bytes as u64);
    shared.dropped(Dropped::Ended, unsent);
    let is_new = shared.hub.forget(shared.id);
    let mut wire = shared.wire();
    count_received(shared, &mut wire);
    wire.ws = None;
    if is_new {
        let closed_by = wire.ended.as_ref().map_or(Disconnect::Lost, |_| Disconnect::Peer);
        if wire.is_over_rate() {
            handles.rate_limited.of(Limited::Session).increment(1);
        }
        handles.disconnects.of(why.or(wire.failed).unwrap_or(closed_by)).increment(1);
        let frame = wire.ended.as_deref().and_then(Ended::frame);
        handles.closes.of(Closed::of(frame.map(CloseFrame::code))).increment(1);
    }
    let receiver = wire.receiver.take();
    let is_handler = wire.wake_writers(&shared.handler_waker);
    drop(wire);
    if is_handler {
        shared.signal.raise(HANDLER);
    }
    if let Some(receiver) = receiver {
        receiver.wake();
    }
}

fn end_of(shared: &Shared, outcome: Outcome) -> CloseFrame {
    match outcome.into_error() {
        None => CloseCode::NORMAL_CLOSURE.into(),
        Some(error) => {
            // An error of the connection's own is no news, and there is nobody to be told.
            // What an application makes its errors of may come from the peer (threat S13).
            tracing::debug!(session = %shared.id, error = %Untrusted(&error.to_string()), "the handler ended with an error");
            CloseFrame::new(CloseCode::INTERNAL_ERROR, "")
        }
    }
}

impl Future for WebSocketTask {
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
                Turn::Handler => work.run_handler(shared),
                Turn::Again => {}
                Turn::Wait => return Poll::Pending,
                Turn::Over => {
                    end(shared, work.why);
                    // However long the handler goes on, the connection is no more.
                    work.held.1 = None;
                    work.run_handler(shared);
                    return if work.handler.is_some() { Poll::Pending } else { Poll::Ready(()) };
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
impl Drop for WebSocketTask {
    fn drop(&mut self) {
        end(&self.shared, self.work.why);
    }
}
