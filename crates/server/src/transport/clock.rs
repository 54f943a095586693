//! When a stream has a comment, and when it ends.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

/// How an event stream goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// A comment after so long without anything else.
    pub(crate) heartbeat: Duration,
    /// The end, after which the client comes back by itself.
    pub(crate) max_age: Duration,
    /// How long the client of a room is told to wait before that.
    pub(crate) retry: Duration,
}

/// What is due in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tick {
    Comment,
    End,
}

/// The time of one stream.
pub(super) struct Clock {
    heartbeat: Duration,
    /// When the next comment is due, if nothing else comes.
    beats_at: Instant,
    ends_at: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Clock {
    pub(super) fn new(heartbeat: Duration, max_age: Duration) -> Self {
        let now = Instant::now();
        let (beats_at, ends_at) = (now + heartbeat, now + max_age);
        Self { heartbeat, beats_at, ends_at, timer: Box::pin(sleep_until(beats_at.min(ends_at))) }
    }

    /// Whether the stream is old enough to end.
    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.ends_at
    }

    /// Something was written.
    pub(super) fn wrote(&mut self) {
        self.beats_at = Instant::now() + self.heartbeat;
    }

    /// What is due, once something is.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Tick> {
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            if now >= self.ends_at {
                return Poll::Ready(Tick::End);
            }
            let is_due = now >= self.beats_at;
            if is_due {
                self.beats_at = now + self.heartbeat;
            }
            // The timer isn't set anew for each event, only when it is over.
            self.timer.as_mut().reset(self.beats_at.min(self.ends_at));
            if is_due {
                return Poll::Ready(Tick::Comment);
            }
        }
    }
}
