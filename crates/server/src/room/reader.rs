//! A member without a session.

use std::{
    fmt,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use bowline_core::Message;
use bytes::Bytes;

use super::{Encoding, Entrant, Gap, Next, Position, Room, Seat};
use crate::signal::{Signal, room_bit};

/// From where somebody that joins a room gets its publications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Start {
    /// What is published from now on.
    #[default]
    Newest,
    /// First the last so many of those that are kept for latecomers ([`RoomOptions::history`](super::RoomOptions)).
    Last(u64),
    /// What was published after a place where it was before. If some of it is gone, or the log has begun anew, it is told
    /// of a [`Gap`] first, and goes on with the oldest that is kept.
    After(Position),
}

/// Why somebody can't join a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinError {
    /// It has `max_members`.
    RoomFull,
    /// The session is in `max_rooms_per_session` rooms.
    TooManyRooms,
    /// The session is in the room already.
    AlreadyJoined,
    /// The session has ended.
    SessionEnded,
    /// The room has vanished; ask the hub for it again.
    Gone,
    /// The session's client has not acknowledged as much as may wait for it (`session_ring`), so that it can't be told. Where
    /// [`Session::send`](crate::session::Session::send) goes on, joining does.
    RingFull,
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RoomFull => "the room has as many members as it may have (max_members)",
            Self::TooManyRooms => "the session is in as many rooms as it may be (max_rooms_per_session)",
            Self::AlreadyJoined => "the session is in the room already",
            Self::SessionEnded => "the session has ended",
            Self::Gone => "the room has vanished; ask the hub for it again",
            Self::RingFull => {
                "the session's client has not acknowledged what waits for it (session_ring); try again later"
            }
        })
    }
}

impl std::error::Error for JoinError {}

/// What a [`Reader`] gets that takes encoded publications.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Read {
    /// Whole frames or events.
    Encoded {
        /// The bytes, which all readers with the same encoding share.
        bytes: Bytes,
        /// How many publications they are; 0 for events of presence.
        count: u32,
    },
    /// Publications that it won't get.
    Gap(Gap),
    /// The room's policy is to disconnect those that have fallen behind, as this one has. Nothing comes after it.
    Disconnect(Gap),
}

/// What a [`Reader`] gets that takes messages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// A publication.
    Publication(Position, Message),
    /// Publications that it won't get.
    Gap(Gap),
    /// As [`Read::Disconnect`].
    Disconnect(Gap),
}

/// Reads a room's log without a session: an event stream, a long poll, a task that listens. It holds a place, and no copy
/// of anything. Dropping it leaves the room.
#[derive(Debug)]
pub struct Reader<T = Read> {
    seat: Seat,
    signal: Arc<Signal>,
    is_over: bool,
    convert: fn(Next) -> Option<T>,
}

impl Room {
    /// Reads the room from `start`, encoded.
    ///
    /// # Errors
    /// [`JoinError::RoomFull`] or [`JoinError::Gone`].
    pub fn reader(&self, start: Start, encoding: Encoding, presence: bool) -> Result<Reader, JoinError> {
        Reader::new(self, start, Some(encoding), presence, |next| match next {
            Next::Encoded(bytes, count) => Some(Read::Encoded { bytes, count }),
            Next::Gap(gap) => Some(Read::Gap(gap)),
            Next::Disconnect(gap) => Some(Read::Disconnect(gap)),
            Next::UpToDate | Next::Message(..) | Next::Presence(_) => None,
        })
    }

    /// A place from `start` on, for a session that will come.
    pub(crate) fn reserve(&self, start: Start) -> Result<Seat, JoinError> {
        Seat::take(self, reader(&Arc::default(), None, false), start).map(|(seat, _)| seat)
    }

    /// Listens to the room from `start`.
    ///
    /// # Errors
    /// [`JoinError::RoomFull`] or [`JoinError::Gone`].
    pub fn subscribe(&self, start: Start) -> Result<Reader<Entry>, JoinError> {
        Reader::new(self, start, None, false, |next| match next {
            Next::Message(position, message) => Some(Entry::Publication(position, message)),
            Next::Gap(gap) => Some(Entry::Gap(gap)),
            Next::Disconnect(gap) => Some(Entry::Disconnect(gap)),
            Next::UpToDate | Next::Encoded(..) | Next::Presence(_) => None,
        })
    }
}

/// A reader without a session.
fn reader(signal: &Arc<Signal>, encoding: Option<Encoding>, wants_presence: bool) -> Entrant {
    Entrant { signal: Arc::clone(signal), bit: room_bit(0), encoding, present: None, wants_presence, resumes: false }
}

impl<T> Reader<T> {
    fn new(
        room: &Room,
        start: Start,
        encoding: Option<Encoding>,
        wants_presence: bool,
        convert: fn(Next) -> Option<T>,
    ) -> Result<Self, JoinError> {
        let signal = Arc::new(Signal::default());
        let (seat, _) = Seat::take(room, reader(&signal, encoding, wants_presence), start)?;
        Ok(Self { seat, signal, is_over: false, convert })
    }

    /// What comes next, if it is there; `None` also once it was told to disconnect.
    pub fn try_read(&mut self) -> Option<T> {
        if self.is_over {
            return None;
        }
        let (next, _) = self.seat.room.next(self.seat.index);
        self.is_over = matches!(next, Next::Disconnect(_));
        (self.convert)(next)
    }

    /// What comes next. Never ready again after it was told to disconnect.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        self.signal.register(cx.waker());
        self.signal.take();
        self.try_read().map_or(Poll::Pending, Poll::Ready)
    }

    /// What comes next. Never ends after it was told to disconnect.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn read(&mut self) -> T {
        poll_fn(|cx| self.poll_read(cx)).await
    }

    /// The place after what was read last.
    #[must_use]
    pub fn position(&self) -> Position {
        self.seat.room.place_of(self.seat.index)
    }

    /// The room.
    #[must_use]
    pub const fn room(&self) -> &Room {
        self.seat.room()
    }
}
