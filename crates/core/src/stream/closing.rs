//! The end of the transport, in an order that loses nothing (RFC 6455 §7.1.1).
//!
//! ```text
//! server, or failed:  Flush ──► Shutdown ──► Drain ──► Done     shutdown(WR), then read to the peer's end: closing a
//!                                                               socket with unread input would reset it, and destroy
//!                                                               what is on its way to the peer.
//! client:             Flush ──► Await ──► Shutdown ──► Done     the server closes first, and keeps TIME_WAIT.
//! ```

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{
    linger::{LINGER_TIMEOUT, poll_discard},
    web_socket::{WebSocket, now},
};
use crate::{Error, Role, error::Timeout};

/// A transport on its way to its end.
#[derive(Debug)]
pub(super) struct Closing {
    phase: Phase,
    /// The client lets the server close first.
    awaits_peer: bool,
    error: Option<Error>,
    /// Nobody takes what is still queued. Otherwise the peer has at most ended its own side, and may wait for ours.
    cut_off: bool,
    /// Since when this phase waits.
    since: Option<Instant>,
    discarded: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Flush,
    Await,
    Shutdown,
    Drain,
    Done,
}

impl Closing {
    /// After a closing handshake.
    pub(super) const fn in_order(role: Role) -> Self {
        let awaits_peer = matches!(role, Role::Client);
        Self { phase: Phase::Flush, awaits_peer, error: None, cut_off: false, since: None, discarded: 0 }
    }

    /// After an error.
    pub(super) const fn failed(error: Error) -> Self {
        let phase = match error {
            // Nobody is there: one attempt to say why was made, if it could be.
            Error::Io(_) | Error::Timeout(Timeout::Write | Timeout::Close) => Phase::Done,
            _ => Phase::Flush,
        };
        let cut_off = !matches!(error, Error::Abnormal);
        Self { phase, awaits_peer: false, error: Some(error), cut_off, since: None, discarded: 0 }
    }

    pub(super) const fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done) && self.error.is_none()
    }

    /// The transport has come to its end, whether or not the error was told.
    pub(super) const fn is_at_end(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// The error that it ended with, once.
    pub(super) const fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }

    pub(super) const fn is_cut_off(&self) -> bool {
        self.cut_off
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> WebSocket<IO> {
    /// Brings the transport to its end; then the error that it ended with, once.
    pub(super) fn poll_closing(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        ready!(self.poll_end(cx));
        Poll::Ready(self.closing.as_mut().and_then(|closing| closing.take_error()).map_or(Ok(()), Err))
    }

    /// Brings the transport to its end.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(phase) = self.closing.as_ref().map(|closing| closing.phase)
            && phase != Phase::Done
        {
            let next = match self.poll_phase(phase, cx) {
                Poll::Ready(next) => next,
                Poll::Pending => {
                    ready!(self.poll_closing_deadline(phase, cx));
                    if phase == Phase::Flush {
                        self.give_up(Some(Timeout::Write.into()));
                    }
                    Phase::Done
                }
            };
            if let Some(closing) = &mut self.closing {
                closing.phase = next;
                closing.since = None;
            }
        }
        self.timer.stop();
        self.input.release();
        self.discard_output();
        Poll::Ready(())
    }

    fn poll_phase(&mut self, phase: Phase, cx: &mut Context<'_>) -> Poll<Phase> {
        let awaits_peer = self.closing.as_ref().is_some_and(|closing| closing.awaits_peer);
        Poll::Ready(match phase {
            Phase::Flush => match ready!(self.poll_write_out(cx)) {
                Ok(()) if awaits_peer => Phase::Await,
                Ok(()) => Phase::Shutdown,
                Err(_) => {
                    self.give_up(None);
                    Phase::Done
                }
            },
            Phase::Await => {
                ready!(self.poll_discard(cx));
                Phase::Shutdown
            }
            Phase::Shutdown => match ready!(Pin::new(&mut self.io).poll_shutdown(cx)) {
                Ok(()) if !awaits_peer => Phase::Drain,
                _ => Phase::Done,
            },
            Phase::Drain => {
                ready!(self.poll_discard(cx));
                Phase::Done
            }
            Phase::Done => Phase::Done,
        })
    }

    fn poll_closing_deadline(&mut self, phase: Phase, cx: &mut Context<'_>) -> Poll<()> {
        let Some(closing) = &mut self.closing else { return Poll::Ready(()) };
        let deadline = if phase == Phase::Flush {
            // A slow peer is no stalled one, here as before.
            let since = self.stalled_since.unwrap_or_else(|| *closing.since.get_or_insert_with(now));
            since.checked_add(self.connection.config().limits.write_timeout)
        } else {
            closing.since.get_or_insert_with(now).checked_add(LINGER_TIMEOUT)
        };
        self.timer.poll(deadline, cx)
    }

    /// What was queued before the end can't be written.
    fn give_up(&mut self, error: Option<Error>) {
        self.connection.abandon();
        if let Some(closing) = &mut self.closing {
            closing.error = closing.error.take().or(error);
        }
    }

    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(closing) = &mut self.closing else { return Poll::Ready(()) };
        poll_discard(&mut self.io, cx, &mut closing.discarded)
    }
}
