//! What one process does of a load: ramp, wait for all, warm-up, steady, drain, reconcile.

mod drain;
mod ramp;
mod steady;

use std::sync::mpsc::{Receiver, TryRecvError};

use mio::{Events, Poll};

pub(super) use self::steady::stretches;
use super::clock::Now;
use super::crowd::{Crowd, EVENTS};
use super::listeners::Listeners;
use super::schedule::Schedule;
use super::slice::Slice;
use super::speakers::{Speakers, Stage};
use super::words::{Order, PartReport, Word};
use crate::dial::{self, Dialer};
use crate::process::{Meter, float};
use crate::{Error, LoadPlan, Phase, Progress};

/// How often to tell how it stands.
const TICK: u64 = 250_000_000;

/// Runs a part, whose clients are on a poller.
pub(super) fn run(
    slice: &Slice,
    poll: Poll,
    orders: &Receiver<Order>,
    tell: &mut dyn FnMut(Word),
) -> Result<PartReport, Error> {
    dial::reserve(slice.sockets())?;
    let dialer = Dialer::new(&slice.plan.target)?.skipping(slice.skipped_sources);
    let crowd = Crowd::new(poll, dialer)?;
    let now = crowd.clock.now().nanoseconds;
    let mut part = Part {
        slice,
        crowd,
        events: Events::with_capacity(EVENTS),
        listeners: Listeners::new(slice),
        speakers: Speakers::new(slice),
        orders,
        tell,
        meter: Meter::new(None)?,
        phase: (Phase::Ramp, now, 0),
        ticked: (now, 0),
        start: None,
        broken_off: None,
        published: None,
        may_end: false,
    };
    part.open_publisher()?;
    part.open_clients()?;
    part.wait_for_all()?;
    let window = part.measure()?;
    part.drain()?;
    let report = part.report(&window);
    part.crowd.leave();
    Ok(report)
}

struct Part<'a> {
    slice: &'a Slice,
    crowd: Crowd,
    events: Events,
    listeners: Listeners,
    speakers: Speakers,
    orders: &'a Receiver<Order>,
    tell: &'a mut dyn FnMut(Word),
    meter: Meter,
    /// What it is at, since when and for how long.
    phase: (Phase, u64, u64),
    /// When it told of progress last, and how many deliveries there had been.
    ticked: (u64, u64),
    start: Option<u64>,
    broken_off: Option<u64>,
    published: Option<u64>,
    may_end: bool,
}

impl Part<'_> {
    fn plan(&self) -> &LoadPlan {
        &self.slice.plan
    }

    fn now(&self) -> u64 {
        self.crowd.clock.now().nanoseconds
    }

    /// Waits until a time at the most, and takes what happens meanwhile.
    fn turn(&mut self, until: u64) -> Result<(), Error> {
        let until = until.min(self.ticked.0 + TICK);
        let listeners = &mut self.listeners;
        self.crowd.turn(until, &mut self.events, &mut |index, now: Now, came| listeners.hear(index, now, &came))?;
        while let Some((index, loss)) = self.crowd.next_lost() {
            let error = self.crowd.error(loss);
            if self.start.is_none() {
                return Err(error);
            }
            let source = std::error::Error::source(&error).map(|source| format!(" ({source})")).unwrap_or_default();
            self.listeners.lose(index, format!("{error}{source}"));
        }
        self.take_orders()?;
        let now = self.now();
        if now >= self.ticked.0 + TICK {
            self.tell_progress(now);
        }
        Ok(())
    }

    fn take_orders(&mut self) -> Result<(), Error> {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Start(at)) => {
                    let schedule = Schedule::new(self.plan(), at)?;
                    self.listeners.measure.start(schedule.window());
                    self.listeners.schedule = Some(schedule);
                    self.start = Some(at);
                }
                Ok(Order::Break(at)) => self.broken_off = Some(at),
                Ok(Order::Published(count)) => {
                    self.published = Some(count);
                    self.listeners.heard_at = self.now();
                }
                Ok(Order::End) => self.may_end = true,
                Err(TryRecvError::Empty) => return Ok(()),
                Err(TryRecvError::Disconnected) => {
                    return Err(Error::Worker { problem: "nobody waits for its report any more".into() });
                }
            }
        }
    }

    fn enter(&mut self, phase: Phase, length: u64) {
        self.phase = (phase, self.now(), length);
    }

    fn tell_progress(&mut self, now: u64) {
        let (phase, since, length) = self.phase;
        let (listeners, (ticked, before)) = (&mut self.listeners, self.ticked);
        let measure = &mut listeners.measure;
        let found = &listeners.found;
        let progress = Progress {
            phase,
            seconds: seconds(since, now),
            of: float(length) / 1e9,
            clients: listeners.open,
            sent: measure.sent,
            deliveries: measure.deliveries,
            rate: float(measure.deliveries - before) / seconds(ticked, now),
            p50: measure.recent.at(0.5),
            p99: measure.recent.at(0.99),
            faults: found.duplicate + found.reordered + found.wrong + found.closed,
        };
        measure.recent.clear();
        self.ticked = (now, measure.deliveries);
        (self.tell)(Word::Progress(progress));
    }

    /// Sends what is due: when the next is that can be sent.
    fn speak(&mut self) -> Result<u64, Error> {
        let Listeners { schedule: Some(schedule), measure, .. } = &mut self.listeners else { return Ok(u64::MAX) };
        self.speakers.speak(&mut Stage { crowd: &mut self.crowd, schedule, measure })?;
        Ok(self.speakers.next(&self.crowd, schedule).unwrap_or(u64::MAX))
    }
}

fn seconds(from: u64, to: u64) -> f64 {
    float(to.saturating_sub(from)) / 1e9
}
