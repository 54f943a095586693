//! A session's handler, as the session's task runs it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll},
};

use bowline_core::{CloseCode, CloseFrame};
use tracing::Span;

use crate::{
    handler::{HandlerFuture, Outcome},
    log::Untrusted,
    metrics::Disconnect,
    session::Shared,
    signal::{ABORT, CLOSE, HANDLER},
};

/// The handler, and how it or somebody else wants the session to end.
pub(super) struct Run {
    /// `None` once it has returned.
    handler: Option<HandlerFuture>,
    /// Why this end closed, if it did so first.
    pub(super) why: Option<Disconnect>,
    /// What to close with once nothing waits any more.
    pub(super) close: Option<Box<CloseFrame>>,
    /// What the handler's log lines stand in.
    span: Option<Box<Span>>,
}

impl Run {
    pub(super) const fn new(handler: HandlerFuture, span: Option<Box<Span>>) -> Self {
        Self { handler: Some(handler), why: None, close: None, span }
    }

    /// Nobody receives any more.
    pub(super) const fn is_over(&self) -> bool {
        self.handler.is_none()
    }

    /// Remembers why this end closes, for the first reason there is.
    pub(super) fn because(&mut self, why: Disconnect) {
        self.why.get_or_insert(why);
    }

    /// Takes note of what the signal says of the handler and of the end.
    pub(super) fn note(&mut self, shared: &Shared, bits: u64) {
        if bits & CLOSE != 0
            && let Some(frame) = shared.take_close()
        {
            self.because(if shared.hub.is_ready() { Disconnect::Application } else { Disconnect::Drain });
            self.close.get_or_insert(frame);
        }
        if bits & ABORT != 0 {
            self.because(if shared.hub.is_ready() { Disconnect::Application } else { Disconnect::Drain });
            shared.wire().abort();
        }
        if bits & HANDLER != 0 {
            self.poll(shared);
        }
    }

    /// Runs the handler until it waits.
    pub(super) fn poll(&mut self, shared: &Shared) {
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
        // One that returns since the session is over has not ended it.
        if shared.wire().is_on() {
            self.because(why);
        }
        // It may hold the session, which may do what it likes when dropped.
        let handler = self.handler.take();
        drop(catch_unwind(AssertUnwindSafe(|| drop(handler))));
        // What the handler closed with counts before how it ended.
        let closed = shared.take_close();
        self.close.get_or_insert_with(|| closed.unwrap_or_else(|| Box::new(frame)));
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
