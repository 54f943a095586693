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
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bowline_core::{CloseCode, CloseFrame, stream::WebSocket};
use tokio::time::{Sleep, sleep};
use tracing::Span;

use super::{
    end::count_received,
    run::Run,
    task::{Task, Turn, Work},
};
use crate::{
    handler::HandlerFuture,
    io::Io,
    metrics::{Disconnect, Held},
    room::Next,
    session::{Flow, Shared, Unread},
    signal::{HANDLER, IO, OUTBOX},
};

/// Reads of rooms' logs in one turn.
const MAX_READS: usize = 16;

/// What is to be done.
struct WebSocketWork {
    unread: Unread,
    /// The outbox has something.
    has_direct: bool,
    /// What is published or sent from here on doesn't come before the close.
    is_sealed: bool,
    /// The close was begun, so that what still waits can't be sent.
    is_closing: bool,
    run: Run,
    /// When its close has waited long enough. Not set where it needn't wait at all.
    overdue: Option<Pin<Box<Sleep>>>,
    /// The latest that was counted.
    round_trip: Duration,
    /// Counts it for as long as it lives.
    held: Held,
}

/// The task that serves a WebSocket as a session.
pub(crate) fn web_socket_task(
    shared: Arc<Shared>,
    handler: HandlerFuture,
    held: Held,
    span: Option<Box<Span>>,
) -> impl Future<Output = ()> + Send {
    let work = WebSocketWork {
        run: Run::new(handler, span),
        unread: Unread::default(),
        has_direct: false,
        is_sealed: false,
        is_closing: false,
        overdue: None,
        round_trip: Duration::ZERO,
        held,
    };
    // The handler's first run is due, and the socket is to be looked at.
    Task::new(shared, work, HANDLER | IO)
}

impl Work for WebSocketWork {
    fn run(&mut self) -> &mut Run {
        &mut self.run
    }

    fn note(&mut self, shared: &Shared, bits: u64) {
        self.unread.note(bits);
        self.has_direct |= bits & OUTBOX != 0;
        self.run.note(shared, bits);
    }

    /// Unless the socket is full.
    #[inline]
    fn turn_for_rooms(&mut self, shared: &Shared, cx: &mut Context<'_>) -> bool {
        let mut wire = shared.wire();
        let is_all =
            wire.link.raw().is_some_and(|ws| self.write(shared, ws, cx) && self.run.close.is_none() && ws.is_flushed());
        // The Close of a slow consumer is waited for, and no longer than may be.
        is_all && !self.is_closing
    }

    fn turn(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Turn {
        let wire = &mut *shared.wire();
        count_received(shared, wire);
        let Some(ws) = wire.link.raw() else { return Turn::Over };
        let is_done = self.write(shared, ws, cx);
        if self.run.close.is_some() && self.poll_overdue(shared, cx).is_ready() {
            wire.abort();
            return Turn::Over;
        }
        if wire.wake_writers(&shared.handler_waker) {
            return Turn::Handler;
        }
        let Some(ws) = wire.link.raw() else { return Turn::Over };
        let is_pending = ws.poll_ready(cx).is_pending();
        if let Some(took) = ws.round_trip().filter(|took| *took != self.round_trip) {
            self.round_trip = took;
            shared.hub.metrics().record_round_trip(took);
        }
        if is_pending {
            return if is_done { Turn::Wait } else { Turn::Again };
        }
        if self.run.is_over() {
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
        if wire.link.raw().is_some_and(|ws| ws.poll_attend(cx).is_pending()) {
            return Turn::Wait;
        }
        wire.finish();
        Turn::Over
    }

    fn let_go(&mut self) {
        self.held.slot = None;
    }
}

impl WebSocketWork {
    /// Ready once what comes before the close has had its time to be written.
    fn poll_overdue(&mut self, shared: &Shared, cx: &mut Context<'_>) -> Poll<()> {
        let timeout = shared.hub.config().flush_timeout;
        self.overdue.get_or_insert_with(|| Box::pin(sleep(timeout))).as_mut().poll(cx)
    }

    /// Writes what waits. Whether that is all that can be done now: else the budget of a turn has run out.
    #[inline]
    fn write(&mut self, shared: &Shared, ws: &mut WebSocket<Io>, cx: &mut Context<'_>) -> bool {
        let mut reads = MAX_READS;
        if self.run.close.is_some() {
            self.seal(shared);
        }
        loop {
            if self.has_direct {
                self.queue_direct(shared, ws);
            }
            while !self.unread.is_empty() && ws.is_flushed() && !self.is_closing {
                if reads == 0 {
                    return false;
                }
                reads -= 1;
                self.serve_room(shared, ws, cx);
            }
            if ws.poll_write_queued(cx).is_pending() {
                return true;
            }
            if (self.unread.is_empty() && !self.has_direct) || self.is_closing {
                break;
            }
        }
        if let Some(frame) = self.run.close.take() {
            self.seal(shared);
            // What was put there just before has yet to tell of itself, and is sent first.
            if shared.outbox().is_empty() {
                self.is_closing = true;
                ws.start_close(*frame);
                let _ = ws.poll_write_queued(cx);
            } else {
                self.run.close = Some(frame);
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
            self.unread.clear();
            return;
        }
        let Self { unread, held, run, .. } = self;
        unread.serve(shared, |at, next| {
            match next {
                Next::UpToDate => {}
                Next::Encoded(bytes, count) => {
                    held.open.delivered(count, bytes.len());
                    drop(ws.write_encoded(cx, bytes));
                }
                Next::Message(_, message) | Next::Presence(message) => drop(ws.queue(message)),
                Next::Gap(gap) => {
                    let room = shared.room_at(at);
                    let message = room.and_then(|room| (shared.hub.config().gap_message)(&room, &gap));
                    drop(message.map(|message| ws.queue(message)));
                }
                Next::Disconnect(_) => {
                    run.because(Disconnect::Slow);
                    run.close = Some(Box::new(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "slow consumer")));
                    return Flow::Stop;
                }
            }
            if ws.is_flushed() { Flow::On } else { Flow::Pause }
        });
    }
}
