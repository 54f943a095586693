//! A model of rooms and members that does everything right, and what it wrote down.

use super::{
    super::{Event, Kind, Op, Rules},
    random::Random,
};
use std::collections::HashMap;

const MILLISECOND: u64 = 1_000_000;
const STEPS: usize = 400;

/// A history, in the order of time.
pub(super) fn history(seed: u64) -> Vec<Event> {
    let mut model = Model::new(seed);
    for _ in 0..STEPS {
        model.step();
    }
    model.end();
    model.events
}

struct Model {
    random: Random,
    now: u64,
    events: Vec<Event>,
    rooms: Vec<Room>,
    clients: Vec<Client>,
    flights: Vec<Flight>,
    ids: usize,
    epochs: usize,
    /// Whether logs restart and connections break.
    faults: bool,
}

struct Room {
    name: String,
    rules: Rules,
    keep: usize,
    /// Whether what leaves the log is written down.
    tells: bool,
    epoch: String,
    log: Vec<Entry>,
    /// How much has left the log.
    trimmed: usize,
}

#[derive(Clone)]
struct Entry {
    id: String,
    key: Option<String>,
    except: Option<usize>,
}

struct Client {
    name: String,
    /// Learns no places: a raw WebSocket.
    raw: bool,
    generation: u64,
    attached: bool,
    /// By room: the epoch and how much of the log it has had, and whether its join is acknowledged.
    stands: HashMap<usize, (String, usize, bool)>,
}

/// A publish under way.
struct Flight {
    client: usize,
    room: usize,
    entry: Entry,
    place: Option<(String, usize)>,
    given_up: bool,
}

impl Model {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let faults = !seed.is_multiple_of(3);
        let mut model = Self {
            rooms: Vec::new(),
            clients: (0..2 + random.below(5)).map(|at| Client::new(at, random.one_in(3))).collect(),
            random,
            now: 1000,
            events: Vec::new(),
            flights: Vec::new(),
            ids: 0,
            epochs: 0,
            faults,
        };
        for at in 0..1 + model.random.below(4) {
            let keep = 1 + model.random.below(12);
            let tells = model.random.one_in(2);
            let history = (!tells || model.random.one_in(2)).then_some(keep as u64);
            let rules = Rules { history, newest: model.random.one_in(3), conflates: model.random.one_in(4) };
            let name = format!("room {at}");
            model.say(Event::new(0, "server", Kind::Info, Op::Room, &name).rules(rules));
            let epoch = model.epoch();
            model.rooms.push(Room { name, rules, keep, tells, epoch, log: Vec::new(), trimmed: 0 });
        }
        model
    }

    fn epoch(&mut self) -> String {
        self.epochs += 1;
        format!("epoch {}", self.epochs)
    }

    fn say(&mut self, event: Event) {
        self.events.push(Event { t: self.now, ..event });
    }

    fn event(&self, client: usize, kind: Kind, op: Op, room: usize) -> Event {
        let client = &self.clients[client];
        let event = Event::new(0, &client.name, kind, op, &self.rooms[room].name);
        if client.raw || kind == Kind::Invoke { event } else { event.generation(client.generation) }
    }

    fn step(&mut self) {
        self.now += 1 + self.random.below(20) as u64 * MILLISECOND;
        let (client, room) = (self.random.below(self.clients.len()), self.random.below(self.rooms.len()));
        match self.random.below(24) {
            0..5 => self.publish(client, room),
            5..9 => self.append(),
            9..13 => self.acknowledge(),
            13..18 => self.deliver(client, room, 4),
            18..20 => self.join(client, room),
            20 if self.random.one_in(3) => self.leave(client, room),
            21 if self.faults => self.carrier(client),
            22 if self.faults && self.random.one_in(6) => self.restart(room),
            23 if self.random.one_in(4) => {
                self.quiet();
                if self.random.one_in(2) {
                    self.leave(client, room);
                }
            }
            _ => {}
        }
    }

    fn publish(&mut self, client: usize, room: usize) {
        let lost = self.flights.iter().position(|flight| flight.given_up && flight.client == client);
        let flight = match lost {
            // A retry has the same id, and with it the same idempotency key.
            Some(at) if self.random.one_in(2) => {
                Flight { place: None, given_up: false, ..self.flights.swap_remove(at) }
            }
            _ => {
                self.ids += 1;
                let key = self.random.one_in(2).then(|| format!("key {}", self.random.below(3)));
                let except = self.random.one_in(4).then_some(client);
                let entry = Entry { id: format!("id {}", self.ids), key, except };
                Flight { client, room, entry, place: None, given_up: false }
            }
        };
        let mut event = self.event(client, Kind::Invoke, Op::Pub, flight.room).id(&flight.entry.id);
        event.key.clone_from(&flight.entry.key);
        self.say(event);
        if let Some(except) = flight.entry.except {
            self.say(self.event(except, Kind::Info, Op::Except, flight.room).id(&flight.entry.id));
        }
        self.flights.push(flight);
    }

    /// One of the publishes under way reaches its room's log.
    fn append(&mut self) {
        let waiting: Vec<_> = (0..self.flights.len()).filter(|at| self.flights[*at].place.is_none()).collect();
        let Some(&at) = self.random.pick(&waiting) else { return };
        let flight = &mut self.flights[at];
        let room = &mut self.rooms[flight.room];
        let before = room.log.iter().position(|entry| entry.id == flight.entry.id);
        let off = before.unwrap_or_else(|| {
            room.log.push(flight.entry.clone());
            room.log.len() - 1
        });
        flight.place = Some((room.epoch.clone(), off + 1));
        if room.log.len() - room.trimmed > room.keep {
            room.trimmed = room.log.len() - room.keep;
            let event = Event::new(0, "server", Kind::Info, Op::Trim, &room.name).at(&room.epoch, room.trimmed as u64);
            if room.tells {
                self.say(event);
            }
        }
    }

    /// The publisher learns of a place, or gives up.
    fn acknowledge(&mut self) {
        let live: Vec<_> = (0..self.flights.len()).filter(|at| !self.flights[*at].given_up).collect();
        let Some(&at) = self.random.pick(&live) else { return };
        let Flight { client, room, ref entry, ref place, .. } = self.flights[at];
        let event = self.event(client, Kind::Ok, Op::Pub, room).id(&entry.id);
        match place {
            Some((epoch, off)) if !self.faults || !self.random.one_in(5) => {
                // A raw WebSocket is told no place; but then someone else must be.
                let event = event.at(epoch, *off as u64);
                self.say(event);
                self.flights.swap_remove(at);
            }
            None if !self.random.one_in(8) => {}
            _ if self.faults => {
                self.say(Event { kind: Kind::Info, ..event });
                self.flights[at].given_up = true;
            }
            _ => {}
        }
    }

    fn deliver(&mut self, client: usize, room: usize, most: usize) {
        let shape = &self.rooms[room];
        let Some((epoch, off, _)) = self.clients[client].stands.get(&room).cloned() else { return };
        if !self.clients[client].attached {
            return;
        }
        let same = epoch == shape.epoch;
        let (mut off, known) = if same && off >= shape.trimmed { (off, true) } else { (off, false) };
        if !known {
            let to = if shape.rules.newest { shape.log.len() } else { shape.trimmed };
            let (from, epoch) = ((epoch, off as u64), shape.epoch.clone());
            let gap = self.event(client, Kind::Ok, Op::Gap, room);
            let gap = if self.clients[client].raw { gap } else { gap.from(from.0, from.1).at(epoch, to as u64) };
            self.say(gap);
            off = to;
        }
        let shape = &self.rooms[room];
        let end = shape.log.len().min(off + most);
        let epoch = shape.epoch.clone();
        for at in off..end {
            let shape = &self.rooms[room];
            let entry = &shape.log[at];
            let later = |key| shape.log[at + 1..].iter().any(|other| other.key.as_ref() == Some(key));
            let superseded = shape.rules.conflates && entry.key.as_ref().is_some_and(later);
            if !superseded && entry.except != Some(client) {
                let event = self.event(client, Kind::Ok, Op::Recv, room).id(&entry.id);
                let raw = self.clients[client].raw;
                self.say(if raw { event } else { event.at(&epoch, at as u64 + 1) });
                self.now += 1;
            }
        }
        self.stand(client, room, epoch, end);
    }

    fn stand(&mut self, client: usize, room: usize, epoch: String, off: usize) {
        if let Some(stand) = self.clients[client].stands.get_mut(&room) {
            (stand.0, stand.1) = (epoch, off);
        }
    }

    fn join(&mut self, client: usize, room: usize) {
        if !self.clients[client].attached || self.clients[client].stands.contains_key(&room) {
            return;
        }
        self.say(self.event(client, Kind::Invoke, Op::Join, room));
        self.now += MILLISECOND;
        let (epoch, off) = (self.rooms[room].epoch.clone(), self.rooms[room].log.len());
        self.clients[client].stands.insert(room, (epoch.clone(), off, false));
        // What is published meanwhile may be there before the answer.
        self.append();
        if self.random.one_in(3) && self.rooms[room].trimmed <= off {
            self.deliver(client, room, 1);
        }
        let event = self.event(client, Kind::Ok, Op::Join, room);
        self.say(if self.clients[client].raw { event } else { event.at(epoch, off as u64) });
    }

    fn leave(&mut self, client: usize, room: usize) {
        if self.clients[client].attached && self.clients[client].stands.contains_key(&room) {
            self.say(self.event(client, Kind::Invoke, Op::Leave, room));
            self.now += MILLISECOND;
            self.deliver(client, room, 2);
            self.clients[client].stands.remove(&room);
            self.say(self.event(client, Kind::Ok, Op::Leave, room));
        }
    }

    /// A carrier breaks, or another takes over. A raw WebSocket has only one: it is lost, and joins anew.
    fn carrier(&mut self, client: usize) {
        if self.clients[client].raw {
            let rooms: Vec<_> = self.clients[client].stands.drain().map(|(room, _)| room).collect();
            for room in rooms {
                self.say(self.event(client, Kind::Info, Op::Leave, room));
            }
        } else if self.clients[client].attached && self.random.one_in(2) {
            self.clients[client].attached = false;
        } else {
            self.clients[client].attached = true;
            self.clients[client].generation += 1 + u64::from(self.random.one_in(4));
            let generation = self.clients[client].generation;
            self.say(Event::new(0, &self.clients[client].name, Kind::Ok, Op::Resume, "").generation(generation));
        }
    }

    /// A room's log is lost, and begins anew.
    fn restart(&mut self, room: usize) {
        let epoch = self.epoch();
        let shape = &mut self.rooms[room];
        (shape.epoch, shape.trimmed) = (epoch, 0);
        shape.log.clear();
        for client in 0..self.clients.len() {
            if self.clients[client].raw && self.clients[client].stands.remove(&room).is_some() {
                self.say(self.event(client, Kind::Info, Op::Leave, room));
            }
        }
    }

    /// Everyone gets what there is, and then nothing happens for longer than that takes.
    fn quiet(&mut self) {
        for client in 0..self.clients.len() {
            for room in 0..self.rooms.len() {
                self.deliver(client, room, usize::MAX / 2);
            }
        }
        self.now += 11_000 * MILLISECOND;
    }

    fn end(&mut self) {
        for client in 0..self.clients.len() {
            if !self.clients[client].attached {
                self.carrier(client);
            }
        }
        if self.faults {
            self.say(Event::new(0, "test", Kind::Info, Op::Heal, ""));
        }
        while self.flights.iter().any(|flight| !flight.given_up) {
            self.append();
            self.acknowledge();
        }
        self.quiet();
        let rules = self.rooms[0].rules;
        self.say(Event::new(0, "server", Kind::Info, Op::Room, &self.rooms[0].name).rules(rules));
    }
}

impl Client {
    fn new(at: usize, raw: bool) -> Self {
        Self { name: format!("client {at}"), raw, generation: 1, attached: true, stands: HashMap::new() }
    }
}
