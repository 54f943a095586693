//! A room as an event stream: a response that goes on.

use std::{
    future::Future as _,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bowline_core::event_stream;
use bytes::Bytes;
use tokio::sync::futures::OwnedNotified;

use super::{
    clock::{Clock, Pace, Tick},
    events::{append_gap, position_field},
};
use crate::{
    hub::Hub,
    metrics::{Open, Transport},
    room::{Read, Reader, Room},
};

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
    retry: Duration,
    clock: Clock,
    open: Open,
}

impl EventStream {
    /// `tells_place` says where the reader stands before the first event, for clients that don't know.
    pub(crate) fn new(reader: Reader, tells_place: bool, pace: Pace, hub: &Hub) -> Self {
        let stopping = Box::pin(hub.stopping().begins());
        // What began before is not told any more.
        let max_age = if hub.is_ready() { pace.max_age } else { Duration::ZERO };
        // At once, so that whoever buffers between here and the client is found out.
        let mut opening = Vec::new();
        event_stream::comment(&mut opening, "bowline");
        if tells_place {
            position_field(reader.position(), |id| event_stream::id(&mut opening, id));
        }
        let clock = Clock::new(pace.heartbeat, max_age);
        let (hub, open) = (hub.clone(), Open::new(hub.metrics(), Transport::EventStream));
        Self { reader: Some(reader), hub, stopping, opening: Some(opening.into()), retry: pace.retry, clock, open }
    }

    /// The next bytes; `None` at the end.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(opening) = self.opening.take() {
            return Poll::Ready(Some(opening));
        }
        let Some(reader) = &mut self.reader else { return Poll::Ready(None) };
        // The time first: a room in which there is always something must end its responses, too.
        if self.clock.is_over() || self.stopping.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(self.end(Vec::new())));
        }
        if let Poll::Ready(read) = reader.poll_read(cx) {
            self.clock.wrote();
            let room = reader.room().clone();
            return Poll::Ready(Some(self.on_read(&room, read)));
        }
        match ready!(self.clock.poll(cx)) {
            Tick::End => Poll::Ready(Some(self.end(Vec::new()))),
            Tick::Comment => {
                let mut beat = Vec::new();
                event_stream::comment(&mut beat, "");
                Poll::Ready(Some(beat.into()))
            }
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
        event_stream::retry(&mut out, self.hub.stopping().reconnect_after().unwrap_or(self.retry));
        out.into()
    }
}
