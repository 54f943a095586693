//! A process's share of a load.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::dial::PER_SOURCE;
use crate::random::Random;
use crate::{LoadPlan, Traffic, Transport};

/// Some clients of a plan, one after the other, and perhaps its publisher.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Slice {
    pub(super) plan: LoadPlan,
    /// The number of its first client among all.
    pub(super) first: usize,
    pub(super) clients: usize,
    /// Whether it has the publisher.
    pub(super) publishes: bool,
    /// Source addresses that are left to the others.
    pub(super) skipped_sources: usize,
    /// What the names of this run's rooms begin with: a server that lives longer has no history of them.
    pub(super) run: String,
}

impl Slice {
    /// A plan in so many parts of nearly the same size.
    pub(super) fn split(plan: &LoadPlan, processes: usize) -> Vec<Self> {
        let processes = processes.clamp(1, plan.clients);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_micros());
        let run = format!("bench-{:x}-{time:x}", std::process::id());
        let share = |index: usize| plan.clients * index / processes;
        (0..processes)
            .map(|index| Self {
                plan: plan.clone(),
                first: share(index),
                clients: share(index + 1) - share(index),
                publishes: index == 0 && plan.traffic != Traffic::Echo,
                // An address more is for connections that are made anew.
                skipped_sources: index * (sockets(plan, plan.clients.div_ceil(processes), true) / PER_SOURCE + 2),
                run: run.clone(),
            })
            .collect()
    }

    /// Descriptors that its sockets take.
    pub(super) fn sockets(&self) -> usize {
        sockets(&self.plan, self.clients, self.publishes)
    }

    /// Clients begun in a second.
    pub(super) fn ramp(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a million at the most")]
        let parts = [self.plan.ramp as f64, self.clients as f64, self.plan.clients as f64];
        parts[0] * parts[1] / parts[2]
    }

    /// Whether a client of it stops reading: those that do are spread evenly over all.
    pub(super) fn is_stalled(&self, client: usize) -> bool {
        let before = |client: usize| client * self.plan.stalled / self.plan.clients;
        before(self.first + client) < before(self.first + client + 1)
    }

    /// What a client of it gets messages of: rooms, in their order, or itself.
    pub(super) fn sources(&self, client: usize) -> Vec<u32> {
        let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        let Traffic::Rooms { rooms, per_client } = self.plan.traffic else { return vec![number(self.first + client)] };
        if per_client == rooms {
            return (0..number(rooms)).collect();
        }
        let mut random = Random::new(self.plan.seed ^ ((self.first + client) as u64) << 20).split();
        let mut chosen = BTreeSet::new();
        // Floyd's way: each set is as likely as any other.
        for last in number(rooms - per_client)..number(rooms) {
            let room = u32::try_from(random.up_to(u64::from(last))).unwrap_or(last);
            if !chosen.insert(room) {
                chosen.insert(last);
            }
        }
        chosen.into_iter().collect()
    }

    /// The name of a room where bare WebSockets have it in their address; `None` where that is the room's already.
    pub(super) fn place(&self, room: usize) -> Option<String> {
        (!self.plan.is_at_room()).then(|| format!("{}-{room}", self.run))
    }

    /// Writes the name of a room.
    pub(super) fn write_name<'a>(&self, room: u32, name: &'a mut String) -> &'a str {
        name.clear();
        // To a string it can't fail.
        let _infallible = write!(name, "{}-{room}", self.run);
        name
    }

    /// Whether clients are in their room by their address, and are not told so.
    pub(super) fn is_bare(&self) -> bool {
        self.plan.transport == Transport::Raw && self.plan.traffic != Traffic::Echo
    }
}

/// Descriptors of so many clients' sockets, and of the publisher's where it `publishes`: over HTTP a client has two connections at a
/// time; among bare WebSockets the publisher may need one in each room.
pub(super) fn sockets(plan: &LoadPlan, clients: usize, publishes: bool) -> usize {
    let publisher = match (plan.traffic, plan.transport) {
        (Traffic::Rooms { rooms, .. }, Transport::Raw) if publishes => 1 + rooms,
        _ => 1,
    };
    clients * if plan.transport.is_http() { 2 } else { 1 } + publisher
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(clients: usize, rooms: usize, per_client: usize) -> LoadPlan {
        let traffic = Traffic::Rooms { rooms, per_client };
        let mut plan = LoadPlan::new("ws://127.0.0.1:1/".parse().unwrap(), Transport::WebSocket, traffic);
        plan.clients = clients;
        plan
    }

    #[test]
    fn parts_are_the_whole() {
        for (clients, processes) in [(10, 1), (10, 3), (3, 3), (2, 64), (25_001, 2)] {
            let parts = Slice::split(&plan(clients, 1, 1), processes);
            let mut next = 0;
            for part in &parts {
                assert_eq!(part.first, next);
                assert!(part.clients > 0);
                next += part.clients;
            }
            assert_eq!((next, parts.len()), (clients, processes.min(clients)));
            assert_eq!(parts.iter().filter(|part| part.publishes).count(), 1);
            let ramp: f64 = parts.iter().map(Slice::ramp).sum();
            assert!((ramp - 2_000.0).abs() < 0.001, "{ramp}");
        }
    }

    #[test]
    fn processes_have_source_addresses_of_their_own() {
        let parts = Slice::split(&plan(25_000, 1, 1), 2);
        // 12,501 sockets are two addresses, and a third for those that are made anew.
        assert_eq!(parts.iter().map(|part| part.skipped_sources).collect::<Vec<_>>(), [0, 3]);
    }

    #[test]
    fn a_publisher_among_bare_websockets_has_one_in_each_room() {
        let mut plan = plan(10, 300, 1);
        let needed = |plan: &LoadPlan| Slice::split(plan, 2).iter().map(Slice::sockets).collect::<Vec<_>>();
        assert_eq!(needed(&plan), [6, 6]);
        plan.transport = Transport::Raw;
        assert_eq!(needed(&plan), [306, 6]);
        plan.transport = Transport::Comet;
        assert_eq!(needed(&plan), [11, 11]);
        (plan.transport, plan.traffic) = (Transport::Raw, Traffic::Echo);
        assert_eq!(needed(&plan), [6, 6]);
    }

    #[test]
    fn as_many_stall_as_were_asked_for() {
        for stalled in [0, 1, 9, 50, 99] {
            let mut plan = plan(100, 1, 1);
            plan.stalled = stalled;
            let parts = Slice::split(&plan, 3);
            let all = parts.iter().flat_map(|part| (0..part.clients).map(|client| part.is_stalled(client)));
            assert_eq!(all.filter(|&stalls| stalls).count(), stalled);
        }
    }

    #[test]
    fn a_clients_rooms_differ_and_are_the_same_in_each_run() {
        let parts = Slice::split(&plan(1_000, 100, 10), 1);
        let mut members = [0; 100];
        for client in 0..1_000 {
            let rooms = parts[0].sources(client);
            assert!(rooms.len() == 10 && rooms.is_sorted_by(|a, b| a < b), "{rooms:?}");
            rooms.iter().for_each(|&room| members[room as usize] += 1);
        }
        assert!(members.iter().all(|members| (50..200).contains(members)), "{members:?}");
        let split = Slice::split(&plan(1_000, 100, 10), 4);
        assert_eq!(split[1].sources(3), parts[0].sources(253));
        assert_eq!(Slice::split(&plan(3, 4, 4), 1)[0].sources(2), [0, 1, 2, 3]);
    }
}
