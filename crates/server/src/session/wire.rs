//! A session's connection, and what its handler receives from it.

use std::{task::Waker, time::Instant};

use bowline_core::{CloseCode, CloseFrame, Error, Message, connection::Ended, stream::WebSocket};

use crate::{
    http::{Bucket, RateLimit},
    io::Io,
    metrics::Disconnect,
};

/// The connection. Only its own task and the handler, which runs inside that, lock it as a rule.
// In this order, for the same reason as in `Shared`.
#[repr(C)]
pub(crate) struct Wire {
    /// Whether `receiver` waits for a message.
    pub(crate) is_receiving: bool,
    /// `None` once it has ended.
    pub(crate) ws: Option<WebSocket<Io>>,
    /// Who waits for a message, or did.
    pub(crate) receiver: Option<Waker>,
    /// Who waits for room to send.
    pub(crate) sender: Option<Waker>,
    /// What the handler has received, for the task to count.
    pub(crate) received: Received,
    /// How much it may send. Boxed, because most hubs bound nothing.
    rate: Option<Box<Rate>>,
    /// Why it failed, if it did.
    pub(crate) failed: Option<Disconnect>,
    pub(crate) ended: Option<Ended>,
}

/// What a session may send, and whether it has sent more.
struct Rate {
    bucket: Bucket,
    is_over: bool,
}

impl Rate {
    /// Whether a message may be received; the first that may not closes the WebSocket, and takes those behind it along.
    fn admits(&mut self, len: u64, ws: &mut WebSocket<Io>) -> bool {
        if !self.is_over && !self.bucket.take(1, len, Instant::now()) {
            self.is_over = true;
            ws.start_close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "rate limit"));
        }
        !self.is_over
    }
}

/// Messages and their payload.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Wire {
    pub(super) fn new(ws: WebSocket<Io>, rate: Option<RateLimit>) -> Self {
        let rate = rate.map(|limit| Box::new(Rate { bucket: limit.bucket(Instant::now()), is_over: false }));
        Self {
            ws: Some(ws),
            ended: None,
            received: Received::default(),
            failed: None,
            rate,
            receiver: None,
            is_receiving: false,
            sender: None,
        }
    }
    /// Whether it was closed because it sent too much.
    pub(crate) fn is_over_rate(&self) -> bool {
        self.rate.as_ref().is_some_and(|rate| rate.is_over)
    }

    /// What the handler receives next, if it is there.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Result<Option<Message>, Error>> {
        let Some(ws) = &mut self.ws else { return Some(Ok(None)) };
        let mut taken = ws.try_recv();
        while let Some(Ok(Some(message))) = &taken {
            let len = message.len() as u64;
            if self.rate.as_mut().is_none_or(|rate| rate.admits(len, ws)) {
                self.received.messages += 1;
                self.received.bytes += len;
                break;
            }
            taken = ws.try_recv();
        }
        if let Some(Ok(None) | Err(_)) = &taken {
            self.ended = ws.ended().cloned();
            self.ws = None;
            let error = taken.as_ref().and_then(|taken| taken.as_ref().err());
            self.failed = if self.is_over_rate() { Some(Disconnect::Limit) } else { error.map(Disconnect::of) };
        }
        taken
    }
}
