//! A room as an event stream: a response that goes on.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bowline_core::event_stream;
use bytes::Bytes;
use tokio::{
    sync::futures::OwnedNotified,
    time::{Instant, Sleep, sleep_until},
};

use super::events::{append_gap, position_field};
use crate::{
    hub::Hub,
    metrics::{Open, Transport},
    room::{Read, Reader, Room},
};

/// How an event stream goes on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// A comment after so long without anything else.
    pub(crate) heartbeat: Duration,
    /// The end, after which the client comes back by itself.
    pub(crate) max_age: Duration,
    /// How long the client is told to wait before that.
    pub(crate) retry: Duration,
}

/// A member of a room that is written what it reads: the body of a response.
///
/// It is asked for more when the one before is on its way, and holds nothing itself: a client that takes nothing falls
/// behind in the room's log, as any member, and is told so by one event `gap`.
pub(crate) struct EventStream {
    /// `None` once it has left.
    reader: Option<Reader>,
    hub: Hub,
    /// Ready once the hub drains.
    stopping: Pin<Box<OwnedNotified>>,
    /// What goes first.
    opening: Option<Bytes>,
    pace: Pace,
    /// When the next comment is due, if nothing else comes.
    beats_at: Instant,
    ends_at: Instant,
    timer: Pin<Box<Sleep>>,
    open: Open,
}

impl EventStream {
    /// `tells_place` says where the reader stands before the first event, for clients that don't know.
    pub(crate) fn new(reader: Reader, tells_place: bool, pace: Pace, hub: &Hub) -> Self {
        let now = Instant::now();
        let stopping = Box::pin(hub.stopping().begins());
        // What began before is not told any more.
        let max_age = if hub.is_ready() { pace.max_age } else { Duration::ZERO };
        let (beats_at, ends_at) = (now + pace.heartbeat, now + max_age);
        // At once, so that whoever buffers between here and the client is found out.
        let mut opening = Vec::new();
        event_stream::comment(&mut opening, "bowline");
        if tells_place {
            position_field(reader.position(), |id| event_stream::id(&mut opening, id));
        }
        let timer = Box::pin(sleep_until(beats_at.min(ends_at)));
        let (hub, open) = (hub.clone(), Open::new(hub.metrics(), Transport::EventStream));
        Self {
            reader: Some(reader),
            hub,
            stopping,
            opening: Some(opening.into()),
            pace,
            beats_at,
            ends_at,
            timer,
            open,
        }
    }

    /// The next bytes; `None` at the end.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(opening) = self.opening.take() {
            return Poll::Ready(Some(opening));
        }
        let Some(reader) = &mut self.reader else { return Poll::Ready(None) };
        // The time first: a room in which there is always something must end its responses, too.
        let now = Instant::now();
        if now >= self.ends_at || self.stopping.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(self.end(Vec::new())));
        }
        if let Poll::Ready(read) = reader.poll_read(cx) {
            self.beats_at = now + self.pace.heartbeat;
            let room = reader.room().clone();
            return Poll::Ready(Some(self.on_read(&room, read)));
        }
        loop {
            std::task::ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            if now >= self.ends_at {
                return Poll::Ready(Some(self.end(Vec::new())));
            }
            if now >= self.beats_at {
                self.beats_at = now + self.pace.heartbeat;
                self.timer.as_mut().reset(self.beats_at.min(self.ends_at));
                let mut beat = Vec::new();
                event_stream::comment(&mut beat, "");
                return Poll::Ready(Some(beat.into()));
            }
            // The timer isn't set anew for each event, only when it is over.
            self.timer.as_mut().reset(self.beats_at.min(self.ends_at));
        }
    }

    fn on_read(&mut self, room: &Room, read: Read) -> Bytes {
        match read {
            Read::Encoded { bytes, count } => {
                self.open.delivered(count, bytes.len());
                bytes
            }
            Read::Gap(gap) => {
                let mut out = Vec::new();
                append_gap(&mut out, room, gap);
                out.into()
            }
            Read::Disconnect(gap) => {
                let mut out = Vec::new();
                append_gap(&mut out, room, gap);
                self.end(out)
            }
        }
    }

    /// Leaves the room; the last thing that the client hears is when to come back.
    fn end(&mut self, mut out: Vec<u8>) -> Bytes {
        self.reader = None;
        event_stream::retry(&mut out, self.hub.stopping().reconnect_after().unwrap_or(self.pace.retry));
        out.into()
    }
}
