//! How the session ends, and what is left to be done for what has ended.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::Context,
    time::{Duration, Instant},
};

use bowline_core::{CloseCode, CloseFrame, session::Secret};
use http::HeaderMap;
use tokio::time::{Sleep, sleep_until};

use super::Driver;
use crate::{
    Transport,
    carrier::{Carrier, End, Means, delete},
    event::Closed,
    policy::{AttemptId, FailureKind},
};

/// Carriers that are being closed, and sessions that are being ended, at most so many; past it the oldest is dropped, which
/// closes it less politely.
const MAX_LEFTOVERS: usize = 16;

/// Carriers that are being closed, and sessions that are being ended.
#[derive(Default)]
pub(super) struct Leftovers {
    carriers: Vec<(Carrier, Pin<Box<Sleep>>)>,
    requests: Vec<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Leftovers {
    /// Closes a carrier, at the latest `by` then.
    pub(super) fn close(&mut self, carrier: Carrier, by: Instant) {
        if self.carriers.len() == MAX_LEFTOVERS {
            drop(self.carriers.remove(0));
        }
        self.carriers.push((carrier, Box::pin(sleep_until(by.into()))));
    }

    /// Ends a session by a request.
    pub(super) fn delete(&mut self, means: &Means, transport: Transport, secret: Secret, headers: HeaderMap) {
        if self.requests.len() == MAX_LEFTOVERS {
            drop(self.requests.remove(0));
        }
        let (http, config) = (means.http.clone(), Arc::clone(&means.config));
        self.requests.push(Box::pin(async move {
            // Where it doesn't arrive, the session ends by its time to live.
            let _ = delete(http, &config, transport, secret, headers).await;
        }));
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        self.carriers
            .retain_mut(|(carrier, by)| carrier.poll_close(cx).is_pending() && by.as_mut().poll(cx).is_pending());
        self.requests.retain_mut(|request| request.as_mut().poll(cx).is_pending());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.carriers.is_empty() && self.requests.is_empty()
    }
}

/// Close codes by which a server ends a session because it goes, and not because it is done with the client.
fn is_for_now(code: CloseCode) -> bool {
    [CloseCode::GOING_AWAY, CloseCode::SERVICE_RESTART, CloseCode::TRY_AGAIN_LATER].contains(&code)
}

impl Driver {
    /// Goes on with the end that the application asked for. Whether there was something to do.
    pub(super) fn poll_closing(&mut self) -> bool {
        if self.over || !self.queue.is_closing() {
            return false;
        }
        let by = *self.close_by.get_or_insert(self.now + self.means.config.close_timeout);
        let frame = self.queue.closing();
        if frame.is_some() && self.session.secret().is_none() && !self.session.has_unacked() {
            // Nothing was ever begun that could be ended.
            self.finish(Closed::ByClient { clean: true });
            return true;
        }
        if self.now >= by {
            self.say_goodbye();
            self.finish(Closed::ByClient { clean: false });
            return true;
        }
        match frame {
            Some(frame) if !self.session.is_closing() && self.carrying.is_some() => {
                self.session.close(frame);
                true
            }
            _ => false,
        }
    }

    /// Ends the session at the server by a request, whatever carries it.
    pub(super) fn say_goodbye(&mut self) {
        let carried = self.carrier().map(|slot| (slot.transport, slot.carrier.headers()));
        let (transport, headers) =
            carried.unwrap_or_else(|| (Transport::LongPolling, self.means.config.headers.clone()));
        if let Some(secret) = self.session.secret().copied()
            && self.means.config.policy.transports.iter().any(|transport| transport.is_http())
        {
            self.leftovers.delete(&self.means, transport, secret, headers);
        }
    }

    /// The server ended the session by its last record.
    pub(super) fn closed_by_server(&mut self, id: AttemptId, frame: CloseFrame) {
        if self.carrier().is_some_and(|slot| slot.transport.is_http()) {
            // The server keeps its last record until it is acknowledged; or until it is told that nobody wants it.
            self.say_goodbye();
        }
        if self.queue.is_closing() {
            // Where its own end was not yet on its way, messages still waited to be taken.
            self.finish(Closed::ByClient { clean: self.session.is_closing() });
        } else if is_for_now(frame.code()) {
            let end = End::new(FailureKind::Gone, format!("the server ended the session: {frame}"));
            // Where it says when to come back, it is for all of its clients.
            let floor = crate::carrier::retry_in(frame.reason().as_str()).unwrap_or(Duration::ZERO);
            self.ended(id, End { code: Some(frame.code()), ..end }.floor(Some(floor)));
        } else {
            self.finish(Closed::ByServer(frame));
        }
    }
}
