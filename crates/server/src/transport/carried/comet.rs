//! A session by Comet: a response that goes on.

use std::{
    collections::VecDeque,
    task::{Context, Poll, ready},
};

use bowline_core::event_stream;
use bytes::Bytes;

use super::Sitting;
use crate::{
    session::{Reading, append_superseded},
    transport::clock::{Clock, Pace, Tick},
};

/// The body of such a response.
///
/// It is asked for more when the one before is on its way, and holds nothing that the ring and the rooms' logs don't.
pub(crate) struct Comet {
    /// `None` once it has come to its end.
    sitting: Option<Sitting>,
    /// What goes next.
    blocks: VecDeque<Bytes>,
    clock: Clock,
    /// How many bytes it may still have.
    left: usize,
}

impl Comet {
    /// `open` is the event that it begins with.
    pub(crate) fn new(sitting: Sitting, open: &[u8], pace: Pace, max_bytes: usize) -> Self {
        // At once, so that whoever buffers between here and the client is found out.
        let mut opening = Vec::with_capacity(open.len() + 16);
        event_stream::comment(&mut opening, "bowline");
        opening.extend_from_slice(open);
        let clock = Clock::new(pace.heartbeat, pace.max_age);
        Self { sitting: Some(sitting), blocks: VecDeque::from([opening.into()]), clock, left: max_bytes }
    }

    /// The next bytes; `None` at the end.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.blocks.pop_front() {
                if self.blocks.is_empty() {
                    self.blocks = VecDeque::new();
                }
                self.left = self.left.saturating_sub(bytes.len());
                return Poll::Ready(Some(bytes));
            }
            let Some(sitting) = &self.sitting else { return Poll::Ready(None) };
            // The time first: a session in which there is always something must end its responses, too.
            if self.left == 0 || self.clock.is_over() {
                self.sitting = None;
                continue;
            }
            match sitting.read(&mut self.blocks, cx.waker()) {
                Reading::Some => self.clock.wrote(),
                Reading::Nothing => match ready!(self.clock.poll(cx)) {
                    Tick::Comment => {
                        let mut comment = Vec::new();
                        event_stream::comment(&mut comment, "");
                        return Poll::Ready(Some(comment.into()));
                    }
                    Tick::End => self.sitting = None,
                },
                Reading::Superseded => {
                    self.sitting = None;
                    let mut event = Vec::new();
                    append_superseded(&mut event);
                    self.blocks.push_back(event.into());
                }
                Reading::Over => self.sitting = None,
            }
        }
    }
}

/// After so many bytes a stream ends, so that whatever gathers what it had does so for a while only.
pub(crate) const MAX_STREAM_BYTES: usize = 16 << 20;
