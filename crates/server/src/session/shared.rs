//! What a session's handler, its connection's task and everybody else share.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use bowline_core::{CloseCode, CloseFrame, message::Outgoing, stream::WebSocket};

use super::{
    DirectError, Overflow, Queued, SessionId,
    memberships::{Membership, Memberships},
    outbox::{Outbox, Put},
    wire::Wire,
};
use crate::{
    hub::Hub,
    io::Io,
    metrics::Dropped,
    room::{Encoding, Entrant, Gap, JoinError, Next, Position, Present, Room, Seat, Start},
    signal::{ABORT, CLOSE, OUTBOX, ROOM_BITS, Signal, room_bit},
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
    encoding: Option<Encoding>,
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
    pub(crate) fn new(hub: Hub, ws: WebSocket<Io>, identity: Option<Arc<str>>) -> Self {
        let signal = Arc::new(Signal::default());
        let rate = hub.config().rate;
        Self {
            id: SessionId::random(),
            hub,
            identity,
            handler_waker: Waker::from(Arc::clone(&signal)),
            signal,
            encoding: ws.shared_encoding().map(Encoding::WebSocket),
            wire: Mutex::new(Wire::new(ws, rate)),
            outbox: Mutex::default(),
            memberships: Mutex::default(),
            close: Mutex::default(),
        }
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
        let entered = self.enter(room, |entrant| {
            let entered = room.enter(entrant, start)?;
            Ok((entered.index, entered))
        })?;
        Ok(Joined { position: entered.position, gap: entered.gap })
    }

    /// Joins a room at a place that was taken before.
    pub(crate) fn join_at(&self, seat: Seat) -> Result<(), JoinError> {
        let room = seat.room().clone();
        self.enter(&room, |entrant| Ok((seat.give(entrant), ())))
    }

    fn enter<T>(
        &self,
        room: &Room,
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
            encoding: self.encoding,
            present: Some(Present { session: self.id, identity: self.identity.clone() }),
            wants_presence: true,
            resumes: false,
        };
        let (index, entered) = enter(entrant)?;
        memberships.insert(Membership { room: room.clone(), index });
        Ok(entered)
    }

    pub(crate) fn leave(&self, name: &str) -> bool {
        let mut memberships = lock(&self.memberships);
        let found = memberships.iter().find(|(_, joined)| joined.room.name().as_str() == name).map(|(place, _)| place);
        let Some(Membership { room, index }) = found.and_then(|place| memberships.remove(place)) else { return false };
        room.depart(index);
        true
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
        for Membership { room, index } in list {
            room.depart(index);
        }
    }
}
