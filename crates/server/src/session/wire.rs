//! A session's connection, and what its handler receives from it.

use std::{collections::VecDeque, task::Waker, time::Instant};

use bowline_core::{CloseCode, CloseFrame, Error, Message, connection::Ended, session::RingBounds};

use super::link::Link;
use crate::{
    http::{Bucket, RateLimit},
    metrics::Disconnect,
};

/// The connection. Only its own task and the handler, which runs inside that, lock it as a rule.
// In this order, for the same reason as in `Shared`.
#[repr(C)]
pub(crate) struct Wire {
    /// Whether `receiver` waits for a message.
    pub(crate) is_receiving: bool,
    pub(crate) link: Link,
    /// Who waits for a message, or did.
    pub(crate) receiver: Option<Waker>,
    /// Who waits for room to send, or for all to be written.
    #[expect(clippy::box_collection, reason = "nearly always there is none, in a struct that is held a million times")]
    writers: Option<Box<Vec<Writer>>>,
    /// What the handler has received, for the task to count.
    pub(crate) received: Received,
    /// How much it may send. Boxed, because most hubs bound nothing.
    rate: Option<Box<Rate>>,
    /// Why it failed, if it did.
    pub(crate) failed: Option<Disconnect>,
    pub(crate) ended: Option<Box<Ended>>,
    /// What has come while nobody received; `None` if nothing has.
    ahead: Option<Box<Ahead>>,
}

/// What has come while nobody received, the end included.
#[derive(Default)]
struct Ahead {
    queue: VecDeque<Result<Option<Message>, Error>>,
    /// Bytes of payload in it.
    bytes: usize,
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
    /// Room for a message of so many bytes.
    Room(usize),
    /// That all is written.
    Flushed,
}

/// What a session may send, and whether it has sent more.
struct Rate {
    bucket: Bucket,
    is_over: bool,
}

impl Rate {
    /// Whether a message may be received; the first that may not takes those behind it along.
    fn admits(&mut self, len: u64) -> bool {
        self.is_over |= !self.bucket.take(1, len, Instant::now());
        !self.is_over
    }
}

/// What a session is closed with that sends too much.
pub(crate) fn over_rate() -> CloseFrame {
    CloseFrame::new(CloseCode::POLICY_VIOLATION, "rate limit")
}

/// Messages and their payload.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Wire {
    pub(super) fn new(link: Link, rate: Option<RateLimit>) -> Self {
        let rate = rate.map(|limit| Box::new(Rate { bucket: limit.bucket(Instant::now()), is_over: false }));
        Self {
            link,
            ended: None,
            received: Received::default(),
            failed: None,
            rate,
            receiver: None,
            is_receiving: false,
            writers: None,
            ahead: None,
        }
    }

    /// Wakes whoever it is once there is what it wants, or the connection has ended.
    pub(super) fn wait(&mut self, wants: Wants, waker: &Waker) {
        let writers = self.writers.get_or_insert_default();
        if !writers.iter().any(|writer| writer.wants == wants && writer.waker.will_wake(waker)) {
            writers.push(Writer { waker: waker.clone(), wants });
        }
    }

    /// Wakes those that have what they wanted. Whether `handler` is one of them, which is not woken.
    #[inline]
    pub(crate) fn wake_writers(&mut self, handler: &Waker) -> bool {
        self.writers.is_some() && self.wake_some(handler)
    }

    /// Whether somebody waits for room to send.
    pub(crate) fn is_room_wanted(&self) -> bool {
        let wants_room = |writer: &Writer| matches!(writer.wants, Wants::Room(_));
        self.writers.as_ref().is_some_and(|writers| writers.iter().any(wants_room))
    }

    /// Whether somebody waits for room to send, or for all to be on its way.
    pub(super) const fn has_writers(&self) -> bool {
        self.writers.is_some()
    }

    fn wake_some(&mut self, handler: &Waker) -> bool {
        let mut is_handler = false;
        let is_flushed = self.link.is_flushed().unwrap_or(true);
        let Some(writers) = &mut self.writers else { return false };
        writers.retain(|writer| {
            let is_due = match writer.wants {
                Wants::Room(size) => self.link.has_room(size),
                Wants::Flushed => is_flushed,
            };
            if is_due && writer.waker.will_wake(handler) {
                is_handler = true;
            } else if is_due {
                writer.waker.wake_by_ref();
            }
            !is_due
        });
        if writers.is_empty() {
            self.writers = None;
        }
        is_handler
    }

    /// Whether it goes on.
    pub(crate) const fn is_on(&self) -> bool {
        !matches!(self.link, Link::Over)
    }

    /// Takes a message, or the end, that nobody receives now, if there is a place for it: whether there is one. What is
    /// over the rate is taken and not kept.
    pub(crate) fn read_ahead(&mut self) -> bool {
        let fits = |ahead: &Ahead| ahead.queue.len() < MAX_AHEAD && ahead.bytes < MAX_AHEAD_BYTES;
        let has_place = self.ahead.as_deref().is_none_or(fits);
        if has_place {
            self.keep();
        }
        has_place
    }

    fn keep(&mut self) -> bool {
        let Some(taken) = self.pull() else { return false };
        self.put_ahead(taken);
        true
    }

    fn put_ahead(&mut self, taken: Result<Option<Message>, Error>) {
        let ahead = self.ahead.get_or_insert_default();
        ahead.bytes += len(&taken);
        ahead.queue.push_back(taken);
    }

    /// Whether a session's message of so many bytes has a place among those that nobody has received, of which one always
    /// has.
    pub(crate) fn has_place(&self, len: usize, bounds: RingBounds) -> bool {
        let fits = |ahead: &Ahead| {
            ahead.queue.len() < bounds.records && ahead.bytes.saturating_add(len) <= bounds.bytes
                || ahead.queue.is_empty()
        };
        self.ahead.as_deref().is_none_or(fits)
    }

    /// A session's message has come by other means than `pull`: it is kept until it is received, unless it is over the rate.
    pub(crate) fn put(&mut self, message: Message) {
        if self.rate.as_mut().is_none_or(|rate| rate.admits(message.len() as u64)) {
            self.put_ahead(Ok(Some(message)));
        }
    }

    /// Whether the rate takes one more record of so many bytes.
    pub(crate) fn admits(&mut self, len: usize) -> bool {
        self.rate.as_mut().is_none_or(|rate| rate.admits(len as u64))
    }

    /// The connection has come to its end, and nobody receives: what had come is kept, and the socket is let go.
    pub(crate) fn finish(&mut self) {
        while self.is_on() && self.keep() {}
    }

    /// The session is over by this error, which comes after what had come.
    pub(crate) fn fail(&mut self, error: Error) {
        if self.is_on() {
            self.failed.get_or_insert(Disconnect::of(&error));
            self.put_ahead(Err(error));
            self.let_go();
        }
    }

    /// Drops the connection where it stands.
    pub(crate) fn abort(&mut self) {
        if self.is_on() {
            self.put_ahead(Err(Error::Closed));
            self.let_go();
        }
    }

    /// Lets go of what carries it, if anything does.
    pub(crate) fn let_go(&mut self) {
        if let Link::Carried(carried) = std::mem::replace(&mut self.link, Link::Over) {
            carried.let_go();
        }
    }

    /// Whether it was closed because it sent too much.
    pub(crate) fn is_over_rate(&self) -> bool {
        self.rate.as_ref().is_some_and(|rate| rate.is_over)
    }

    /// What the handler receives next, if it is there.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Result<Option<Message>, Error>> {
        let taken = if self.ahead.is_none() { self.pull() } else { self.take_kept() };
        if let Some(Ok(Some(message))) = &taken {
            self.received.messages += 1;
            self.received.bytes += message.len() as u64;
        }
        taken
    }

    #[cold]
    fn take_kept(&mut self) -> Option<Result<Option<Message>, Error>> {
        let ahead = self.ahead.as_deref_mut()?;
        let taken = ahead.queue.pop_front()?;
        ahead.bytes -= len(&taken);
        if ahead.queue.is_empty() {
            self.ahead = None;
        }
        Some(taken)
    }

    /// What the connection gives next, if it is there.
    #[inline]
    fn pull(&mut self) -> Option<Result<Option<Message>, Error>> {
        let ws = match &mut self.link {
            Link::Raw(ws) => ws,
            Link::Carried(_) => return self.pull_carried(),
            Link::Over => return Some(Ok(None)),
        };
        let mut taken = ws.try_recv();
        while let Some(Ok(Some(message))) = &taken {
            if self.rate.as_mut().is_none_or(|rate| rate.admits(message.len() as u64)) {
                break;
            }
            // Once it has begun, it goes on.
            ws.start_close(over_rate());
            taken = ws.try_recv();
        }
        if let Some(Ok(None) | Err(_)) = &taken {
            self.ended = ws.ended().cloned().map(Box::new);
            self.link = Link::Over;
            let error = taken.as_ref().and_then(|taken| taken.as_ref().err());
            self.failed = if self.is_over_rate() { Some(Disconnect::Limit) } else { error.map(Disconnect::of) };
        }
        taken
    }

    /// What a session's WebSocket gives next, or that its client is done.
    fn pull_carried(&mut self) -> Option<Result<Option<Message>, Error>> {
        let carried = self.link.carried()?;
        while let Some(message) = carried.pull() {
            if self.rate.as_mut().is_none_or(|rate| rate.admits(message.len() as u64)) {
                return Some(Ok(Some(message)));
            }
        }
        let frame = carried.closed_by_peer()?.clone();
        // Whoever receives has all that came before, and has answered what it wants to.
        carried.receive_close();
        self.ended.get_or_insert_with(|| Box::new(Ended::new(true, true, Some(frame))));
        Some(Ok(None))
    }
}

fn len(taken: &Result<Option<Message>, Error>) -> usize {
    taken.as_ref().ok().and_then(Option::as_ref).map_or(0, Message::len)
}
