//! What a session's handler, its connection's task and everybody else share.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use bowline_core::{
    CloseCode, CloseFrame,
    message::Outgoing,
    session::{AheadOfSent, Cursor, Secret},
};

use super::{
    DirectError, Link, Overflow, Queued, SessionId, Unread,
    memberships::{Membership, Memberships},
    outbox::{Outbox, Put},
    wire::Wire,
};
use crate::{
    hub::Hub,
    metrics::Dropped,
    room::{Encoding, Entered, Entrant, Gap, JoinError, Next, Position, Present, Room, Seat, Start},
    signal::{ABORT, CARRIER, CLOSE, OUTBOX, ROOM_BITS, Signal, room_bit},
};

/// A session's parts, each behind a lock of its own.
// In this order, so that what each publication and each message touches lies in few cache lines.
#[repr(C)]
pub(crate) struct Shared {
    pub(crate) signal: Arc<Signal>,
    memberships: Mutex<Memberships>,
    pub(crate) wire: Mutex<Wire>,
    /// The handler is polled with it, so that others can tell whether they run in the connection's task.
    pub(crate) handler_waker: Waker,
    pub(crate) hub: Hub,
    /// How it gets publications, where it isn't its carrier's to say.
    encoding: Option<Encoding>,
    /// What gives the right to it, where it goes from carrier to carrier.
    secret: Option<Box<Secret>>,
    outbox: Mutex<Outbox>,
    /// What the session is to be closed with.
    close: Mutex<Option<Box<CloseFrame>>>,
    pub(crate) id: SessionId,
    pub(crate) identity: Option<Arc<str>>,
}

/// How joining a room went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The place after the room's latest publication when the session joined.
    pub position: Position,
    /// What the session misses, if it asked for what it can't get any more. Its client is told, too.
    pub gap: Option<Gap>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A handler's panic ends its own connection; what it leaves is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(hub: Hub, link: Link, secret: Option<Secret>, identity: Option<Arc<str>>) -> Self {
        let signal = Arc::new(Signal::default());
        let rate = hub.config().rate;
        let encoding = if let Link::Raw(ws) = &link { ws.shared_encoding().map(Encoding::WebSocket) } else { None };
        Self {
            id: SessionId::random(),
            hub,
            identity,
            handler_waker: Waker::from(Arc::clone(&signal)),
            signal,
            encoding,
            secret: secret.map(Box::new),
            wire: Mutex::new(Wire::new(link, rate)),
            outbox: Mutex::default(),
            memberships: Mutex::default(),
            close: Mutex::default(),
        }
    }

    /// What gives the right to it, where it goes from carrier to carrier.
    pub(crate) fn secret(&self) -> Option<&Secret> {
        self.secret.as_deref()
    }

    /// Whether it goes from carrier to carrier.
    pub(crate) const fn resumes(&self) -> bool {
        self.secret.is_some()
    }

    /// Whether it may go from carrier to carrier and has none.
    pub(crate) fn is_away(&self) -> bool {
        self.wire().link.carried().is_some_and(|carried| carried.is_away())
    }

    pub(crate) fn wire(&self) -> MutexGuard<'_, Wire> {
        lock(&self.wire)
    }

    pub(crate) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        lock(&self.outbox)
    }

    /// Sends from any task.
    pub(crate) fn direct(&self, message: Outgoing) -> Result<Queued, DirectError> {
        let bounds = self.hub.config().outbox;
        let mut outbox = self.outbox();
        let before = outbox.bytes();
        let put = outbox.put(message, bounds);
        self.count_outbox(before, outbox.bytes());
        drop(outbox);
        match put {
            Put::Queued(dropped) => {
                self.signal.raise(OUTBOX);
                self.dropped(Dropped::Older, dropped);
                Ok(Queued { dropped })
            }
            Put::Full(message) => {
                self.dropped(Dropped::Newest, 1);
                if bounds.overflow == Overflow::Disconnect {
                    self.close(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "slow consumer"));
                }
                Err(DirectError::Full(Box::new(message)))
            }
            Put::Gone(message) => Err(DirectError::Gone(Box::new(message))),
        }
    }

    fn count_outbox(&self, before: usize, after: usize) {
        let level = &self.hub.metrics().handles.outbox_bytes;
        match after.checked_sub(before) {
            Some(more) => level.add(more as u64),
            None => level.sub((before - after) as u64),
        }
    }

    /// So many direct messages are not delivered.
    pub(crate) fn dropped(&self, reason: Dropped, count: usize) {
        if count > 0 {
            self.hub.metrics().handles.dropped.of(reason).increment(count as u64);
        }
    }

    /// Asks the connection's task to close once what waits has been sent.
    pub(crate) fn close(&self, frame: impl Into<Option<CloseFrame>>) {
        let frame = frame.into().unwrap_or_else(|| CloseCode::NORMAL_CLOSURE.into());
        lock(&self.close).get_or_insert_with(|| Box::new(frame));
        self.signal.raise(CLOSE);
    }

    /// Asks the connection's task to drop the connection.
    pub(crate) fn abort(&self) {
        self.signal.raise(ABORT);
    }

    pub(crate) fn take_close(&self) -> Option<Box<CloseFrame>> {
        lock(&self.close).take()
    }

    pub(crate) fn join(&self, room: &Room, start: Start) -> Result<Joined, JoinError> {
        let entered = if self.resumes() {
            self.join_carried(room, start)?
        } else {
            self.enter(room, self.encoding, 0, |entrant| {
                let entered = room.enter(entrant, start)?;
                Ok((entered.index, entered))
            })?
        };
        Ok(Joined { position: entered.position, gap: entered.gap })
    }

    /// The client is told, and has room for that.
    fn join_carried(&self, room: &Room, start: Start) -> Result<Entered, JoinError> {
        let mut wire = self.wire();
        let carried = wire.link.carried().filter(|carried| !carried.is_closing()).ok_or(JoinError::SessionEnded)?;
        if !carried.has_room(0) {
            return Err(JoinError::RingFull);
        }
        let entered = carried.enter(self, None, room, start)?;
        drop(wire);
        self.signal.raise(CARRIER);
        Ok(entered)
    }

    /// Joins a room at a place that was taken before.
    pub(crate) fn join_at(&self, seat: Seat) -> Result<(), JoinError> {
        let room = seat.room().clone();
        self.enter(&room, self.encoding, 0, |entrant| Ok((seat.give(entrant), ())))
    }

    pub(super) fn enter<T>(
        &self,
        room: &Room,
        encoding: Option<Encoding>,
        joined: u64,
        enter: impl FnOnce(Entrant) -> Result<(usize, T), JoinError>,
    ) -> Result<T, JoinError> {
        let max = self.hub.config().max_rooms_per_session;
        let mut memberships = lock(&self.memberships);
        if memberships.is_closed {
            return Err(JoinError::SessionEnded);
        }
        if memberships.iter().any(|(_, joined)| joined.room.name() == room.name()) {
            return Err(JoinError::AlreadyJoined);
        }
        if memberships.len() >= max {
            return Err(JoinError::TooManyRooms);
        }
        let entrant = Entrant {
            signal: Arc::clone(&self.signal),
            bit: room_bit(memberships.vacant()),
            encoding,
            present: Some(Present { session: self.id, identity: self.identity.clone() }),
            wants_presence: true,
            resumes: self.resumes(),
        };
        let (index, entered) = enter(entrant)?;
        memberships.insert(Membership { room: room.clone(), index, joined });
        Ok(entered)
    }

    pub(crate) fn leave(&self, name: &str) -> bool {
        if !self.resumes() {
            return self.depart(name);
        }
        // The client is told at the same time, so that the record stands where it left.
        let mut wire = self.wire();
        let has_left = self.depart(name);
        if has_left && let Some(carried) = wire.link.carried() {
            carried.left(name);
        }
        drop(wire);
        self.signal.raise(CARRIER);
        has_left
    }

    /// Leaves a room, if it was in it.
    pub(super) fn depart(&self, name: &str) -> bool {
        let mut memberships = lock(&self.memberships);
        let found = memberships.iter().find(|(_, joined)| joined.room.name().as_str() == name).map(|(place, _)| place);
        let Some(joined) = found.and_then(|place| memberships.remove(place)) else { return false };
        joined.room.depart(joined.index);
        true
    }

    /// The client has of the rooms what the cursor says.
    pub(super) fn acknowledge_rooms(&self, cursor: &Cursor) -> Result<(), AheadOfSent> {
        if cursor.rooms.is_empty() {
            return Ok(());
        }
        let memberships = lock(&self.memberships);
        for (number, offset) in &cursor.rooms {
            let joined = memberships.iter().map(|(_, joined)| joined).find(|joined| joined.room.number() == *number);
            // What was written before it knew of this stay is about an earlier one.
            if let Some(joined) = joined.filter(|joined| cursor.direct >= joined.joined) {
                joined.room.acknowledge(joined.index, *offset)?;
            }
        }
        Ok(())
    }

    /// All rooms are read on from where the client has acknowledged them, in this encoding.
    pub(super) fn rewind_rooms(&self, encoding: Option<Encoding>, unread: &mut Unread) {
        unread.clear();
        for (place, joined) in lock(&self.memberships).iter() {
            if joined.room.rewind(joined.index, encoding) {
                unread.note_place(place);
            }
        }
    }

    /// All rooms may have something.
    pub(super) fn note_places(&self, unread: &mut Unread) {
        lock(&self.memberships).iter().for_each(|(place, _)| unread.note_place(place));
    }

    /// No publisher waits any more for what it has not read.
    pub(crate) fn leave_behind(&self) {
        lock(&self.memberships).iter().for_each(|(_, joined)| joined.room.leave_behind(joined.index));
    }

    pub(crate) fn rooms(&self) -> Vec<Room> {
        lock(&self.memberships).iter().map(|(_, joined)| joined.room.clone()).collect()
    }

    /// What comes next from the room at `place`, and whether there is more; and the next place with the same bit, if there is
    /// one.
    #[inline]
    pub(crate) fn next_of(&self, place: usize) -> (Next, bool, Option<usize>) {
        let memberships = lock(&self.memberships);
        // Under the lock, so that the place is not given to another meanwhile.
        let joined = memberships.get(place);
        let (next, more) = joined.map_or((Next::UpToDate, false), |joined| joined.room.next(joined.index));
        let following = place + ROOM_BITS as usize;
        (next, more, (following < memberships.places()).then_some(following))
    }

    /// The room at `place`.
    pub(crate) fn room_at(&self, place: usize) -> Option<Room> {
        lock(&self.memberships).get(place).map(|joined| joined.room.clone())
    }

    /// Gets nothing that is published or sent from here on, and joins no more rooms.
    pub(crate) fn seal(&self) {
        self.outbox().seal();
        let mut memberships = lock(&self.memberships);
        memberships.is_closed = true;
        memberships.iter().for_each(|(_, joined)| joined.room.seal(joined.index));
    }

    /// Leaves all rooms, and joins no more.
    pub(crate) fn leave_all(&self) {
        let list = {
            let mut memberships = lock(&self.memberships);
            memberships.is_closed = true;
            memberships.take_all()
        };
        for Membership { room, index, .. } in list {
            room.depart(index);
        }
    }
}
