//! Clients begin, a few at a time, and get into their rooms.

use std::time::{Duration, Instant};

use super::super::listeners::KNOCK;
use super::super::schedule::nanoseconds;
use super::super::speakers::Speakers;
use super::super::wire::{Say, Wire, Wires};
use super::super::words::Word;
use super::Part;
use crate::process::float;
use crate::{Error, LoadPlan, Traffic, Transport};

/// Clients that are opening at a time: below any backlog.
const AT_A_TIME: usize = 100;
/// How long after the last that was heard of it the publisher knocks again at rooms whose members are not told that they are in them.
const KNOCKING: u64 = 100_000_000;
/// The same once all clients of its own process are: those of others may have missed it.
const KNOCKING_READY: u64 = 1_000_000_000;

impl Part<'_> {
    /// Opens what publications go up by. Where there are no sessions, a bare WebSocket in each room has to do.
    pub(super) fn open_publisher(&mut self) -> Result<(), Error> {
        if self.slice.publishes && self.plan().is_at_room() {
            self.open_lanes()?;
        } else if self.slice.publishes {
            let mut plan = self.plan().clone();
            plan.transport = Transport::WebSocket;
            let wires = Wires::new(&plan);
            match self.open(1, f64::INFINITY, &|_, now| wires.open(0, None, now)) {
                Err(Error::Client { .. }) if self.slice.is_bare() => self.open_lanes()?,
                other => other?,
            }
        }
        self.listeners.base = self.crowd.len();
        Ok(())
    }

    fn open_lanes(&mut self) -> Result<(), Error> {
        let slice = self.slice;
        let (Speakers::Publisher(publisher), Traffic::Rooms { rooms, .. }) = (&mut self.speakers, slice.plan.traffic)
        else {
            return Ok(());
        };
        publisher.change_lanes(self.crowd.len());
        let wires = Wires::new(&slice.plan);
        self.open(rooms, slice.ramp(), &|room, now| wires.open(0, slice.place(room).as_deref(), now))
    }

    pub(super) fn open_clients(&mut self) -> Result<(), Error> {
        let slice = self.slice;
        let wires = Wires::new(&slice.plan);
        self.open(slice.clients, slice.ramp(), &|client, now| {
            let room = slice.sources(client).first().filter(|_| slice.is_bare()).copied();
            let room = room.and_then(|room| slice.place(room as usize));
            wires.open(slice.first + client, room.as_deref(), now)
        })
    }

    /// Opens connections, so many a second, until all are open.
    fn open(&mut self, count: usize, ramp: f64, wire: &dyn Fn(usize, Instant) -> Box<dyn Wire>) -> Result<(), Error> {
        let (began, before) = (self.now(), self.listeners.opened);
        let late = |open: usize| move |after| Error::opening(open - before, count, after);
        let mut patience = Patience::new(self.plan(), began);
        let mut begun = 0;
        while self.listeners.opened < before + count && self.broken_off.is_none() {
            let now = self.crowd.clock.now();
            let mut next = if begun + before > self.listeners.opened {
                let open = self.listeners.opened;
                self.deadline(&mut patience, open, "connections to open", late(open))?
            } else {
                // Nobody is waited for until the next is begun, which may be long.
                patience.since = now.nanoseconds;
                u64::MAX
            };
            while begun < count && begun + before < self.listeners.opened + AT_A_TIME {
                let due = began.saturating_add(offset(begun, ramp));
                if due > now.nanoseconds {
                    next = next.min(due);
                    break;
                }
                self.crowd.add(wire(begun, now.instant))?;
                begun += 1;
            }
            self.turn(next)?;
            self.join_fresh()?;
        }
        Ok(())
    }

    /// Has those that opened join their rooms.
    fn join_fresh(&mut self) -> Result<(), Error> {
        for index in std::mem::take(&mut self.listeners.fresh) {
            let Some(member) = index.checked_sub(self.listeners.base) else { continue };
            match self.plan().traffic {
                Traffic::Echo => self.listeners.join(member),
                Traffic::Rooms { .. } if self.slice.is_bare() => {}
                Traffic::Rooms { .. } => {
                    let mut name = String::new();
                    for room in self.listeners.sources(member) {
                        self.crowd.say(index, Say::Join(self.slice.write_name(room, &mut name)));
                    }
                    self.crowd.go_on(index)?;
                }
            }
        }
        Ok(())
    }

    /// Waits until all are in their rooms, those of other parts too.
    pub(super) fn wait_for_all(&mut self) -> Result<(), Error> {
        let mut patience = Patience::new(self.plan(), self.now());
        let waiting_for = "clients to be in their rooms";
        let late = |after| Error::Timeout { waiting_for, after };
        let (mut is_ready, mut knocked_at) = (false, 0);
        while self.start.is_none() && self.broken_off.is_none() {
            let now = self.now();
            let mut next = u64::MAX;
            if self.listeners.joined < self.slice.clients {
                next = self.deadline(&mut patience, self.listeners.joined, waiting_for, late)?;
            } else if !is_ready {
                is_ready = true;
                (self.tell)(Word::Ready);
            }
            if let Speakers::Publisher(publisher) = &mut self.speakers
                && self.slice.is_bare()
            {
                // While what it said before is still coming, saying more would only pile it up.
                let quiet = if is_ready { KNOCKING_READY } else { KNOCKING };
                if now >= knocked_at.max(self.listeners.heard_at) + quiet {
                    publisher.knock(&mut self.crowd, KNOCK)?;
                    knocked_at = now;
                }
                next = next.min(knocked_at.max(self.listeners.heard_at) + quiet);
            }
            self.turn(next)?;
            self.join_fresh()?;
        }
        Ok(())
    }

    /// When patience ends unless `count` grows; then the error is that of a server that puts clients off, or else `late`.
    fn deadline(
        &self,
        patience: &mut Patience,
        count: usize,
        waiting_for: &'static str,
        late: impl FnOnce(Duration) -> Error,
    ) -> Result<u64, Error> {
        let now = self.now();
        let ends = patience.ends(count, now);
        if now < ends {
            return Ok(ends);
        }
        let after = patience.length;
        Err(match self.crowd.put_off() {
            Some(refusal) => Error::PutOff { waiting_for, after, refusal: refusal.to_owned() },
            None => late(after),
        })
    }
}

/// How long opening may stand still.
struct Patience {
    length: Duration,
    since: u64,
    count: usize,
}

impl Patience {
    fn new(plan: &LoadPlan, now: u64) -> Self {
        // By polling the answer to a join may come an interval later.
        let interval = if plan.transport == Transport::Polling { plan.poll_interval } else { Duration::ZERO };
        Self { length: plan.open_timeout + interval, since: now, count: 0 }
    }

    /// When it ends, where there are so many by now.
    fn ends(&mut self, count: usize, now: u64) -> u64 {
        if count > self.count {
            (self.count, self.since) = (count, now);
        }
        self.since.saturating_add(nanoseconds(self.length))
    }
}

/// When one of several is begun, from the first on.
fn offset(index: usize, per_second: f64) -> u64 {
    nanoseconds(Duration::try_from_secs_f64(float(index as u64) / per_second).unwrap_or(Duration::MAX))
}
