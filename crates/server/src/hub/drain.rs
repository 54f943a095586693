//! Stopping without a storm: sessions are closed over a while, and each client is told when to come back.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bowline_core::{CloseCode, CloseFrame};
use rand::seq::SliceRandom;
use tokio::{
    sync::{Notify, futures::OwnedNotified},
    time::{Instant, sleep_until, timeout_at},
};

use super::Hub;
use crate::session::Shared;

/// How a hub is drained. Setters take and return `self`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drain {
    window: Duration,
    deadline: Duration,
    reconnect_within: Duration,
    code: CloseCode,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(10),
            deadline: Duration::from_secs(30),
            reconnect_within: Duration::from_secs(10),
            code: CloseCode::SERVICE_RESTART,
        }
    }
}

impl Drain {
    /// The time over which the closes are spread, though at least twenty a second go. Default 10 s.
    #[must_use]
    pub const fn window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// When the last connections are dropped, from the beginning. Default 30 s; `Duration::MAX` waits for all. It bounds the whole; connections that
    /// are dropped by it may lose what had not been written.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Each client is asked to wait a random time up to this before it reconnects, in the reason of its Close:
    /// `retry=<milliseconds>`. Default 10 s. Sessions that nothing carries (`bowline.v1`) can't be told: those that are without a
    /// carrier 3 s after that time, from the last close on, are dropped, since whoever means to come back has tried by then.
    #[must_use]
    pub const fn reconnect_within(mut self, within: Duration) -> Self {
        self.reconnect_within = within;
        self
    }

    /// The close code. Default 1012 (service restart); 1001 (going away) for a server that will not come back.
    #[must_use]
    pub const fn code(mut self, code: CloseCode) -> Self {
        self.code = code;
        self
    }

    fn frame(&self) -> CloseFrame {
        CloseFrame::new(self.code, format!("retry={}", up_to(self.reconnect_within).as_millis()))
    }
}

/// A random time, so that clients don't all come back at once.
fn up_to(most: Duration) -> Duration {
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(rand::random_range(0..=most))
}

/// Whether the hub drains, and how those learn of it that have no session: event streams and long polls.
#[derive(Debug, Default)]
pub(crate) struct Stopping {
    /// How, once it has begun.
    drain: OnceLock<Drain>,
    told: Arc<Notify>,
}

impl Stopping {
    fn begin(&self, drain: Drain) {
        let _ = self.drain.set(drain);
        self.told.notify_waiters();
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.drain.get().is_some()
    }

    /// Ready once it begins after this call. Whoever calls it asks [`has_begun`](Self::has_begun) afterwards.
    pub(crate) fn begins(&self) -> OwnedNotified {
        Arc::clone(&self.told).notified_owned()
    }

    /// What a session is closed with that was let in as it began.
    pub(super) fn frame(&self) -> Option<CloseFrame> {
        self.drain.get().map(Drain::frame)
    }

    /// After how long one client is to come back: another time for each.
    pub(crate) fn reconnect_after(&self) -> Option<Duration> {
        self.drain.get().map(|drain| up_to(drain.reconnect_within))
    }
}

/// After the time in which clients come back, so long until sessions that nothing carries are dropped.
const AWAY_GRACE: Duration = Duration::from_secs(3);

const FAR: Duration = Duration::from_secs(30 * 365 * 86_400);

/// How often sessions are closed meanwhile: a batch each.
const STEP: Duration = Duration::from_millis(50);

impl Hub {
    /// Takes no more sessions ([`is_ready`](Self::is_ready) is false from here on), closes those that there are, in random
    /// order over the drain's window, and waits for their ends. What was sent and published to a session before is
    /// written before its Close. Those that nothing carries are dropped [a while after](Drain::reconnect_within), and past the
    /// deadline the rest; how many those were.
    ///
    /// # Cancel safety
    /// Dropped midway, no more sessions are closed; call it again to go on.
    pub async fn drain(&self, drain: Drain) -> usize {
        self.stopping().begin(drain);
        let start = Instant::now();
        // What is too far away to be told is as good as never.
        let deadline = start.checked_add(drain.deadline).unwrap_or(start + FAR);
        let mut sessions = self.sessions().all();
        sessions.shuffle(&mut rand::rng());
        let steps = (drain.window.as_millis() / STEP.as_millis()).clamp(1, 1 << 20);
        let steps = usize::try_from(steps).unwrap_or(1);
        // A few don't take the whole window: one goes each step.
        let steps = steps.min(sessions.len());
        for step in 0..steps {
            for session in &sessions[sessions.len() * step / steps..sessions.len() * (step + 1) / steps] {
                session.close(drain.frame());
            }
            let passed = STEP * u32::try_from(step + 1).unwrap_or(u32::MAX);
            sleep_until(deadline.min(start + passed)).await;
        }
        drop(sessions);
        let back = Instant::now().checked_add(drain.reconnect_within.saturating_add(AWAY_GRACE));
        let mut dropped = 0;
        if let Some(back) = back.filter(|back| *back < deadline) {
            if timeout_at(back, self.sessions().ended()).await.is_ok() {
                return 0;
            }
            dropped = self.abort_sessions(Shared::is_away);
        }
        if timeout_at(deadline, self.sessions().ended()).await.is_err() {
            dropped += self.abort_sessions(|_| true);
            self.sessions().ended().await;
        }
        dropped
    }

    /// Drops these sessions; how many those were.
    fn abort_sessions(&self, which: impl Fn(&Shared) -> bool) -> usize {
        let aborted = self.sessions().all().into_iter().filter(|session| which(session));
        aborted.map(|session| session.abort()).count()
    }
}
