//! What comes from the server.

use std::{sync::Arc, time::Instant};

use bowline_core::{
    Message,
    position::Position,
    session::{FailedReason, Offered, Record as _, RoomNumber, ServerRecord, ServerSignal, events, websocket},
};

use super::{Session, Waiting, rooms::Room};
use crate::{
    command::{Command, Published},
    error::RequestError,
    event::{Event, RoomEvent},
};

/// Something that came, whatever carried it.
#[derive(Debug)]
pub(crate) enum Item {
    /// A record, with its number where the carrier has numbers.
    Record(Option<u64>, ServerRecord),
    Signal(ServerSignal),
    Publication(Place, Message),
}

/// Which publication of which room.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Number(RoomNumber, u64),
    Position(Position),
}

impl From<websocket::Item<ServerRecord>> for Item {
    fn from(item: websocket::Item<ServerRecord>) -> Self {
        match item {
            websocket::Item::Record(record) => Self::Record(None, record),
            websocket::Item::Signal(signal) => Self::Signal(signal),
            websocket::Item::Publication { number, offset, message } => {
                Self::Publication(Place::Number(number, offset), message)
            }
        }
    }
}

impl From<events::Item<ServerRecord>> for Item {
    fn from(item: events::Item<ServerRecord>) -> Self {
        match item {
            events::Item::Record { number, record } => Self::Record(Some(number), record),
            events::Item::Signal(signal) => Self::Signal(signal),
            events::Item::Publication { position, message } => Self::Publication(Place::Position(position), message),
        }
    }
}

/// What came makes no sense.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The carrier is at fault: drop it, and attach again.
    Carrier(String),
    /// The session is: open another.
    Lost(String),
}

impl Broken {
    pub(crate) fn why(self) -> String {
        match self {
            Self::Carrier(why) | Self::Lost(why) => why,
        }
    }
}

impl Session {
    /// Takes what came on the carrier.
    pub(crate) fn receive(&mut self, item: Item, now: Instant) -> Result<(), Broken> {
        match item {
            Item::Record(number, record) => self.record(number, record, now),
            Item::Publication(place, message) => {
                self.received(now, message.len());
                self.publication(place, message);
                Ok(())
            }
            Item::Signal(signal) => self.signal(signal),
        }
    }

    fn record(&mut self, number: Option<u64>, record: ServerRecord, now: Instant) -> Result<(), Broken> {
        let Some(carrier) = &self.carrier else { return Ok(()) };
        self.endpoint.intake.received(|| now, record.size());
        match self.endpoint.receive(carrier, number) {
            Some(Offered::New) => {}
            Some(Offered::Duplicate) | None => return Ok(()),
            Some(Offered::Hole) => {
                let last = self.endpoint.intake.last();
                return Err(Broken::Carrier(format!(
                    "record {number:?} came after {last}: what is between is missing"
                )));
            }
        }
        match record {
            ServerRecord::Message(message) => self.deliver(Event::Message(message)),
            ServerRecord::Joined { to, room, number, position } => {
                let by_client = self.answered(to)?.is_some();
                self.joined(by_client, &room.into(), number, position);
            }
            ServerRecord::Left { to, room } => {
                let waiting = self.answered(to)?;
                self.left(waiting, &room);
            }
            ServerRecord::Published { to, position, duplicate } => {
                if let Some(Waiting::Published(answer)) = self.answered(Some(to))? {
                    let _ = answer.send(Ok(Published { position, duplicate }));
                }
            }
            ServerRecord::Members { to, members, .. } => {
                if let Some(Waiting::Members(answer)) = self.answered(Some(to))? {
                    let _ = answer.send(Ok(members));
                }
            }
            ServerRecord::Failed { to, error, text } => {
                if let Some(waiting) = self.answered(Some(to))? {
                    self.failed(waiting, error, text);
                }
            }
            ServerRecord::Close(frame) => self.closed = Some(frame),
        }
        Ok(())
    }

    /// Who waits for the answer to record `to`. An answer also says that the record arrived.
    fn answered(&mut self, to: Option<u64>) -> Result<Option<Waiting>, Broken> {
        let Some(to) = to else { return Ok(None) };
        self.acked(to)?;
        Ok(self.waiting.remove(&to))
    }

    fn joined(&mut self, by_client: bool, name: &Arc<str>, number: RoomNumber, position: Position) {
        let answer = self.rooms.get_mut(name).and_then(Room::take_answer);
        let told = self.rooms.joined(name, number, position);
        self.deliveries.extend(told);
        if !by_client {
            self.deliver(Event::Joined { room: Arc::clone(name), position });
        }
        let mailbox = self.rooms.get(name).and_then(Room::mailbox);
        if let (Some(answer), Some(mailbox)) = (answer, mailbox)
            && answer.send(Ok((mailbox, position))).is_err()
        {
            // Whoever wanted to join has given up.
            self.command(Command::Leave { room: Arc::clone(name), answer: None });
        }
    }

    fn left(&mut self, waiting: Option<Waiting>, name: &str) {
        if let Some(Waiting::Left(_, answer)) = waiting {
            self.rooms.remove_if_left(name);
            answer.map(|answer| answer.send(Ok(())));
        } else {
            self.deliveries.extend(self.rooms.event(name, RoomEvent::Left { why: None }));
            self.deliveries.extend(self.rooms.remove(name));
        }
    }

    fn failed(&mut self, waiting: Waiting, reason: FailedReason, text: String) {
        let error = RequestError::Failed { reason, text };
        match waiting {
            Waiting::Published(answer) => drop(answer.send(Err(error))),
            Waiting::Members(answer) => drop(answer.send(Err(error))),
            Waiting::Left(room, answer) => {
                self.rooms.remove_if_left(&room);
                answer.map(|answer| answer.send(Err(error)));
            }
            // The server's application was first, which `joined` told: whoever asked has the room by that.
            Waiting::Joined(name)
                if reason == FailedReason::JoinedAlready && self.rooms.get(&name).is_some_and(Room::is_joined) => {}
            Waiting::Joined(name) => {
                let answer = self.rooms.get_mut(&name).and_then(Room::take_answer);
                match answer {
                    Some(answer) => drop(answer.send(Err(error))),
                    None => self.deliveries.extend(self.rooms.event(&name, RoomEvent::Left { why: Some(error) })),
                }
                self.deliveries.extend(self.rooms.remove(&name));
            }
            // A message is not answered.
            Waiting::Acked(told) => drop(told.send(Ok(()))),
        }
    }

    fn publication(&mut self, place: Place, message: Message) {
        let (room, offset) = match place {
            Place::Number(number, offset) => (self.rooms.by_number(number), offset),
            Place::Position(position) => (self.rooms.by_epoch(position.epoch), position.offset),
        };
        // One of a room that was left meanwhile is nothing to anybody.
        if let Some(room) = room {
            self.deliveries.extend(self.rooms.published(&room, offset, message));
        }
    }

    fn signal(&mut self, signal: ServerSignal) -> Result<(), Broken> {
        match signal {
            // A poll's answer begins with it, each time.
            ServerSignal::Open(open) => {
                self.attach(&open)?;
            }
            ServerSignal::Ack(number) => self.acked(number)?,
            ServerSignal::From(number) => {
                if let Some(carrier) = &self.carrier {
                    let handled = self.endpoint.handle_from(carrier, number);
                    handled.map_err(|error| Broken::Carrier(error.to_string()))?;
                }
            }
            ServerSignal::Gap { room, gap, number } => self.deliveries.extend(self.rooms.gap(&room, gap, number)),
            ServerSignal::Presence(presence) => {
                let event = RoomEvent::Presence(presence.change);
                self.deliveries.extend(self.rooms.event(&presence.room, event));
            }
            _ => {}
        }
        Ok(())
    }
}
