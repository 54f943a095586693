//! Direct messages to a session that its connection has not taken yet.

use std::{collections::VecDeque, fmt};

use bowline_core::{Message, message::Outgoing};

/// What becomes of a direct message for which the session's outbox has no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Overflow {
    /// It comes back to the sender, as [`DirectError::Full`]. The default: nothing is lost without somebody knowing.
    #[default]
    DropNewest,
    /// Those that wait longest are dropped, and counted.
    DropOldest,
    /// All that wait are dropped, and counted: only the latest matters.
    KeepLatest,
    /// It comes back to the sender, and the session is closed with 1013 (try again later).
    Disconnect,
}

/// How much may wait, and what happens past it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutboxBounds {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
    pub(crate) overflow: Overflow,
}

/// Messages that wait. Owns no memory when empty.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    /// `None` if nothing waits.
    waiting: Option<Box<Waiting>>,
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    queue: VecDeque<Outgoing>,
    bytes: usize,
}

/// What came of a message.
#[derive(Debug)]
pub(super) enum Put {
    /// It waits, and so many others were dropped for it.
    Queued(usize),
    Full(Outgoing),
    Gone(Outgoing),
}

impl Outbox {
    pub(super) fn put(&mut self, message: Outgoing, bounds: OutboxBounds) -> Put {
        if self.is_closed {
            return Put::Gone(message);
        }
        let len = message.message().len();
        let mut dropped = 0;
        while self.len() >= bounds.count || self.bytes().saturating_add(len) > bounds.bytes {
            match bounds.overflow {
                Overflow::DropOldest if !self.is_empty() => {
                    drop(self.take());
                    dropped += 1;
                }
                Overflow::KeepLatest if !self.is_empty() => {
                    dropped += self.len();
                    self.waiting = None;
                }
                _ => return Put::Full(message),
            }
        }
        let waiting = self.waiting.get_or_insert_default();
        waiting.bytes += len;
        waiting.queue.push_back(message);
        Put::Queued(dropped)
    }

    /// The payload of the next one to be sent.
    pub(super) fn next_len(&self) -> Option<usize> {
        self.waiting.as_ref()?.queue.front().map(|message| message.message().len())
    }

    /// The next one to be sent.
    pub(crate) fn take(&mut self) -> Option<Outgoing> {
        let waiting = self.waiting.as_deref_mut()?;
        let message = waiting.queue.pop_front()?;
        waiting.bytes -= message.message().len();
        if waiting.queue.is_empty() {
            self.waiting = None;
        }
        Some(message)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.waiting.is_none()
    }

    fn len(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.queue.len())
    }

    /// The payload that waits.
    pub(crate) fn bytes(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.bytes)
    }

    /// Takes no more; what waits is still to be sent.
    pub(crate) fn seal(&mut self) {
        self.is_closed = true;
    }

    /// Takes no more; how many were waiting, and their payload.
    pub(crate) fn close(&mut self) -> (usize, usize) {
        self.is_closed = true;
        let waiting = (self.len(), self.bytes());
        self.waiting = None;
        waiting
    }
}

/// A direct message that waits for its session's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queued {
    /// How many others were dropped for it, by the outbox's [`Overflow`] policy.
    pub dropped: usize,
}

/// Why a direct message doesn't go out; it comes back.
#[derive(Debug)]
#[non_exhaustive]
pub enum DirectError {
    /// The session's outbox is full.
    Full(Box<Outgoing>),
    /// The session is closing, or has ended.
    Gone(Box<Outgoing>),
}

impl DirectError {
    /// The message.
    #[must_use]
    pub const fn message(&self) -> &Message {
        match self {
            Self::Full(message) | Self::Gone(message) => message.message(),
        }
    }
}

impl fmt::Display for DirectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full(_) => "the session's outbox is full",
            Self::Gone(_) => "the session has ended",
        })
    }
}

impl std::error::Error for DirectError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(count: usize, bytes: usize, overflow: Overflow) -> OutboxBounds {
        OutboxBounds { count, bytes, overflow }
    }

    fn filled(overflow: Overflow, texts: &[&str]) -> (Outbox, Vec<String>) {
        let mut outbox = Outbox::default();
        let answers = texts
            .iter()
            .map(|text| match outbox.put((*text).into(), bounds(3, 6, overflow)) {
                Put::Queued(dropped) => dropped.to_string(),
                Put::Full(_) => "full".to_owned(),
                Put::Gone(_) => "gone".to_owned(),
            })
            .collect();
        (outbox, answers)
    }

    fn left(mut outbox: Outbox) -> String {
        std::iter::from_fn(|| outbox.take()).map(|out| out.message().as_text().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_bounds_on_count_and_bytes_hold() {
        let (outbox, answers) = filled(Overflow::DropNewest, &["a", "b", "c", "d"]);
        assert_eq!(
            (answers, left(outbox)),
            (vec!["0".to_owned(), "0".into(), "0".into(), "full".into()], "abc".into())
        );
        let (outbox, answers) = filled(Overflow::DropNewest, &["aaaaa", "b", "c"]);
        assert_eq!((answers, left(outbox)), (vec!["0".to_owned(), "0".into(), "full".into()], "aaaaab".into()));
        let (_, answers) = filled(Overflow::DropOldest, &["aaaaaaa"]);
        assert_eq!(answers, ["full"], "no dropping makes room for what is larger than all");
    }

    #[test]
    fn each_policy_keeps_what_it_says() {
        let (outbox, answers) = filled(Overflow::DropOldest, &["a", "b", "c", "dddddd"]);
        assert_eq!((&*answers[3], left(outbox)), ("3", "dddddd".into()));
        let (outbox, answers) = filled(Overflow::DropOldest, &["a", "b", "c", "d"]);
        assert_eq!((&*answers[3], left(outbox)), ("1", "bcd".into()));
        let (outbox, answers) = filled(Overflow::KeepLatest, &["a", "b", "c", "d"]);
        assert_eq!((&*answers[3], left(outbox)), ("3", "d".into()));
        let (outbox, answers) = filled(Overflow::Disconnect, &["a", "b", "c", "d"]);
        assert_eq!((&*answers[3], left(outbox)), ("full", "abc".into()));
    }

    #[test]
    fn a_closed_outbox_gives_back() {
        let mut outbox = Outbox::default();
        assert!(matches!(outbox.put("a".into(), bounds(1, 9, Overflow::default())), Put::Queued(0)));
        assert_eq!(outbox.close().0, 1);
        assert!(matches!(outbox.put("b".into(), bounds(1, 9, Overflow::default())), Put::Gone(_)));
        assert!(outbox.take().is_none());
    }
}
