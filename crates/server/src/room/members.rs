//! Who reads a room, and from where.

use std::sync::Arc;

use slab::Slab;

use super::{Gap, encoding::Encoding, presence::Present, resume::Resume};
use crate::{session::SessionId, signal::Signal};

/// A reader of the log: a session's membership, or an event stream or long poll without a session.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) signal: Arc<Signal>,
    /// Its bit in the signal.
    pub(super) bit: u64,
    /// The offset of the next publication that it has not got.
    pub(super) next: u64,
    /// The same for events of presence, if it gets them.
    pub(super) next_presence: u64,
    /// What it is to be told before anything else.
    pub(super) gap: Option<Box<Gap>>,
    /// `None` where it reads messages rather than bytes.
    pub(super) encoding: Option<Encoding>,
    /// Which session; `None` for those without one.
    pub(super) present: Option<Present>,
    /// The last publication that it gets, where it closes.
    pub(super) until: u64,
    /// It was told to disconnect: it gets nothing more.
    pub(super) is_over: bool,
    /// Where it may go back to; `None` for those that can't.
    pub(super) resume: Option<Box<Resume>>,
}

/// Doesn't get events of presence.
pub(super) const NO_PRESENCE: u64 = u64::MAX;

impl Member {
    /// Whether it will still get what is at its place.
    pub(super) const fn reads_on(&self) -> bool {
        !self.is_over && self.next <= self.until
    }

    /// Whether a room that pushes back minds that it is behind.
    pub(super) fn is_waited_for(&self) -> bool {
        self.reads_on() && self.resume.as_ref().is_none_or(|resume| !resume.is_away)
    }

    pub(super) fn session(&self) -> Option<SessionId> {
        self.present.as_ref().map(|present| present.session)
    }
}

/// How many members are told at a time before others may run.
pub(super) const FAN_OUT_BATCH: usize = 128;

/// Tells the members at `from` and after it that something is there, a batch of them; where to go on, or `None` at the
/// end.
pub(super) fn tell(members: &Slab<Member>, from: usize, most: usize) -> Option<usize> {
    let end = members.capacity();
    let mut told = 0;
    let mut index = from;
    while index < end {
        if told == most {
            return Some(index);
        }
        if let Some(member) = members.get(index) {
            member.signal.raise(member.bit);
            told += 1;
        }
        index += 1;
    }
    None
}
