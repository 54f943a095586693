//! A connection through the proxy: two flows, what HTTP makes of them, and the idle timeout. No I/O, and no clock of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::counts::Tally;
use super::flow::{Flow, Next};
use super::http::Http;
use super::{Config, Direction, End, Faults};

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Both sides ended it.
    Ended,
    /// A peer reset it, and the other side is to be told so.
    Reset,
    /// A fault cuts it.
    Cut,
}

/// What to do now; by direction where there are two.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Write [`Link::output`].
    pub(super) write: [bool; 2],
    /// End the writing side. To be done before the next step.
    pub(super) finish: [bool; 2],
    /// When to ask again, if nothing happens before.
    pub(super) deadline: Option<Instant>,
}

/// A connection. After each call of anything else, [`step`](Self::step) says what to do.
#[derive(Debug)]
pub(super) struct Link {
    flows: [Flow; 2],
    http: Option<Http>,
    idle_timeout: Option<Duration>,
    last_byte: Instant,
    tally: Arc<Tally>,
}

impl Link {
    /// The `number`th connection of its proxy.
    pub(super) fn new(faults: &Faults, config: &Config, number: u64, tally: Arc<Tally>, now: Instant) -> Self {
        let mut random = faults.random(number);
        let cut = faults.draw_cut(&mut random);
        let flows = Direction::BOTH.map(|direction| {
            let cut_at = cut.and_then(|(cut, at)| (cut == direction).then_some(at));
            Flow::new(faults.shape_of(direction), config.max_buffer, cut_at, random.split(), now)
        });
        let http = Http::new(faults, config.max_held);
        Self { flows, http, idle_timeout: faults.get_idle_timeout(), last_byte: now, tally }
    }

    /// The faults changed.
    pub(super) fn set_faults(&mut self, faults: &Faults) {
        for direction in Direction::BOTH {
            self.flow(direction).set_shape(faults.shape_of(direction));
        }
        self.idle_timeout = faults.get_idle_timeout();
    }

    /// How many bytes may be read now.
    pub(super) fn room(&self, direction: Direction) -> usize {
        self.flows[direction.index()].room()
    }

    /// Takes bytes that were read.
    pub(super) fn receive(&mut self, direction: Direction, now: Instant, bytes: Vec<u8>) {
        self.last_byte = now;
        self.tally.add(|counts| counts.of(direction).received += bytes.len() as u64);
        match &mut self.http {
            Some(http) => {
                http.receive(direction, &bytes);
                self.pass_http(now);
            }
            None => self.flow(direction).receive(now, bytes),
        }
        self.count_swallowed(direction);
    }

    /// Takes the end of what a side sends.
    pub(super) fn receive_end(&mut self, direction: Direction, now: Instant, end: End) {
        if let Some(http) = &mut self.http {
            http.end(direction);
            self.pass_http(now);
        }
        self.flow(direction).receive_end(now, end);
        if end == End::Reset {
            self.flow(direction.reverse()).receiver_lost();
        }
    }

    /// Writing in this direction failed: the receiver is gone, and won't send anything new either.
    pub(super) fn receiver_lost(&mut self, direction: Direction) {
        self.flow(direction).receiver_lost();
        self.flow(direction.reverse()).sender_lost();
    }

    /// What to do at this time, or that the connection is over.
    pub(super) fn step(&mut self, now: Instant) -> Result<Step, Over> {
        let mut step = Step::default();
        let mut at_latest = |at: Instant| step.deadline = Some(step.deadline.map_or(at, |deadline| deadline.min(at)));
        if let Some(timeout) = self.idle_timeout {
            let at = self.last_byte + timeout;
            if at <= now {
                self.tally.add(|counts| counts.idle_cuts += 1);
                return Err(Over::Cut);
            }
            at_latest(at);
        }
        for direction in Direction::BOTH {
            match self.flow(direction).poll(now) {
                Next::Nothing => {}
                Next::Wait(until) => at_latest(until),
                Next::Write => step.write[direction.index()] = true,
                Next::Finish(End::Fin) => step.finish[direction.index()] = true,
                Next::Finish(End::Reset) => return Err(Over::Reset),
                Next::Cut => return Err(Over::Cut),
            }
            self.count_swallowed(direction);
        }
        if step.finish == [false; 2] && self.flows.iter().all(Flow::is_done) { Err(Over::Ended) } else { Ok(step) }
    }

    /// What to write at once.
    pub(super) fn output(&self, direction: Direction) -> &[u8] {
        self.flows[direction.index()].output()
    }

    /// So many bytes of [`output`](Self::output) were written.
    pub(super) fn wrote(&mut self, direction: Direction, now: Instant, bytes: usize) {
        self.flow(direction).wrote(now, bytes);
        self.tally.add(|counts| counts.of(direction).sent += bytes as u64);
    }

    /// Whether each write in this direction is to be seen by itself.
    pub(super) const fn is_by_one_byte(&self, direction: Direction) -> bool {
        self.flows[direction.index()].is_by_one_byte()
    }

    const fn flow(&mut self, direction: Direction) -> &mut Flow {
        &mut self.flows[direction.index()]
    }

    /// One direction's bytes may let something pass in the other: all of both, once HTTP is over.
    fn pass_http(&mut self, now: Instant) {
        let Some(http) = &mut self.http else { return };
        for direction in Direction::BOTH {
            self.flows[direction.index()].receive(now, http.take(direction));
        }
        let done = http.done();
        if http.is_opaque() {
            self.http = None;
        }
        if done.switches_swallowed > 0 {
            self.flow(Direction::ToClient).swallow();
        }
        self.tally.add(|counts| {
            counts.upgrades_stripped += done.stripped;
            counts.switches_swallowed += done.switches_swallowed;
            counts.to_client.swallowed += done.swallowed;
            counts.responses_held += done.held;
        });
    }

    fn count_swallowed(&mut self, direction: Direction) {
        let swallowed = self.flow(direction).take_swallowed();
        if swallowed > 0 {
            self.tally.add(|counts| counts.of(direction).swallowed += swallowed);
        }
    }
}
