//! One timer for all that a connection waits for.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is set anew only when it fires or must fire earlier, so that traffic never touches it.
#[derive(Debug, Default)]
pub(super) struct Timer(Option<Pin<Box<Sleep>>>);

impl Timer {
    /// Ready once `deadline` has passed.
    pub(super) fn poll(&mut self, deadline: Option<std::time::Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = deadline.map(Instant::from_std) else { return Poll::Pending };
        let sleep = self.0.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// Forgets the timer.
    pub(super) fn stop(&mut self) {
        self.0 = None;
    }
}
