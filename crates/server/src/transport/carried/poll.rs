//! A session by long polling and by polling.

use std::{
    collections::VecDeque,
    future::{Future as _, poll_fn},
    pin::pin,
    task::{Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::sleep;

use super::Sitting;
use crate::session::Reading;

/// Where an answer ends that has more to come: in bytes, past which the block that it is in is the last.
const MAX_ANSWER: usize = 256 << 10;

/// What a poll is answered with.
#[derive(Debug)]
pub(crate) enum Polled {
    /// Whole events.
    Events(VecDeque<Bytes>),
    /// Nothing came in time.
    Nothing,
    /// Another carrier was attached before there was something.
    Superseded,
}

/// Waits for something to read, at most so long, and takes what is there: at most some 320 KiB, the rest is for the
/// next poll. An answer that is lost loses nothing: the client asks again with the same cursor.
///
/// # Cancel safety
/// Dropping it leaves the session without a carrier, if no other was attached.
pub(crate) async fn poll(sitting: Sitting, wait: Duration) -> Polled {
    let mut events = VecDeque::new();
    let mut time = pin!((!wait.is_zero()).then(|| sleep(wait)));
    let first = poll_fn(|cx| match sitting.read(&mut events, cx.waker()) {
        Reading::Nothing => match time.as_mut().as_pin_mut() {
            Some(time) => time.poll(cx).map(|()| Reading::Nothing),
            None => Poll::Ready(Reading::Nothing),
        },
        reading => Poll::Ready(reading),
    })
    .await;
    match first {
        Reading::Some => {}
        Reading::Superseded => return Polled::Superseded,
        Reading::Nothing | Reading::Over => return Polled::Nothing,
    }
    while events.iter().map(Bytes::len).sum::<usize>() < MAX_ANSWER
        && sitting.read(&mut events, Waker::noop()) == Reading::Some
    {}
    Polled::Events(events)
}
