//! A session's connection, and what its handler receives from it.

use std::{collections::VecDeque, task::Waker, time::Instant};

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
    /// Who waits for room to send, or for all to be written.
    writers: Vec<Writer>,
    /// What the handler has received, for the task to count.
    pub(crate) received: Received,
    /// How much it may send. Boxed, because most hubs bound nothing.
    rate: Option<Box<Rate>>,
    /// Why it failed, if it did.
    pub(crate) failed: Option<Disconnect>,
    pub(crate) ended: Option<Ended>,
    /// What has come while nobody received, the end included.
    ahead: VecDeque<Result<Option<Message>, Error>>,
    /// Bytes of payload in it.
    ahead_bytes: usize,
}

/// How many messages are read ahead of a handler that does something else: so that it doesn't keep the peer's Pings and its
/// Close from being seen. Past it nothing is read until it receives.
pub(crate) const MAX_AHEAD: usize = 16;
/// The same in bytes of payload, past which no other message is read; worst-case memory: this and one message a session.
pub(crate) const MAX_AHEAD_BYTES: usize = 16 << 10;

/// Somebody that waits until the peer has taken more.
struct Writer {
    waker: Waker,
    wants: Wants,
}

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// Room to send.
    Room,
    /// That all is written.
    Flushed,
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
            writers: Vec::new(),
            ahead: VecDeque::new(),
            ahead_bytes: 0,
        }
    }

    /// Wakes whoever it is once there is what it wants, or the connection has ended.
    pub(super) fn wait(&mut self, wants: Wants, waker: &Waker) {
        if !self.writers.iter().any(|writer| writer.wants == wants && writer.waker.will_wake(waker)) {
            self.writers.push(Writer { waker: waker.clone(), wants });
        }
    }

    /// Wakes those that have what they wanted. Whether `handler` is one of them, which is not woken.
    #[inline]
    pub(crate) fn wake_writers(&mut self, handler: &Waker) -> bool {
        !self.writers.is_empty() && self.wake_some(handler)
    }

    fn wake_some(&mut self, handler: &Waker) -> bool {
        let (has_room, is_flushed) = self.ws.as_ref().map_or((true, true), |ws| (ws.can_queue(), ws.is_flushed()));
        let mut is_handler = false;
        self.writers.retain(|writer| {
            let is_due = if writer.wants == Wants::Room { has_room } else { is_flushed };
            if is_due && writer.waker.will_wake(handler) {
                is_handler = true;
            } else if is_due {
                writer.waker.wake_by_ref();
            }
            !is_due
        });
        is_handler
    }

    /// Takes a message, or the end, that nobody receives now, if there is a place for it: whether there is one. What is
    /// over the rate is taken and not kept.
    pub(crate) fn read_ahead(&mut self) -> bool {
        let has_place = self.ahead.len() < MAX_AHEAD && self.ahead_bytes < MAX_AHEAD_BYTES;
        if has_place {
            self.keep();
        }
        has_place
    }

    fn keep(&mut self) -> bool {
        let Some(taken) = self.pull() else { return false };
        self.ahead_bytes += len(&taken);
        self.ahead.push_back(taken);
        true
    }

    /// The connection has come to its end, and nobody receives: what had come is kept, and the socket is let go.
    pub(crate) fn finish(&mut self) {
        while self.ws.is_some() && self.keep() {}
    }

    /// Drops the connection where it stands.
    pub(crate) fn abort(&mut self) {
        if self.ws.take().is_some() {
            self.ahead.push_back(Err(Error::Closed));
        }
    }

    /// Whether it was closed because it sent too much.
    pub(crate) fn is_over_rate(&self) -> bool {
        self.rate.as_ref().is_some_and(|rate| rate.is_over)
    }

    /// What the handler receives next, if it is there.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Result<Option<Message>, Error>> {
        let taken = if self.ahead.is_empty() { self.pull() } else { self.take_kept() };
        if let Some(Ok(Some(message))) = &taken {
            self.received.messages += 1;
            self.received.bytes += message.len() as u64;
        }
        taken
    }

    #[cold]
    fn take_kept(&mut self) -> Option<Result<Option<Message>, Error>> {
        let taken = self.ahead.pop_front()?;
        self.ahead_bytes -= len(&taken);
        if self.ahead.is_empty() {
            // An idle session holds no memory for it.
            self.ahead = VecDeque::new();
        }
        Some(taken)
    }

    /// What the connection gives next, if it is there.
    #[inline]
    fn pull(&mut self) -> Option<Result<Option<Message>, Error>> {
        let Some(ws) = &mut self.ws else { return Some(Ok(None)) };
        let mut taken = ws.try_recv();
        while let Some(Ok(Some(message))) = &taken {
            if self.rate.as_mut().is_none_or(|rate| rate.admits(message.len() as u64, ws)) {
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

fn len(taken: &Result<Option<Message>, Error>) -> usize {
    taken.as_ref().ok().and_then(Option::as_ref).map_or(0, Message::len)
}
