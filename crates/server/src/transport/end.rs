//! A session's end, however it was carried.

use bowline_core::{CloseFrame, connection::Ended};

use crate::{
    metrics::{Closed, Disconnect, Dropped, Limited},
    session::{Received, Shared, Wire},
    signal::HANDLER,
};

/// What the handler has received since it was last counted.
pub(super) fn count_received(shared: &Shared, wire: &mut Wire) {
    let Received { messages, bytes } = std::mem::take(&mut wire.received);
    if messages > 0 {
        let handles = &shared.hub.metrics().handles;
        handles.received.increment(messages);
        handles.received_bytes.increment(bytes);
    }
}

/// The session is over: nobody can be told anything any more. `why` is this end's reason, if it closed first.
pub(super) fn end(shared: &Shared, why: Option<Disconnect>) {
    shared.leave_all();
    let handles = &shared.hub.metrics().handles;
    let (unsent, bytes) = shared.outbox().close();
    handles.outbox_bytes.sub(bytes as u64);
    shared.dropped(Dropped::Ended, unsent);
    let is_new = shared.hub.forget(shared);
    let mut wire = shared.wire();
    count_received(shared, &mut wire);
    wire.let_go();
    if is_new {
        let closed_by = wire.ended.as_ref().map_or(Disconnect::Lost, |_| Disconnect::Peer);
        if wire.is_over_rate() {
            handles.rate_limited.of(Limited::Session).increment(1);
        }
        handles.disconnects.of(why.or(wire.failed).unwrap_or(closed_by)).increment(1);
        if !shared.resumes() {
            let frame = wire.ended.as_deref().and_then(Ended::frame);
            handles.closes.of(Closed::of(frame.map(CloseFrame::code))).increment(1);
        }
    }
    let receiver = wire.receiver.take();
    let is_handler = wire.wake_writers(&shared.handler_waker);
    drop(wire);
    if is_handler {
        shared.signal.raise(HANDLER);
    }
    if let Some(receiver) = receiver {
        receiver.wake();
    }
}
