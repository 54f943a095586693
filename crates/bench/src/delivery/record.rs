//! Events with numbers for names, small enough to keep one or two of each publication and member.

use super::event::{Event, From, Kind, Op};
use std::{collections::HashMap, sync::Arc};

/// A string that stands in the history: a process, room, epoch, id or key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name(u32);

/// The names of a history, each kept once.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Arc<str>, Name>,
    texts: Vec<Arc<str>>,
}

/// A place in a room's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) epoch: Name,
    pub(super) off: u64,
}

/// An [`Event`] whose strings are [`Name`]s, and the number of its line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) line: u64,
    pub(super) t: u64,
    pub(super) proc: Name,
    pub(super) kind: Kind,
    pub(super) op: Op,
    pub(super) room: Name,
    pub(super) at: Option<Place>,
    pub(super) id: Option<Name>,
    pub(super) from: Option<Place>,
    pub(super) generation: Option<u64>,
    pub(super) key: Option<Name>,
}

impl Names {
    fn name(&mut self, text: &str) -> Name {
        if let Some(name) = self.numbers.get(text) {
            return *name;
        }
        let text: Arc<str> = text.into();
        // Four thousand million names don't fit into memory.
        let name = Name(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        self.texts.push(Arc::clone(&text));
        self.numbers.insert(text, name);
        name
    }

    pub(super) fn text(&self, name: Name) -> &str {
        self.texts.get(name.0 as usize).map_or("", |text| text)
    }

    pub(super) fn record(&mut self, line: u64, event: &Event) -> Record {
        let at = match (&event.epoch, event.off) {
            (Some(epoch), Some(off)) => Some(Place { epoch: self.name(epoch), off }),
            _ => None,
        };
        Record {
            line,
            t: event.t,
            proc: self.name(&event.proc),
            kind: event.kind,
            op: event.op,
            room: self.name(&event.room),
            at,
            id: event.id.as_ref().map(|id| self.name(id)),
            from: event.from.as_ref().map(|from| Place { epoch: self.name(&from.epoch), off: from.off }),
            generation: event.generation,
            key: event.key.as_ref().map(|key| self.name(key)),
        }
    }

    /// The event of a record, as it was but for a room's rules and a half place, which no violation shows.
    pub(super) fn event(&self, record: &Record) -> Event {
        let mut event = Event::new(record.t, self.text(record.proc), record.kind, record.op, self.text(record.room));
        event.epoch = record.at.map(|at| self.text(at.epoch).to_owned());
        event.off = record.at.map(|at| at.off);
        event.id = record.id.map(|id| self.text(id).to_owned());
        event.from = record.from.map(|from| From { epoch: self.text(from.epoch).to_owned(), off: from.off });
        event.generation = record.generation;
        event.key = record.key.map(|key| self.text(key).to_owned());
        event
    }

    pub(super) fn place(&self, place: Place) -> String {
        format!("{}-{}", self.text(place.epoch), place.off)
    }
}
