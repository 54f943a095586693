//! The rooms of a session, and where in each the application stands.

use std::{collections::HashMap, sync::Arc};

use bowline_core::{
    position::{Epoch, Gap, GapReason, Position},
    session::{Cursor, JoinStart, RoomNumber},
};

use super::Delivery;
use crate::{
    command::{Answer, JoinedRoom},
    event::{Event, RoomEvent},
    mailbox::Mailbox,
};

/// All rooms, by name, number and epoch.
#[derive(Debug, Default)]
pub(super) struct Rooms {
    rooms: HashMap<Arc<str>, Room>,
    numbers: HashMap<RoomNumber, Arc<str>>,
    epochs: HashMap<Epoch, Arc<str>>,
}

/// A room.
#[derive(Debug)]
pub(super) struct Room {
    start: JoinStart,
    state: State,
    /// `None` where the server's application had the session join: the client's own events tell.
    mailbox: Option<Arc<Mailbox<RoomEvent>>>,
    /// After which publication the application stands, once it has joined for the first time.
    position: Option<Position>,
    number: Option<RoomNumber>,
    /// The offset that the server certainly knows of; `None` where it doesn't know that this end goes on in a new epoch, even
    /// at its beginning.
    confirmed: Option<u64>,
    /// The offset that the server was told on this carrier, likewise.
    told: Option<u64>,
}

#[derive(Debug)]
enum State {
    /// For the first time.
    Joining(Option<Answer<JoinedRoom>>),
    Joined,
    /// Nothing is handed on any more.
    Leaving,
}

impl Room {
    pub(super) fn joining(start: JoinStart, mailbox: Arc<Mailbox<RoomEvent>>, answer: Answer<JoinedRoom>) -> Self {
        Self {
            start,
            state: State::Joining(Some(answer)),
            mailbox: Some(mailbox),
            position: None,
            number: None,
            confirmed: None,
            told: None,
        }
    }

    fn by_server() -> Self {
        Self {
            start: JoinStart::Newest,
            state: State::Joined,
            mailbox: None,
            position: None,
            number: None,
            confirmed: None,
            told: None,
        }
    }

    pub(super) fn leave(&mut self) {
        self.state = State::Leaving;
        if let Some(mailbox) = &self.mailbox {
            mailbox.end();
        }
    }

    /// Whoever waits to join, if that is still so.
    pub(super) fn take_answer(&mut self) -> Option<Answer<JoinedRoom>> {
        if let State::Joining(answer) = &mut self.state { answer.take() } else { None }
    }

    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.state, State::Leaving)
    }

    /// The server said that the session is in it, and nobody wants to leave.
    pub(super) fn is_joined(&self) -> bool {
        self.number.is_some() && !self.is_leaving()
    }

    pub(super) fn mailbox(&self) -> Option<Arc<Mailbox<RoomEvent>>> {
        self.mailbox.clone()
    }

    /// Where to give what happens in the room.
    fn delivery(&self, room: &Arc<str>, event: RoomEvent) -> Option<Delivery> {
        if self.is_leaving() {
            return None;
        }
        let room = Arc::clone(room);
        Some(match (&self.mailbox, event) {
            (Some(mailbox), event) => Delivery::Room(Arc::clone(mailbox), event),
            (None, RoomEvent::Publication { position, message }) => {
                Delivery::Event(Event::Publication { room, position, message })
            }
            (None, RoomEvent::Gap(gap)) => Delivery::Event(Event::Gap { room, gap }),
            (None, RoomEvent::Presence(change)) => Delivery::Event(Event::Presence { room, change }),
            (None, RoomEvent::Left { .. }) => Delivery::Event(Event::Left { room }),
        })
    }
}

impl Rooms {
    pub(super) fn get(&self, room: &str) -> Option<&Room> {
        self.rooms.get(room)
    }

    pub(super) fn get_mut(&mut self, room: &str) -> Option<&mut Room> {
        self.rooms.get_mut(room)
    }

    pub(super) fn insert(&mut self, name: Arc<str>, room: Room) {
        self.rooms.insert(name, room);
    }

    /// Gives the end of what is told of it, which comes after what was told before.
    pub(super) fn remove(&mut self, name: &str) -> Option<Delivery> {
        self.numbers.retain(|_, room| **room != *name);
        self.epochs.retain(|_, room| **room != *name);
        self.rooms.remove(name)?.mailbox.map(Delivery::End)
    }

    /// The room was left; unless it was joined again since.
    pub(super) fn remove_if_left(&mut self, name: &str) {
        if self.rooms.get(name).is_some_and(Room::is_leaving) {
            // What is told of it has ended.
            drop(self.remove(name));
        }
    }

    /// The session is in the room. Gives what the application must be told of it: the gap, where it doesn't go on from where
    /// the application stands.
    pub(super) fn joined(&mut self, name: &Arc<str>, number: RoomNumber, position: Position) -> Option<Delivery> {
        let room = self.rooms.entry(Arc::clone(name)).or_insert_with(Room::by_server);
        if matches!(room.state, State::Joining(_)) {
            room.state = State::Joined;
        }
        room.number = Some(number);
        (room.confirmed, room.told) = (Some(position.offset), Some(position.offset));
        let gap = match room.position {
            Some(from) if from.epoch != position.epoch => Some(Gap { from, to: position, reason: GapReason::Epoch }),
            Some(from) if from.offset < position.offset => Some(Gap { from, to: position, reason: GapReason::Expired }),
            _ => None,
        };
        if room.position.is_none() || gap.is_some() {
            room.position = Some(position);
        }
        let told = gap.and_then(|gap| room.delivery(name, RoomEvent::Gap(gap)));
        self.index(name, number, position.epoch);
        told
    }

    fn index(&mut self, name: &Arc<str>, number: RoomNumber, epoch: Epoch) {
        self.numbers.retain(|_, room| room != name);
        self.epochs.retain(|_, room| room != name);
        self.numbers.insert(number, Arc::clone(name));
        self.epochs.insert(epoch, Arc::clone(name));
    }

    pub(super) fn by_number(&self, number: RoomNumber) -> Option<Arc<str>> {
        self.numbers.get(&number).cloned()
    }

    pub(super) fn by_epoch(&self, epoch: Epoch) -> Option<Arc<str>> {
        self.epochs.get(&epoch).cloned()
    }

    /// A publication came. Nothing comes of one that came before.
    pub(super) fn published(
        &mut self,
        name: &Arc<str>,
        offset: u64,
        message: bowline_core::Message,
    ) -> Option<Delivery> {
        let room = self.rooms.get_mut(name)?;
        let position = room.position.as_mut().filter(|position| position.offset < offset)?;
        position.offset = offset;
        let position = *position;
        room.delivery(name, RoomEvent::Publication { position, message })
    }

    /// A gap was told. Nothing comes of one that was told before.
    pub(super) fn gap(&mut self, name: &str, gap: Gap, number: Option<RoomNumber>) -> Option<Delivery> {
        let (name, room) = self.rooms.get_key_value(name)?;
        let (name, from) = (Arc::clone(name), room.position?);
        let is_known = from.epoch == gap.to.epoch && from.offset >= gap.to.offset;
        // One of an epoch that is neither here nor comes next was told on another carrier.
        let is_stale = from.epoch != gap.to.epoch && from.epoch != gap.from.epoch;
        if is_known || is_stale {
            return None;
        }
        let room = self.rooms.get_mut(&name)?;
        room.position = Some(gap.to);
        if let Some(number) = number {
            room.number = Some(number);
            (room.confirmed, room.told) = (None, None);
        }
        let told = room.delivery(&name, RoomEvent::Gap(Gap { from, ..gap }));
        if let Some(number) = number {
            self.index(&name, number, gap.to.epoch);
        }
        told
    }

    /// Something happened in a room that has no place.
    pub(super) fn event(&self, name: &str, event: RoomEvent) -> Option<Delivery> {
        let (name, room) = self.rooms.get_key_value(name)?;
        room.delivery(name, event)
    }

    /// The places that the server may not know of.
    pub(super) fn cursor(&self) -> Vec<(RoomNumber, u64)> {
        self.places(|room| room.confirmed)
    }

    /// The places that the server was not told of on this WebSocket; from now on it was.
    pub(super) fn take_told(&mut self) -> Vec<(RoomNumber, u64)> {
        let places = self.places(|room| room.told);
        for room in self.rooms.values_mut() {
            room.told = room.position.map(|position| position.offset);
        }
        places
    }

    fn places(&self, known: impl Fn(&Room) -> Option<u64>) -> Vec<(RoomNumber, u64)> {
        let place = |room: &Room| {
            let offset = room.position?.offset;
            known(room).is_none_or(|known| offset > known).then_some((room.number?, offset))
        };
        self.rooms.values().filter_map(place).take(Cursor::MAX_ROOMS).collect()
    }

    pub(super) fn confirmed(&mut self, cursor: &Cursor) {
        for (number, offset) in &cursor.rooms {
            if let Some(room) = self.numbers.get(number).and_then(|name| self.rooms.get_mut(name)) {
                room.confirmed = room.confirmed.max(Some(*offset));
                room.told = room.told.max(Some(*offset));
            }
        }
    }

    /// What was told on the WebSocket before may not have arrived.
    pub(super) fn begin_carrier(&mut self) {
        for room in self.rooms.values_mut() {
            room.told = room.confirmed;
        }
    }

    /// The session is lost. Gives the rooms that are to be joined again and where, but for those of which `asked` says that
    /// the record is still to be sent.
    pub(super) fn lost(&mut self, asked: impl Fn(&Arc<str>) -> bool) -> Vec<(Arc<str>, JoinStart)> {
        self.numbers.clear();
        self.epochs.clear();
        // What the server's application did, it does again or not.
        self.rooms.retain(|_, room| room.mailbox.is_some() && !room.is_leaving());
        let mut again = Vec::new();
        for (name, room) in &mut self.rooms {
            room.number = None;
            (room.confirmed, room.told) = (None, None);
            if !asked(name) {
                again.push((Arc::clone(name), room.position.map_or(room.start, JoinStart::After)));
            }
        }
        again
    }

    /// Nothing more comes. Gives the ends.
    pub(super) fn end(&mut self) -> impl Iterator<Item = Delivery> {
        self.rooms.drain().filter_map(|(_, room)| room.mailbox.map(Delivery::End))
    }
}
