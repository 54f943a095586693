//! What a session's handler, its connection's task and everybody else share.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use bowline_core::{CloseCode, CloseFrame, Error, Message, connection::Ended, message::Outgoing, stream::WebSocket};
use slab::Slab;

use super::{
    DirectError, Overflow, Queued, SessionId,
    outbox::{Outbox, Put},
};
use crate::{
    hub::Hub,
    io::Io,
    room::{Encoding, Entrant, Gap, JoinError, Position, Present, Room, Start},
    signal::{ABORT, CLOSE, OUTBOX, Signal, room_bit},
};

/// A session's parts, each behind a lock of its own.
pub(crate) struct Shared {
    pub(crate) id: SessionId,
    pub(crate) hub: Hub,
    pub(crate) identity: Option<Arc<str>>,
    pub(crate) signal: Arc<Signal>,
    /// The handler is polled with it, so that others can tell whether they run in the connection's task.
    pub(crate) handler_waker: Waker,
    encoding: Option<Encoding>,
    pub(crate) wire: Mutex<Wire>,
    outbox: Mutex<Outbox>,
    memberships: Mutex<Memberships>,
    /// What the session is to be closed with.
    close: Mutex<Option<Box<CloseFrame>>>,
}

/// The connection. Only its own task and the handler, which runs inside that, lock it as a rule.
pub(crate) struct Wire {
    /// `None` once it has ended.
    pub(crate) ws: Option<WebSocket<Io>>,
    pub(crate) ended: Option<Ended>,
    /// Who waits for a message, and whether it still does.
    pub(crate) receiver: Option<Waker>,
    pub(crate) is_receiving: bool,
    /// Who waits for room to send.
    pub(crate) sender: Option<Waker>,
}

#[derive(Default)]
struct Memberships {
    /// Boxed, because many sessions are in no room.
    list: Option<Box<Slab<Membership>>>,
    is_closed: bool,
}

struct Membership {
    room: Room,
    index: usize,
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
        Self {
            id: SessionId::random(),
            hub,
            identity,
            handler_waker: Waker::from(Arc::clone(&signal)),
            signal,
            encoding: ws.shared_encoding().map(Encoding::WebSocket),
            wire: Mutex::new(Wire { ws: Some(ws), ended: None, receiver: None, is_receiving: false, sender: None }),
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
        let put = self.outbox().put(message, bounds);
        match put {
            Put::Queued(dropped) => {
                self.signal.raise(OUTBOX);
                Ok(Queued { dropped })
            }
            Put::Full(message) => {
                if bounds.overflow == Overflow::Disconnect {
                    self.close(CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "slow consumer"));
                }
                Err(DirectError::Full(Box::new(message)))
            }
            Put::Gone(message) => Err(DirectError::Gone(Box::new(message))),
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
        let max = self.hub.config().max_rooms_per_session;
        let mut memberships = lock(&self.memberships);
        if memberships.is_closed {
            return Err(JoinError::SessionEnded);
        }
        let list = memberships.list.get_or_insert_default();
        if list.iter().any(|(_, joined)| joined.room.name() == room.name()) {
            return Err(JoinError::AlreadyJoined);
        }
        if list.len() >= max {
            return Err(JoinError::TooManyRooms);
        }
        let place = list.vacant_entry();
        let entrant = Entrant {
            signal: Arc::clone(&self.signal),
            bit: room_bit(place.key()),
            encoding: self.encoding,
            present: Some(Present { session: self.id, identity: self.identity.clone() }),
            wants_presence: true,
        };
        let entered = room.enter(entrant, start)?;
        place.insert(Membership { room: room.clone(), index: entered.index });
        Ok(Joined { position: entered.position, gap: entered.gap })
    }

    pub(crate) fn leave(&self, name: &str) -> bool {
        let mut memberships = lock(&self.memberships);
        let Some(list) = &mut memberships.list else { return false };
        let found = list.iter().find(|(_, joined)| joined.room.name().as_str() == name).map(|(key, _)| key);
        let Some(Membership { room, index }) = found.and_then(|key| list.try_remove(key)) else { return false };
        room.depart(index);
        true
    }

    pub(crate) fn rooms(&self) -> Vec<Room> {
        let memberships = lock(&self.memberships);
        memberships.list.iter().flat_map(|list| list.iter()).map(|(_, joined)| joined.room.clone()).collect()
    }

    /// What comes next from the room at `place`; and the room, where the session is to be told of it.
    pub(crate) fn next_of(&self, place: usize) -> Option<(crate::room::Next, Room)> {
        let memberships = lock(&self.memberships);
        let joined = memberships.list.as_ref()?.get(place)?;
        // Under the lock, so that the place is not given to another meanwhile.
        Some((joined.room.next(joined.index), joined.room.clone()))
    }

    /// One more than the highest place of a room.
    pub(crate) fn places(&self) -> usize {
        lock(&self.memberships).list.as_ref().map_or(0, |list| list.capacity())
    }

    /// Leaves all rooms, and joins no more.
    pub(crate) fn leave_all(&self) {
        let list = {
            let mut memberships = lock(&self.memberships);
            memberships.is_closed = true;
            memberships.list.take()
        };
        for (_, Membership { room, index }) in list.into_iter().flat_map(|list| list.into_iter()) {
            room.depart(index);
        }
    }
}

impl Wire {
    /// What the handler receives next, if it is there.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Result<Option<Message>, Error>> {
        let Some(ws) = &mut self.ws else { return Some(Ok(None)) };
        let taken = ws.try_recv();
        if let Some(Ok(None) | Err(_)) = taken {
            self.ended = ws.ended().cloned();
            self.ws = None;
        }
        taken
    }
}
