//! One timer for all that a connection waits for.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use tokio::{
    task::unconstrained,
    time::{Instant, Sleep, sleep_until},
};

/// A timer that is set anew only when it fires, must fire earlier, or another task waits, so that traffic hardly
/// touches it.
#[derive(Debug, Default)]
pub(super) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
    /// Who is woken when it fires.
    waker: Option<Waker>,
}

impl Timer {
    /// Ready once `deadline` has passed.
    #[inline]
    pub(super) fn poll(&mut self, deadline: Option<std::time::Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = deadline.map(Instant::from_std) else { return Poll::Pending };
        if let (Some(sleep), Some(waker)) = (&self.sleep, &self.waker)
            && sleep.deadline() <= deadline
            && waker.will_wake(cx.waker())
            && !sleep.is_elapsed()
        {
            return Poll::Pending;
        }
        self.arm(deadline, cx)
    }

    fn arm(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if sleep.deadline() > deadline {
            sleep.as_mut().reset(deadline);
        }
        self.waker = Some(cx.waker().clone());
        // Outside of the task's budget: once that is used up, a timer says `Pending` without having been set.
        while pin!(unconstrained(sleep.as_mut())).poll(cx).is_ready() {
            if sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(deadline);
        }
        Poll::Pending
    }

    /// Forgets the timer.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, time::Duration};

    use tokio::{
        task::{
            coop::{consume_budget, has_budget_remaining},
            yield_now,
        },
        time::advance,
    };

    use super::*;

    async fn is_due(timer: &mut Timer, deadline: Option<std::time::Instant>) -> bool {
        poll_fn(|cx| Poll::Ready(timer.poll(deadline, cx).is_ready())).await
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_to_wait_for_makes_no_timer() {
        let mut timer = Timer::default();
        assert!(!is_due(&mut timer, None).await);
        assert!(timer.sleep.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_later_deadline_leaves_the_timer_alone_and_an_earlier_one_moves_it() {
        let mut timer = Timer::default();
        let start = Instant::now();
        let at = |seconds| Some((start + Duration::from_secs(seconds)).into_std());
        let set = |timer: &Timer| timer.sleep.as_ref().map(|sleep| (sleep.deadline() - start).as_secs());
        for (deadline, expected) in [(10, 10), (20, 10), (5, 5), (7, 5)] {
            assert!(!is_due(&mut timer, at(deadline)).await);
            assert_eq!(set(&timer), Some(expected), "after asking for {deadline} s");
        }
        advance(Duration::from_secs(6)).await;
        assert!(!is_due(&mut timer, at(7)).await, "it fired for a deadline that was moved");
        assert_eq!(set(&timer), Some(7));
        advance(Duration::from_secs(2)).await;
        assert!(is_due(&mut timer, at(7)).await);
    }

    /// A task that has used up its budget gets `Pending` from every part of tokio, a timer that isn't set yet included.
    #[tokio::test(start_paused = true)]
    async fn a_timer_first_asked_by_a_tired_task_still_fires() {
        let mut timer = Timer::default();
        let deadline = Some((Instant::now() + Duration::from_secs(5)).into_std());
        poll_fn(|cx| {
            while has_budget_remaining() {
                let _ = pin!(consume_budget()).poll(cx);
            }
            Poll::Ready(timer.poll(deadline, cx).is_ready())
        })
        .await;
        yield_now().await;
        let fires = poll_fn(|cx| timer.poll(deadline, cx));
        assert!(tokio::time::timeout(Duration::from_secs(60), fires).await.is_ok());
    }
}
