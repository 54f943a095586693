//! What happens in a run, for the checker of `bowline_bench::delivery`.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use bowline_bench::delivery::{Event, Kind, Op};
use bowline_server::room::{Gap, Position};

pub(crate) const ROOM: &str = "r";

/// A delivery that is spoilt on purpose, which the checker has to find.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Spoil {
    Drop,
    Double,
    Swap,
    OtherEpoch,
}

/// What all tasks of a run share.
pub(crate) struct Run {
    start: Instant,
    events: Mutex<Vec<Event>>,
    /// Until when faults are injected.
    pub(crate) is_healed: AtomicBool,
    pub(crate) is_over: AtomicBool,
    pub(crate) faults: Faults,
    /// To be done to the next delivery of somebody.
    spoil: Mutex<Option<Spoil>>,
}

/// What was really injected.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) reconnects: AtomicUsize,
    pub(crate) stalls: AtomicUsize,
    pub(crate) kills: AtomicUsize,
    pub(crate) gaps: AtomicUsize,
    pub(crate) leaves: AtomicUsize,
    pub(crate) retries: AtomicUsize,
}

pub(crate) fn count(of: &AtomicUsize) {
    of.fetch_add(1, Ordering::Relaxed);
}

impl Run {
    pub(crate) fn new(spoil: Option<Spoil>) -> Self {
        Self {
            start: Instant::now(),
            events: Mutex::default(),
            is_healed: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            faults: Faults::default(),
            spoil: Mutex::new(spoil),
        }
    }

    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap()
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.is_healed.load(Ordering::Acquire)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    pub(crate) fn event(&self, proc: &str, kind: Kind, op: Op) -> Event {
        Event::new(self.now(), proc, kind, op, ROOM)
    }

    /// Writes down what one client object saw, in its order.
    pub(crate) fn add(&self, events: Vec<Event>) {
        self.events.lock().unwrap().extend(events);
    }

    pub(crate) fn into_events(self) -> Vec<Event> {
        assert!(self.spoil.into_inner().unwrap().is_none(), "nothing was spoilt");
        self.events.into_inner().unwrap()
    }
}

pub(crate) fn at(event: Event, position: Position) -> Event {
    event.at(position.epoch.to_string(), position.offset)
}

/// A client object, and what it was handed.
pub(crate) struct Diary<'a> {
    pub(crate) run: &'a Run,
    pub(crate) proc: String,
    events: Vec<Event>,
    /// One that is handed on late.
    held: Option<Event>,
    pub(crate) received: usize,
}

impl<'a> Diary<'a> {
    pub(crate) fn new(run: &'a Run, proc: String) -> Self {
        Self { run, proc, events: Vec::new(), held: None, received: 0 }
    }

    pub(crate) fn note(&mut self, kind: Kind, op: Op, position: Option<Position>) {
        let event = self.run.event(&self.proc, kind, op);
        self.events.push(match position {
            Some(position) => at(event, position),
            None => event,
        });
    }

    pub(crate) fn gap(&mut self, gap: &Gap) {
        count(&self.run.faults.gaps);
        let event = self.run.event(&self.proc, Kind::Ok, Op::Gap);
        self.events.push(at(event, gap.to).from(gap.from.epoch.to_string(), gap.from.offset));
    }

    pub(crate) fn received(&mut self, id: &str, position: Option<Position>) {
        self.received += 1;
        let event = self.run.event(&self.proc, Kind::Ok, Op::Recv).id(id);
        let mut event = match position {
            Some(position) => at(event, position),
            None => event,
        };
        // The middle of a run, so that others come before and after.
        let spoil = if self.received > 20 { self.run.spoil.lock().unwrap().take() } else { None };
        match spoil {
            Some(Spoil::Drop) => return,
            Some(Spoil::Double) => self.events.push(event.clone()),
            Some(Spoil::Swap) => {
                self.held = Some(event);
                return;
            }
            Some(Spoil::OtherEpoch) => event.epoch = Some("another".into()),
            None => {}
        }
        self.events.push(event);
        self.events.extend(self.held.take());
    }

    pub(crate) fn finish(mut self) {
        self.events.extend(self.held.take());
        self.run.add(self.events);
    }
}
