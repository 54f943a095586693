//! Which transport is tried when, without I/O and without a clock.
//!
//! ```text
//!         start                  open arrived
//!  Idle ─────────► Racing ──────────────────────► Carried ⟲ the open of a better one arrived
//!                   ▲  │ all failed                 │ ended
//!                   │  ▼                            │
//!                   └─ Between ◄────────────────────┘
//!                   wait over
//!  any of these ── all refused, or stop ──► Over
//! ```
//!
//! Drain [`poll_action`](Policy::poll_action) after each call, and look at [`poll_timeout`](Policy::poll_timeout).

mod attempt;
mod backoff;
mod memory;
#[cfg(test)]
mod tests;
mod wake;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rand::{SeedableRng as _, rngs::StdRng};

pub use self::backoff::Backoff;
pub(crate) use self::{
    attempt::{Action, AttemptId, Failure, FailureKind},
    wake::WakeDetector,
};
use self::{
    attempt::{Attempt, Role},
    backoff::Waits,
    memory::Memory,
};
use crate::Transport;

/// How the machine behaves; [`Builder`](crate::Builder) documents each.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// Best first, none twice, at least one.
    pub(crate) transports: Vec<Transport>,
    pub(crate) race_delay: Duration,
    pub(crate) comet_timeout: Duration,
    pub(crate) attempt_timeout: Duration,
    pub(crate) memory: Duration,
    pub(crate) proven_after: Duration,
    pub(crate) backoff: Backoff,
    /// Rounds in a row in which every transport was refused, before the machine gives up.
    pub(crate) max_refusals: u32,
    /// One is enough where nothing was ever carried: the next would be the same.
    pub(crate) gives_up_at_once: bool,
}

/// Decides which transport is tried when, and which carries.
#[derive(Debug)]
pub(crate) struct Policy {
    config: Config,
    state: State,
    attempts: Vec<Attempt>,
    memory: Memory,
    waits: Waits,
    rng: StdRng,
    last_id: u64,
    /// Since when there is a session to attach to.
    session_since: Option<Instant>,
    /// Something has carried.
    was_carried: bool,
    /// Rounds in a row in which every transport was refused.
    refusals: u32,
    actions: VecDeque<Action>,
}

#[derive(Debug)]
enum State {
    Idle,
    Racing(Race),
    Carried(Carried),
    Between { until: Instant },
    Over,
}

/// A round of tries.
#[derive(Debug, Default)]
struct Race {
    untried: VecDeque<Transport>,
    /// When the next is tried beside those that are under way.
    next_at: Option<Instant>,
    failed: Vec<(Transport, FailureKind)>,
    floor: Option<Duration>,
}

#[derive(Debug)]
struct Carried {
    id: AttemptId,
    transport: Transport,
    since: Instant,
    /// It was superseded, by the try for a better one as it seems; until when that one's `open` is waited for.
    superseded_until: Option<Instant>,
    /// A try that was stopped may have got through to the server after this one, and have superseded it.
    may_be_superseded: bool,
}

impl Policy {
    /// A machine that has not started; `seed` decides its waits.
    pub(crate) fn new(config: Config, seed: u64) -> Self {
        Self {
            waits: Waits::new(config.backoff),
            config,
            state: State::Idle,
            attempts: Vec::new(),
            memory: Memory::default(),
            rng: StdRng::seed_from_u64(seed),
            last_id: 0,
            session_since: None,
            was_carried: false,
            refusals: 0,
            actions: VecDeque::new(),
        }
    }

    /// Begins.
    pub(crate) fn start(&mut self, now: Instant) {
        self.begin_round(None, now);
    }

    /// Ends: whatever is under way is closed.
    pub(crate) fn stop(&mut self) {
        self.stop_attempts(|_| true);
        if let State::Carried(carried) = &self.state {
            self.actions.push_back(Action::Stop(carried.id));
        }
        self.state = State::Over;
    }

    /// The server was reached, and has this one's request: what is missing now is its answer.
    pub(crate) fn handle_sent(&mut self, id: AttemptId, now: Instant) {
        let timeout = self.config.comet_timeout;
        if let Some(attempt) = self.attempts.iter_mut().find(|attempt| attempt.id == id && !attempt.sent) {
            attempt.sent = true;
            // PROTOCOL.md §3: with nothing within 2 s, something on the way buffers.
            if attempt.transport == Transport::Comet {
                attempt.deadline = attempt.deadline.min(now + timeout);
            }
        }
    }

    /// This one's `open` arrived.
    pub(crate) fn handle_open(&mut self, id: AttemptId, now: Instant) {
        let Some(place) = self.attempts.iter().position(|attempt| attempt.id == id) else { return };
        let attempt = self.attempts.remove(place);
        self.memory.works(attempt.transport);
        if attempt.role == Role::Abandoned || attempt.fresh && self.session_since.is_some() {
            // It was slow and does work: the next try is for the session that there is.
            self.actions.push_back(Action::Abandon(id));
            self.probe_if_due(now);
            return;
        }
        self.session_since.get_or_insert(now);
        self.was_carried = true;
        self.refusals = 0;
        let carried =
            Carried { id, transport: attempt.transport, since: now, superseded_until: None, may_be_superseded: false };
        match std::mem::replace(&mut self.state, State::Carried(carried)) {
            State::Racing(race) => self.remember(&race, attempt.transport, now),
            State::Carried(old) => self.actions.push_back(Action::Stop(old.id)),
            State::Idle | State::Between { .. } | State::Over => {}
        }
        self.actions.push_back(Action::Carry(id));
        self.settle_losers(attempt.transport);
        self.probe_if_due(now);
    }

    /// This one failed before its `open`, or ended after it.
    pub(crate) fn handle_failed(&mut self, id: AttemptId, failure: Failure, now: Instant) {
        if let Some(place) = self.attempts.iter().position(|attempt| attempt.id == id) {
            let attempt = self.attempts.remove(place);
            self.attempt_failed(&attempt, failure, now);
        } else if let State::Carried(carried) = &self.state
            && carried.id == id
        {
            self.carrier_ended(failure, now);
        }
    }

    /// The server doesn't know the session any more, as the answer to another request told.
    pub(crate) fn handle_lost(&mut self, now: Instant) {
        if self.session_since.is_some() && !matches!(self.state, State::Over) {
            if let State::Carried(carried) = &self.state {
                self.actions.push_back(Action::Stop(carried.id));
            }
            self.forget_session(None, now);
        }
    }

    /// The machine slept, or the network changed: nothing of before can be relied on.
    pub(crate) fn handle_wake(&mut self, now: Instant) {
        self.memory.forget();
        match &self.state {
            State::Carried(carried) => self.actions.push_back(Action::Check(carried.id)),
            State::Racing(_) | State::Between { .. } => {
                self.stop_attempts(|attempt| attempt.role != Role::Abandoned);
                self.begin_round(None, now);
            }
            State::Idle | State::Over => {}
        }
    }

    /// Does what is due.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        while let Some(place) = self.attempts.iter().position(|attempt| attempt.deadline <= now) {
            let attempt = self.attempts.remove(place);
            self.actions.push_back(if attempt.fresh { Action::Abandon(attempt.id) } else { Action::Stop(attempt.id) });
            let kind = if attempt.sent { FailureKind::Broken } else { FailureKind::Unreachable };
            self.attempt_failed(&attempt, Failure { kind, floor: None }, now);
        }
        match &mut self.state {
            State::Racing(race) if race.next_at.is_some_and(|at| at <= now) => self.start_next(now),
            State::Between { until } if *until <= now => self.begin_round(None, now),
            State::Carried(carried) if carried.superseded_until.is_some_and(|at| at <= now) => {
                let transport = carried.transport;
                self.begin_round(Some(transport), now);
            }
            State::Carried(_) => self.probe_if_due(now),
            State::Idle | State::Racing(_) | State::Between { .. } | State::Over => {}
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(crate) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        let of_state = match &self.state {
            State::Racing(race) => race.next_at,
            State::Between { until } => Some(*until),
            State::Carried(carried) => carried.superseded_until.or_else(|| self.next_probe(now).map(|(_, at)| at)),
            State::Idle | State::Over => None,
        };
        self.attempts.iter().map(|attempt| attempt.deadline).chain(of_state).min()
    }

    /// What is to be done next.
    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Begins a round of tries: `first`, then what isn't avoided, then the rest.
    fn begin_round(&mut self, first: Option<Transport>, now: Instant) {
        let under_way = |transport| self.attempts.iter().any(|a| a.transport == transport && a.role == Role::Probe);
        let avoided = |transport| self.memory.avoided_until(transport, now).is_some();
        let mut untried: Vec<_> = self.config.transports.iter().copied().filter(|t| !under_way(*t)).collect();
        // Stable: within each of the three the order stays.
        untried.sort_by_key(|transport| (first != Some(*transport), avoided(*transport)));
        for attempt in &mut self.attempts {
            if attempt.role == Role::Probe {
                attempt.role = Role::Racing;
            }
        }
        self.state = State::Racing(Race { untried: untried.into(), ..Race::default() });
        self.start_next(now);
    }

    /// Starts the next of the round, if there is one.
    fn start_next(&mut self, now: Instant) {
        let State::Racing(race) = &mut self.state else { return };
        race.next_at = None;
        let Some(transport) = race.untried.pop_front() else { return };
        // Others are tried only once this one has failed: they wouldn't do better meanwhile.
        race.next_at = (transport == Transport::WebSocket).then(|| now + self.config.race_delay);
        self.start_attempt(transport, Role::Racing, now);
    }

    fn start_attempt(&mut self, transport: Transport, role: Role, now: Instant) {
        self.last_id += 1;
        let id = AttemptId(self.last_id);
        let deadline = now + self.config.attempt_timeout;
        self.attempts.push(Attempt { id, transport, role, fresh: self.session_since.is_none(), sent: false, deadline });
        self.actions.push_back(Action::Start(id, transport));
    }

    fn attempt_failed(&mut self, attempt: &Attempt, mut failure: Failure, now: Instant) {
        if attempt.fresh && failure.kind == FailureKind::Gone {
            // It named no session: there is nothing at this address.
            failure.kind = FailureKind::Refused;
        }
        match (&mut self.state, attempt.role) {
            (State::Racing(race), Role::Racing) => {
                race.failed.push((attempt.transport, failure.kind));
                race.floor = race.floor.max(failure.floor);
                match failure.kind {
                    // A WebSocket's 404 may come from something that knows none: the other transports decide.
                    FailureKind::Gone if attempt.transport.is_http() => return self.forget_session(None, now),
                    FailureKind::Unreachable => race.untried.clear(),
                    _ => {}
                }
                self.start_next(now);
                self.end_round_if_over(now);
            }
            (State::Carried(carried), _) => {
                let restart = carried.superseded_until.is_some().then_some(carried.transport);
                // Something else carries: that this one didn't reach the server is a matter of its path. And without some wait
                // the next try would be made at once.
                self.memory.avoid(attempt.transport, now + self.config.memory.max(self.config.race_delay));
                match restart {
                    Some(transport) => self.begin_round(Some(transport), now),
                    None => self.probe_if_due(now),
                }
            }
            _ => {}
        }
    }

    fn end_round_if_over(&mut self, now: Instant) {
        let State::Racing(race) = &self.state else { return };
        if self.attempts.iter().any(|attempt| attempt.role == Role::Racing) {
            return;
        }
        let all = |wanted| race.failed.iter().all(|(_, kind)| *kind == wanted);
        if race.failed.iter().any(|(_, kind)| *kind == FailureKind::Gone) {
            return self.forget_session(None, now);
        }
        self.refusals = if all(FailureKind::Refused) { self.refusals + 1 } else { 0 };
        let floor = race.floor;
        let max = if self.config.gives_up_at_once && !self.was_carried { 1 } else { self.config.max_refusals };
        if self.refusals >= max {
            self.stop();
            self.actions.push_back(Action::GiveUp);
        } else {
            self.wait(floor, now);
        }
    }

    fn carrier_ended(&mut self, failure: Failure, now: Instant) {
        let State::Carried(carried) = &mut self.state else { return };
        let (transport, age) = (carried.transport, now.saturating_duration_since(carried.since));
        match failure.kind {
            FailureKind::Superseded if self.attempts.iter().any(|attempt| attempt.role == Role::Probe) => {
                carried.superseded_until = Some(now + self.config.comet_timeout);
            }
            // Somebody else has the secret, or a try of before came late: once is no reason to wait.
            FailureKind::Superseded if carried.may_be_superseded || age >= self.config.race_delay => {
                self.begin_round(Some(transport), now);
            }
            FailureKind::Gone => {
                self.waits.lost(age >= self.config.proven_after);
                self.forget_session(failure.floor, now);
            }
            FailureKind::Superseded | FailureKind::Unreachable | FailureKind::Broken | FailureKind::Refused => {
                let proven = age >= self.config.proven_after;
                self.memory.broke(transport, proven, now, self.config.memory);
                self.waits.lost(proven);
                self.wait(failure.floor, now);
            }
        }
    }

    fn wait(&mut self, floor: Option<Duration>, now: Instant) {
        let wait = self.waits.next(floor, &mut self.rng);
        // A server that says "in a thousand years" is waited for as long as the clock can tell.
        let until = now.checked_add(wait).unwrap_or(now + Duration::from_hours(24 * 365));
        self.state = State::Between { until };
        self.actions.push_back(Action::Wait(wait));
    }

    /// There is no session any more: another is opened, at once unless this one was lost as soon as it was there, or the server
    /// says when.
    fn forget_session(&mut self, floor: Option<Duration>, now: Instant) {
        let since = self.session_since.take();
        self.actions.push_back(Action::Forget);
        self.stop_attempts(|attempt| attempt.role != Role::Abandoned);
        let is_young = since.is_some_and(|since| now.saturating_duration_since(since) < self.config.race_delay);
        if is_young || floor.is_some() {
            self.wait(floor, now);
        } else {
            self.begin_round(None, now);
        }
    }

    fn stop_attempts(&mut self, which: impl Fn(&Attempt) -> bool) {
        let actions = &mut self.actions;
        self.attempts.retain(|attempt| {
            let stopped = which(attempt);
            if stopped {
                let stop = if attempt.fresh { Action::Abandon(attempt.id) } else { Action::Stop(attempt.id) };
                actions.push_back(stop);
            }
            !stopped
        });
    }

    /// `winner` works: what was tried before it and failed is avoided for a while.
    fn remember(&mut self, race: &Race, winner: Transport, now: Instant) {
        for (transport, kind) in &race.failed {
            if self.rank(*transport) < self.rank(winner) && *kind != FailureKind::Unreachable {
                self.memory.avoid(*transport, now + self.config.memory);
            }
        }
    }

    fn rank(&self, transport: Transport) -> usize {
        self.config.transports.iter().position(|other| *other == transport).unwrap_or(usize::MAX)
    }

    /// What else was under way when `winner` won: a better one may still come, and what asks for a session of its own
    /// must be ended once it has it.
    fn settle_losers(&mut self, winner: Transport) {
        let worse = self.config.transports[self.rank(winner)..].to_vec();
        let before = self.attempts.len();
        self.stop_attempts(|attempt| !attempt.fresh && worse.contains(&attempt.transport));
        if let State::Carried(carried) = &mut self.state {
            carried.may_be_superseded = self.attempts.len() < before;
        }
        for attempt in &mut self.attempts {
            attempt.role = if attempt.fresh { Role::Abandoned } else { Role::Probe };
        }
    }

    /// The best transport that is worth a try while another carries, and when.
    fn next_probe(&self, now: Instant) -> Option<(Transport, Instant)> {
        let State::Carried(carried) = &self.state else { return None };
        if carried.superseded_until.is_some() || self.attempts.iter().any(|attempt| attempt.role == Role::Probe) {
            return None;
        }
        let better = self.config.transports.iter().take_while(|transport| **transport != carried.transport);
        let idle = better.filter(|transport| !self.attempts.iter().any(|attempt| attempt.transport == **transport));
        idle.map(|transport| (*transport, self.memory.avoided_until(*transport, now).unwrap_or(now)))
            .min_by_key(|(_, at)| *at)
    }

    fn probe_if_due(&mut self, now: Instant) {
        if let Some((transport, at)) = self.next_probe(now)
            && at <= now
        {
            self.start_attempt(transport, Role::Probe, now);
        }
    }
}
