//! What a response is given.

use std::{
    collections::VecDeque,
    task::{Context, Waker},
    time::Duration,
};

use bowline_core::{
    event_stream::retry,
    session::{Carrier, events},
};
use bytes::Bytes;

use super::{By, Carried, Flow};
use crate::{
    metrics::Open,
    room::Next,
    session::{Link, Shared},
    signal::CARRIER,
    transport::append_gap,
};

/// What a response was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Something.
    Some,
    /// Nothing; whoever asked is woken once there is something.
    Nothing,
    /// Nothing, and nothing more comes on it: another carrier is attached.
    Superseded,
    /// Nothing, and nothing more comes on it.
    Over,
}

/// Direct records are given in pieces of so many bytes, and the rest of the last record.
const MAX_PIECE: usize = 64 << 10;

impl Shared {
    /// What comes next for this carrier goes to `out`.
    pub(crate) fn read(&self, carrier: &Carrier, out: &mut VecDeque<Bytes>, open: &Open, cx: &Context<'_>) -> Reading {
        let mut wire = self.wire();
        let has_writers = wire.has_writers();
        let Link::Carried(carried) = &mut wire.link else { return Reading::Over };
        if !carried.ends.is_current(carrier) {
            return Reading::Superseded;
        }
        if !carried.is_carried_by(carrier) {
            return Reading::Over;
        }
        let reading = carried.read(self, out, open, cx.waker());
        // Somebody may wait for what was sent to be on its way.
        let tells = has_writers && reading == Reading::Some || !carried.is_carried_by(carrier);
        drop(wire);
        if tells {
            self.signal.raise(CARRIER);
        }
        reading
    }
}

impl Carried {
    fn read(&mut self, shared: &Shared, out: &mut VecDeque<Bytes>, open: &Open, waker: &Waker) -> Reading {
        if self.append_records(out) {
            return Reading::Some;
        }
        while !self.unread.is_empty() {
            let mut is_disconnected = false;
            self.unread.serve(shared, |at, next| {
                match next {
                    Next::Encoded(bytes, count) => {
                        open.delivered(count, bytes.len());
                        out.push_back(bytes);
                    }
                    Next::Gap(gap) => {
                        let mut event = Vec::new();
                        if let Some(room) = shared.room_at(at) {
                            append_gap(&mut event, &room, gap);
                        }
                        out.push_back(event.into());
                    }
                    Next::Disconnect(_) => {
                        is_disconnected = true;
                        return Flow::Stop;
                    }
                    // Responses are given whole events.
                    Next::UpToDate | Next::Message(..) | Next::Presence(_) => {}
                }
                Flow::On
            });
            if is_disconnected {
                // The next carrier is told of the gap.
                self.detach();
                return if out.is_empty() { Reading::Over } else { Reading::Some };
            }
            if !out.is_empty() {
                return Reading::Some;
            }
        }
        if self.append_close(out) {
            return Reading::Some;
        }
        if self.closing.is_some() {
            return Reading::Over;
        }
        self.by = By::Response(Some(waker.clone()));
        Reading::Nothing
    }

    fn append_records(&mut self, out: &mut VecDeque<Bytes>) -> bool {
        let last = self.last_before_close();
        let mut piece = Vec::new();
        while self.given() < last
            && piece.len() < MAX_PIECE
            && let Some((number, sent)) = self.ends.poll_send(&mut self.carrier)
        {
            sent.append(number, &mut piece);
        }
        let is_some = !piece.is_empty();
        if is_some {
            out.push_back(piece.into());
        }
        is_some
    }

    fn append_close(&mut self, out: &mut VecDeque<Bytes>) -> bool {
        let Some(closing) = self.closing.as_mut().filter(|closing| !closing.is_given) else { return false };
        closing.is_given = true;
        let mut piece = Vec::new();
        // The server goes, and says when to come back.
        let wait = closing.frame.reason().strip_prefix("retry=").and_then(|wait| wait.parse().ok());
        if let Some(wait) = wait {
            retry(&mut piece, Duration::from_millis(wait));
        }
        let Some((number, sent)) = self.ends.poll_send(&mut self.carrier) else { return false };
        sent.append(number, &mut piece);
        out.push_back(piece.into());
        true
    }
}

/// Appends the event that ends a stream because another carrier is attached.
pub(crate) fn append_superseded(out: &mut Vec<u8>) {
    events::append_signal(out, &bowline_core::session::ServerSignal::Superseded);
}
