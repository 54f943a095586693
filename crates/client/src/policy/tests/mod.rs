//! The machine on a virtual clock, among networks that do what is written.

mod racing;
mod reconnecting;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use super::*;
use Transport::{Comet, LongPolling, Polling, WebSocket};

/// What a network does with a transport.
#[derive(Clone, Copy, Debug)]
enum Path {
    /// The `open` arrives after so many milliseconds.
    Open(u64),
    /// The try fails after so many milliseconds.
    Fail(u64, FailureKind),
    /// The request goes out, and nothing comes back.
    Swallowed,
    /// Not even a connection is made.
    Black,
}

/// A machine, its network, and what it did.
struct World {
    policy: Policy,
    start: Instant,
    now: Instant,
    paths: HashMap<Transport, Path>,
    arrivals: Vec<(Instant, AttemptId, Option<FailureKind>)>,
    names: HashMap<AttemptId, Transport>,
    carrier: Option<AttemptId>,
    log: Vec<String>,
    waits: Vec<Duration>,
}

fn config() -> Config {
    Config {
        transports: Transport::ALL.to_vec(),
        race_delay: Duration::from_secs(1),
        comet_timeout: Duration::from_secs(2),
        attempt_timeout: Duration::from_secs(10),
        memory: Duration::from_secs(300),
        proven_after: Duration::from_secs(30),
        backoff: Backoff::default(),
        max_refusals: 3,
        gives_up_at_once: true,
    }
}

impl World {
    fn new(config: Config, paths: &[(Transport, Path)]) -> Self {
        let start = Instant::now();
        let mut world = Self {
            policy: Policy::new(config, 7),
            start,
            now: start,
            paths: HashMap::new(),
            arrivals: Vec::new(),
            names: HashMap::new(),
            carrier: None,
            log: Vec::new(),
            waits: Vec::new(),
        };
        world.paths(paths);
        world.policy.start(start);
        world.act();
        world
    }

    fn paths(&mut self, paths: &[(Transport, Path)]) {
        self.paths.extend(paths.iter().copied());
    }

    /// Lets the time pass up to `millis` after the start, and gives what happened meanwhile.
    fn until(&mut self, millis: u64) -> Vec<String> {
        let end = self.start + Duration::from_millis(millis);
        loop {
            let arrival = self.arrivals.iter().map(|(at, ..)| *at).min();
            let due = self.policy.poll_timeout(self.now).map(|at| at.max(self.now));
            let Some(next) = arrival.into_iter().chain(due).min().filter(|at| *at <= end) else { break };
            self.now = next;
            if arrival == Some(next) {
                let place = self.arrivals.iter().position(|(at, ..)| *at == next).expect("it is there");
                let (_, id, failed) = self.arrivals.remove(place);
                match failed {
                    None => self.policy.handle_open(id, self.now),
                    Some(kind) => self.policy.handle_failed(id, Failure { kind, floor: None }, self.now),
                }
            } else {
                self.policy.handle_timeout(self.now);
            }
            self.act();
        }
        self.now = end;
        std::mem::take(&mut self.log)
    }

    /// The carrier ends.
    fn end(&mut self, kind: FailureKind) {
        self.end_with(kind, None);
    }

    fn end_with(&mut self, kind: FailureKind, floor: Option<Duration>) {
        let id = self.carrier.expect("something carries");
        self.policy.handle_failed(id, Failure { kind, floor }, self.now);
        self.act();
    }

    fn wake(&mut self) {
        self.policy.handle_wake(self.now);
        self.act();
    }

    /// Lets all waits pass, and gives when the session was carried again, in milliseconds from now.
    fn until_carried(&mut self) -> u64 {
        let from = self.now;
        self.carrier = None;
        while self.carrier.is_none() {
            let next = self.now.duration_since(self.start).as_millis() + 10;
            assert!(next < 100_000_000, "nothing ever carries");
            let log = self.until(u64::try_from(next).expect("small"));
            self.log = log;
        }
        u64::try_from(self.now.duration_since(from).as_millis()).expect("small")
    }

    fn act(&mut self) {
        while let Some(action) = self.policy.poll_action() {
            let millis = self.now.duration_since(self.start).as_millis();
            let name = |id: &AttemptId| self.names.get(id).map_or("?", |transport| transport.as_str());
            let said = match &action {
                Action::Start(id, transport) => {
                    self.names.insert(*id, *transport);
                    format!("start {transport}")
                }
                Action::Carry(id) => format!("carry {}", name(id)),
                Action::Stop(id) => format!("stop {}", name(id)),
                Action::Abandon(id) => format!("abandon {}", name(id)),
                Action::Check(id) => format!("check {}", name(id)),
                Action::Wait(_) => "wait".to_owned(),
                Action::Forget => "forget".to_owned(),
                Action::GiveUp => "give up".to_owned(),
            };
            self.log.push(format!("{millis} {said}"));
            self.obey(action);
        }
    }

    fn obey(&mut self, action: Action) {
        match action {
            Action::Start(id, transport) => {
                let path = self.paths.get(&transport).copied().unwrap_or(Path::Black);
                if !matches!(path, Path::Black | Path::Fail(_, FailureKind::Unreachable)) {
                    self.policy.handle_sent(id, self.now);
                }
                let arrival = match path {
                    Path::Open(after) => Some((after, None)),
                    Path::Fail(after, kind) => Some((after, Some(kind))),
                    Path::Swallowed | Path::Black => None,
                };
                if let Some((after, failed)) = arrival {
                    self.arrivals.push((self.now + Duration::from_millis(after), id, failed));
                }
            }
            Action::Stop(id) | Action::Abandon(id) => self.arrivals.retain(|(_, other, _)| *other != id),
            Action::Carry(id) => self.carrier = Some(id),
            Action::Wait(wait) => self.waits.push(wait),
            Action::Check(_) | Action::Forget | Action::GiveUp => {}
        }
    }
}
