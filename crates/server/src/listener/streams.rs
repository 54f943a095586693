//! The streams of an HTTP/2 connection, each in a task of its own, with an eye on those whose peer takes nothing: a peer that
//! answers pings and leaves one stream's window closed would else hold that answer for ever, though no write on the socket
//! waits.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use tokio::time::{Sleep, sleep};

tokio::task_local! {
    /// How far the answer of the stream is whose task runs.
    static GIVEN: Cell<Given>;
}

/// What an answer's body has given.
#[derive(Clone, Copy, Debug, Default)]
struct Given {
    /// Pieces of it.
    count: u64,
    /// The last one waits for the stream's window: nothing has been asked for since.
    waits: bool,
}

/// Whether this is the task of a stream, which is told that the next piece of its answer is asked for.
pub(super) fn asks() -> bool {
    GIVEN.try_with(|given| given.set(Given { waits: false, ..given.get() })).is_ok()
}

/// Tells the stream's task that a piece was given.
pub(super) fn gives() {
    let more = |given: Given| Given { count: given.count.wrapping_add(1), waits: true };
    // Elsewhere nobody wants to know.
    let _ = GIVEN.try_with(|given| given.set(more(given.get())));
}

/// Runs streams.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    pub(super) write_timeout: Duration,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let timeout = self.write_timeout;
        tokio::spawn(async move {
            let mut stream = pin!(stream);
            let (mut given, mut stalled) = (Given::default(), None);
            poll_fn(|cx| {
                let before = given;
                let polled;
                (polled, given) = GIVEN.sync_scope(Cell::new(given), || {
                    let polled = stream.as_mut().poll(cx);
                    (polled, GIVEN.get().get())
                });
                if polled.is_ready() {
                    return Poll::Ready(());
                }
                if !given.waits || given.count != before.count {
                    stalled = None;
                }
                if given.waits { poll_stalled(&mut stalled, timeout, cx) } else { Poll::Pending }
            })
            .await;
        });
    }
}

/// Ready once it was asked for so long. The stream is dropped then, and so reset.
fn poll_stalled(stalled: &mut Option<Pin<Box<Sleep>>>, timeout: Duration, cx: &mut Context<'_>) -> Poll<()> {
    let is_over = stalled.get_or_insert_with(|| Box::pin(sleep(timeout))).as_mut().poll(cx);
    if is_over.is_ready() {
        tracing::debug!("a stream of HTTP/2 was reset: its peer took nothing of the answer");
    }
    is_over
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::{Instant, sleep_until};

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);
    const MS: Duration = Duration::from_millis(1);

    /// When the task of such a stream has ended.
    async fn ended<F: Future<Output = ()> + Send + 'static>(stream: F) -> Duration {
        let begun = Instant::now();
        let (alive, gone) = tokio::sync::oneshot::channel::<()>();
        Streams { write_timeout: TIMEOUT }.execute(async move {
            let _alive = alive;
            stream.await;
        });
        let _ = gone.await;
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_whose_peer_takes_nothing_is_dropped() {
        let took = ended(async {
            // What it does before it answers is not the peer's fault.
            sleep(5 * TIMEOUT).await;
            assert!(asks());
            gives();
            pending::<()>().await;
        });
        let took = took.await;
        assert!((6 * TIMEOUT..6 * TIMEOUT + 5 * MS).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn each_piece_that_is_taken_begins_the_time_anew() {
        let took = ended(async {
            let begun = Instant::now();
            for piece in 1..=5 {
                asks();
                gives();
                sleep_until(begun + piece * (TIMEOUT - 10 * MS)).await;
            }
            asks();
            // It has nothing to give.
            sleep(5 * TIMEOUT).await;
            gives();
            pending::<()>().await;
        });
        let expected = 5 * (TIMEOUT - 10 * MS) + 6 * TIMEOUT;
        let took = took.await;
        assert!((expected..expected + 5 * MS).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_answer_has_all_time() {
        assert_eq!(ended(sleep(100 * TIMEOUT)).await, 100 * TIMEOUT);
        assert!(!asks(), "this is no stream");
        gives();
    }
}
