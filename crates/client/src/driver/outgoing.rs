//! What is sent: by the WebSocket that carries, or by requests beside the one that carries.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use bowline_core::session::{Cursor, events};
use bytes::Bytes;
use http::Method;

use super::Driver;
use crate::{
    Transport,
    carrier::{End, Posted, post},
    event::Closed,
    net::Request,
    policy::FailureKind,
};

/// The most records of one request (PROTOCOL.md §9).
const MAX_RECORDS: usize = 256;

/// Requests in a row that may fail before the carrier is taken for broken.
const MAX_FAILURES: u32 = 3;

/// The first and the longest wait before records that the server didn't take are sent again.
const SLOW: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Requests that send records, one at a time.
pub(super) struct Outgoing {
    under_way: Option<UnderWay>,
    /// The most records that the server has not found too many.
    most_records: usize,
    /// The most records and bytes of the next.
    max_records: usize,
    max_bytes: usize,
    /// Nothing is sent before.
    not_before: Option<Instant>,
    failures: u32,
    slow: Duration,
}

struct UnderWay {
    posting: Pin<Box<dyn Future<Output = Posted> + Send>>,
    /// The number of the last record in it.
    last: u64,
    records: usize,
    cursor: Cursor,
}

impl Outgoing {
    pub(super) const fn new(max_bytes: usize) -> Self {
        Self {
            under_way: None,
            most_records: MAX_RECORDS,
            max_records: MAX_RECORDS,
            max_bytes,
            not_before: None,
            failures: 0,
            slow: SLOW.0,
        }
    }

    /// Drops the request that is under way.
    pub(super) fn stop(&mut self) {
        self.under_way = None;
        self.not_before = None;
        self.failures = 0;
        self.slow = SLOW.0;
    }

    pub(super) const fn poll_timeout(&self) -> Option<Instant> {
        if self.under_way.is_some() { None } else { self.not_before }
    }

    fn wait(&mut self, wait: Duration, now: Instant) {
        // A server that says "in a thousand years" is waited for as long as the clock can tell.
        self.not_before = now.checked_add(wait).or_else(|| now.checked_add(Duration::from_hours(24 * 365)));
    }
}

impl Driver {
    /// Sends what there is to send. Whether something was done.
    pub(super) fn poll_outgoing(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(id) = self.carrying else { return false };
        let Some(place) = self.slots.iter().position(|slot| slot.id == id) else { return false };
        let transport = self.slots[place].transport;
        if transport == Transport::WebSocket {
            return self.slots[place].carrier.poll_send(cx, &mut self.session);
        }
        let began = self.begin_post(transport, place);
        let Some(under_way) = &mut self.outgoing.under_way else { return began };
        let Poll::Ready(posted) = under_way.posting.as_mut().poll(cx) else { return began };
        if let Some(under_way) = self.outgoing.under_way.take() {
            self.posted(posted, &under_way);
        }
        true
    }

    fn begin_post(&mut self, transport: Transport, place: usize) -> bool {
        let now = self.now;
        let acks = transport == Transport::Comet;
        let has_ack = acks && self.session.ack_due().is_some_and(|at| at <= now);
        let out = &mut self.outgoing;
        if out.under_way.is_some()
            || out.not_before.is_some_and(|at| at > now)
            || !self.session.has_unacked() && !has_ack
        {
            return false;
        }
        let Some(secret) = self.session.secret().copied() else { return false };
        out.not_before = None;
        let (mut body, mut records, max_bytes) = (Vec::new(), 0, out.max_bytes);
        let last = self.session.batch(out.max_records, |number, record| {
            let before = body.len();
            events::append_record(&mut body, number, record);
            let fits = body.len() <= max_bytes || before == 0;
            if fits {
                records += 1;
            } else {
                body.truncate(before);
            }
            fits
        });
        let cursor = self.session.cursor();
        let request = Request {
            method: Method::POST,
            wait: None,
            session: Some(secret),
            cursor: Some(cursor.clone()),
            headers: self.slots[place].carrier.headers(),
            body: Bytes::from(body),
        };
        let (http, config) = (self.means.http.clone(), Arc::clone(&self.means.config));
        let posting = Box::pin(async move { post(http, &config, transport, request).await });
        out.under_way = Some(UnderWay { posting, last, records, cursor });
        true
    }

    fn posted(&mut self, posted: Posted, request: &UnderWay) {
        match posted {
            Posted::Acked(number) => {
                self.session.confirmed(&request.cursor);
                self.outgoing.failures = 0;
                self.outgoing.max_records = (self.outgoing.max_records * 2).min(self.outgoing.most_records);
                if let Err(broken) = self.session.acked(number) {
                    self.say_goodbye();
                    self.lost(broken.why());
                    return;
                }
                // It took fewer: the application there is slow.
                let slow = if number < request.last { self.outgoing.slow } else { Duration::ZERO };
                if slow.is_zero() {
                    self.outgoing.slow = SLOW.0;
                } else {
                    self.outgoing.wait(slow, self.now);
                    self.outgoing.slow = (slow * 2).min(SLOW.1);
                }
                self.hurry();
            }
            Posted::Later(hint) => {
                self.outgoing.failures += 1;
                // Through a path that breaks, less comes through where much doesn't.
                self.outgoing.max_records = (request.records / 2).max(1);
                if self.outgoing.failures == MAX_FAILURES {
                    let mut end = End::new(FailureKind::Broken, "the server doesn't take what is sent");
                    end.failure.floor = hint;
                    self.fail_carrier(end);
                } else {
                    let wait = Duration::from_millis(500) * self.outgoing.failures;
                    self.outgoing.wait(wait.max(hint.unwrap_or_default()), self.now);
                }
            }
            Posted::TooLarge if request.records > 1 => {
                self.outgoing.most_records = (request.records / 2).max(1);
                self.outgoing.max_records = self.outgoing.most_records;
            }
            Posted::TooLarge => self.finish(Closed::TooLarge),
            Posted::Ended(end) if end.failure.kind == FailureKind::Gone => self.lost(end.reason),
            Posted::Ended(end) => self.fail_carrier(end),
        }
    }

    fn fail_carrier(&mut self, end: End) {
        if let Some(id) = self.carrying {
            self.ended(id, end);
        }
    }

    /// An answer may be waiting.
    fn hurry(&mut self) {
        let carrying = self.carrying;
        if let Some(slot) = self.slots.iter_mut().find(|slot| Some(slot.id) == carrying) {
            slot.carrier.hurry();
        }
    }
}
