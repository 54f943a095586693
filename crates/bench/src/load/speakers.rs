//! Who sends what is due.

use super::crowd::Crowd;
use super::measure::Measure;
use super::message::{Header, Messages};
use super::schedule::Schedule;
use super::slice::Slice;
use super::wire::Say;
use crate::{Error, Traffic};

/// Bytes that a client is given to say and that are not written: 256 KiB, and one message. What is due past it is sent later.
const MAX_BACKLOG: usize = 256 << 10;
/// Messages sent in a row: past that what has come is read first.
const MAX_SAID: usize = 256;

/// What they all need.
pub(super) struct Stage<'a> {
    pub(super) crowd: &'a mut Crowd,
    pub(super) schedule: &'a Schedule,
    pub(super) measure: &'a mut Measure,
}

/// Those of a slice that send.
pub(super) enum Speakers {
    /// Each client, to itself.
    Clients(Clients),
    /// One for all rooms.
    Publisher(Box<Publisher>),
    /// Another process has the publisher.
    Nobody,
}

impl Speakers {
    pub(super) fn new(slice: &Slice) -> Self {
        match slice.plan.traffic {
            Traffic::Echo => Self::Clients(Clients::new(slice)),
            Traffic::Rooms { rooms, .. } if slice.publishes => Self::Publisher(Box::new(Publisher::new(slice, rooms))),
            Traffic::Rooms { .. } => Self::Nobody,
        }
    }

    /// Sends what is due, and not all at once.
    pub(super) fn speak(&mut self, stage: &mut Stage<'_>) -> Result<(), Error> {
        match self {
            Self::Clients(clients) => clients.speak(stage),
            Self::Publisher(publisher) => publisher.speak(stage),
            Self::Nobody => Ok(()),
        }
    }

    /// When the next message is due that can be sent; `None` where there is none, or one waits for the server to read.
    pub(super) fn next(&self, crowd: &Crowd, schedule: &Schedule) -> Option<u64> {
        match self {
            Self::Clients(clients) => clients.next(schedule),
            Self::Publisher(publisher) => publisher.next(schedule).filter(|_| publisher.has_room(crowd, schedule)),
            Self::Nobody => None,
        }
    }

    /// When the oldest was due that is not sent yet.
    pub(super) fn oldest(&self, schedule: &Schedule) -> Option<u64> {
        match self {
            Self::Clients(clients) => clients.oldest(schedule),
            Self::Publisher(publisher) => publisher.next(schedule),
            Self::Nobody => None,
        }
    }

    /// How many publications were sent, of all rooms; `None` where there is no publisher.
    pub(super) fn published(&self) -> Option<u64> {
        match self {
            Self::Publisher(publisher) => Some(publisher.said),
            Self::Clients(_) | Self::Nobody => None,
        }
    }
}

/// Clients that send, each in its turn.
pub(super) struct Clients {
    messages: Messages,
    /// The number of the first among all clients of the plan.
    first: u32,
    voices: Vec<Voice>,
    /// Turns so far: each client in turn has one.
    turns: u64,
    /// Those that have not said all that was due in their turns.
    behind: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Voice {
    /// How many messages it has sent.
    said: u32,
    /// It won't read: nobody waits for what it has to say.
    is_stalled: bool,
    is_behind: bool,
}

impl Clients {
    fn new(slice: &Slice) -> Self {
        let voice = |client| Voice { said: 0, is_stalled: slice.is_stalled(client), is_behind: false };
        Self {
            messages: Messages::new(slice.plan.size),
            first: u32::try_from(slice.first).unwrap_or(u32::MAX),
            voices: (0..slice.clients).map(voice).collect(),
            turns: 0,
            behind: Vec::new(),
        }
    }

    /// How many messages a client has sent, by its number among all of the plan.
    pub(super) fn said(&self, source: u32) -> u64 {
        let index = source.checked_sub(self.first).map(|index| index as usize);
        index.and_then(|index| self.voices.get(index)).map_or(0, |voice| voice.said.into())
    }

    /// Whose turn is next, and when.
    fn turn(&self, schedule: &Schedule) -> (usize, Option<u64>) {
        let clients = self.voices.len().max(1) as u64;
        let client = u32::try_from(self.turns % clients).unwrap_or(u32::MAX);
        let number = u32::try_from(self.turns / clients).unwrap_or(u32::MAX);
        let place = schedule.place(self.first + client, number);
        (client as usize, (place < schedule.total()).then(|| schedule.due(place)))
    }

    fn next(&self, schedule: &Schedule) -> Option<u64> {
        self.turn(schedule).1
    }

    fn oldest(&self, schedule: &Schedule) -> Option<u64> {
        let owed = self.behind.iter().filter_map(|&client| Some((client, self.voices.get(client)?.said)));
        let due = owed.filter_map(|(client, said)| {
            Some(schedule.due(schedule.place(self.first + u32::try_from(client).ok()?, said)))
        });
        due.chain(self.next(schedule)).min()
    }

    fn speak(&mut self, stage: &mut Stage<'_>) -> Result<(), Error> {
        for client in std::mem::take(&mut self.behind) {
            self.voices[client].is_behind = false;
            self.catch_up(client, stage)?;
        }
        for _ in 0..MAX_SAID {
            let (client, due) = self.turn(stage.schedule);
            if due.is_none_or(|due| due > stage.crowd.clock.now().nanoseconds) {
                break;
            }
            self.turns += 1;
            if !self.voices[client].is_behind {
                self.catch_up(client, stage)?;
            }
        }
        Ok(())
    }

    /// Says all that was due in a client's turns, as far as there is room for it.
    fn catch_up(&mut self, client: usize, stage: &mut Stage<'_>) -> Result<(), Error> {
        let clients = self.voices.len() as u64;
        let turns = self.turns / clients + u64::from((client as u64) < self.turns % clients);
        let source = self.first + u32::try_from(client).unwrap_or(u32::MAX);
        while u64::from(self.voices[client].said) < turns {
            let voice = &mut self.voices[client];
            if !stage.crowd.has_room(client, MAX_BACKLOG) {
                voice.is_behind = !voice.is_stalled && !stage.crowd.is_lost(client);
                self.behind.extend(voice.is_behind.then_some(client));
                return Ok(());
            }
            let due = stage.schedule.due(stage.schedule.place(source, voice.said));
            let header = Header { source, number: voice.said, due, sent: stage.crowd.clock.now().nanoseconds };
            stage.crowd.say(client, Say::Message(self.messages.write(&header)));
            voice.said += 1;
            if !voice.is_stalled {
                stage.measure.say(&header);
            }
            stage.crowd.go_on(client)?;
        }
        Ok(())
    }
}

/// Publishes to all rooms in turn.
pub(super) struct Publisher {
    messages: Messages,
    slice: Slice,
    name: String,
    rooms: usize,
    /// Its first connection, and how many it has: one session, or a bare WebSocket for each room.
    first_lane: usize,
    lanes: usize,
    /// How many publications were sent.
    said: u64,
}

impl Publisher {
    fn new(slice: &Slice, rooms: usize) -> Self {
        Self {
            messages: Messages::new(slice.plan.size),
            slice: slice.clone(),
            name: String::new(),
            rooms,
            first_lane: 0,
            lanes: 1,
            said: 0,
        }
    }

    /// It speaks over bare WebSockets from a number on, one in each room.
    pub(super) fn change_lanes(&mut self, first: usize) {
        (self.first_lane, self.lanes) = (first, self.rooms);
    }

    fn lane(&self, room: u32) -> usize {
        self.first_lane + if self.lanes == 1 { 0 } else { room as usize }
    }

    fn next(&self, schedule: &Schedule) -> Option<u64> {
        (self.said < schedule.total()).then(|| schedule.due(self.said))
    }

    fn has_room(&self, crowd: &Crowd, schedule: &Schedule) -> bool {
        crowd.has_room(self.lane(schedule.at(self.said).0), MAX_BACKLOG)
    }

    fn speak(&mut self, stage: &mut Stage<'_>) -> Result<(), Error> {
        let mut last = None;
        for _ in 0..MAX_SAID {
            let sent = stage.crowd.clock.now().nanoseconds;
            let Some(due) = self.next(stage.schedule).filter(|&due| due <= sent) else { break };
            if !self.has_room(stage.crowd, stage.schedule) {
                break;
            }
            let (source, number) = stage.schedule.at(self.said);
            let header = Header { source, number, due, sent };
            let lane = self.lane(source);
            // What is for one connection goes by one write.
            if let Some(last) = last.replace(lane).filter(|&last| last != lane) {
                stage.crowd.go_on(last)?;
            }
            let room = self.slice.write_name(source, &mut self.name);
            stage.crowd.say(lane, Say::Publish { room, text: self.messages.write(&header) });
            self.said += 1;
            stage.measure.say(&header);
        }
        last.map_or(Ok(()), |lane| stage.crowd.go_on(lane))
    }

    /// Says something to each room that is no publication of the run.
    pub(super) fn knock(&mut self, crowd: &mut Crowd, text: &str) -> Result<(), Error> {
        for room in 0..u32::try_from(self.rooms).unwrap_or(u32::MAX) {
            let lane = self.lane(room);
            if crowd.has_room(lane, MAX_BACKLOG) {
                crowd.say(lane, Say::Publish { room: self.slice.write_name(room, &mut self.name), text });
                crowd.go_on(lane)?;
            }
        }
        Ok(())
    }
}
