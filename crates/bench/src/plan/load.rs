//! Messages at fixed times, over any transport.

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MAX_CONNECTIONS, MAX_MESSAGE_SIZE, MAX_RATE, Transport, bounds};
use crate::{Error, Protocol, Target, seconds};

/// Shortest message of a [`LoadPlan`]: it holds who sent it, its number and when it was due.
pub const MIN_LOAD_SIZE: usize = 48;
/// Most rooms of a plan: 65,536.
pub const MAX_ROOMS: usize = 65_536;
/// Most rooms that a client is in: 128, as many as the protocol names in one cursor.
pub const MAX_ROOMS_PER_CLIENT: usize = 128;
/// Most load processes: 64.
pub const MAX_PROCESSES: usize = 64;
/// Longest measured time: a day.
pub const MAX_DURATION: Duration = Duration::from_secs(86_400);

/// What goes to and fro.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Traffic {
    /// Each client sends messages in its turn, and gets them back.
    Echo,
    /// Publications go to rooms in turn, and to each client that is in one. One publisher of its own, over a WebSocket session, sends
    /// them, so that their way to the server is the same for all transports. One room is fan-out.
    Rooms {
        /// How many rooms there are, 1 to [`MAX_ROOMS`].
        rooms: usize,
        /// How many of them each client is in, 1 to [`MAX_ROOMS_PER_CLIENT`] and at most `rooms`. Over [`Transport::Raw`] one.
        per_client: usize,
    },
}

/// Which headers requests have, besides those that are needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Headers {
    /// None: the default.
    #[default]
    Lean,
    /// Those that a browser sends with each `fetch`: agent, languages, encodings, hints, origin, referrer, a cookie.
    Browser,
}

/// One workload over one transport, in an open model: messages are due at fixed times, whatever becomes of those before them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LoadPlan {
    /// The server: `http://` or `ws://`. The address is that of the mount (`{mount}/session`, `{mount}/rooms/{room}`), but over
    /// [`Transport::Raw`] an echo takes it as it is, and `ws://` is the one room itself, of any server that sends each message to all there.
    pub target: Target,
    /// What carries the clients.
    pub transport: Transport,
    /// What goes to and fro.
    pub traffic: Traffic,
    /// Clients, 1 to [`MAX_CONNECTIONS`]; 100 by default.
    pub clients: usize,
    /// How many of them stop reading when measuring begins, at most all but one; none by default. What they miss is no fault.
    pub stalled: usize,
    /// Messages, or publications, a second, of all together; more than 0, at most [`MAX_RATE`]; 1,000 by default. 0 sends nothing.
    pub rate: f64,
    /// Bytes of a message, [`MIN_LOAD_SIZE`] to [`MAX_MESSAGE_SIZE`]; 128 by default.
    pub size: usize,
    /// Time from one poll of a client to its next, 10 ms to 1 h; 1 s by default. Only for [`Transport::Polling`].
    #[serde(with = "seconds")]
    pub poll_interval: Duration,
    /// How long the server may hold a poll, up to 25 s, the default. Only for [`Transport::LongPolling`].
    #[serde(with = "seconds")]
    pub poll_wait: Duration,
    /// Which headers requests have.
    pub headers: Headers,
    /// Clients begun in a second, 1 to [`MAX_CONNECTIONS`]; 2,000 by default.
    pub ramp: usize,
    /// How long to run before measuring; 1 s by default.
    #[serde(with = "seconds")]
    pub warm_up: Duration,
    /// How long to measure, up to [`MAX_DURATION`]; 10 s by default.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// How long to wait for what is under way once nothing new is sent and nothing comes; 5 s by default (polling: besides its interval).
    #[serde(with = "seconds")]
    pub drain_timeout: Duration,
    /// How long opening may stand still; 10 s by default.
    #[serde(with = "seconds")]
    pub open_timeout: Duration,
    /// The server's process on this machine, for its CPU time and memory.
    pub server_pid: Option<u32>,
    /// The server's own address, where the target's is that of a proxy in front of it: whose sockets are looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_address: Option<SocketAddr>,
    /// Load processes, 1 to [`MAX_PROCESSES`]; 0, the default, for as many as descriptors ask for, and in a
    /// [`Suite`](crate::Suite) for one more where a core runs out and another is left.
    pub processes: usize,
    /// Of whatever is random: which rooms a client is in, when a client polls.
    pub seed: u64,
}

impl LoadPlan {
    /// A plan with the defaults.
    #[must_use]
    pub fn new(target: Target, transport: Transport, traffic: Traffic) -> Self {
        Self {
            target,
            transport,
            traffic,
            clients: 100,
            stalled: 0,
            rate: 1_000.0,
            size: 128,
            poll_interval: Duration::from_secs(1),
            poll_wait: Duration::from_secs(25),
            headers: Headers::default(),
            ramp: 2_000,
            warm_up: Duration::from_secs(1),
            duration: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(5),
            open_timeout: Duration::from_secs(10),
            server_pid: None,
            server_address: None,
            processes: 0,
            seed: 1,
        }
    }

    /// Whether clients have nothing to say: what is measured is what they cost.
    pub(crate) fn is_idle(&self) -> bool {
        self.rate == 0.0
    }

    /// Whether the address is the room, rather than that of a mount that has rooms.
    pub(crate) fn is_at_room(&self) -> bool {
        let is_bare = self.transport == Transport::Raw && self.traffic != Traffic::Echo;
        is_bare && self.target.protocol() == Protocol::WebSocket
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let plan = |problem: &str| Err(Error::Plan { problem: problem.into() });
        bounds("number of clients", self.clients, 1, MAX_CONNECTIONS)?;
        bounds("number of stalled clients", self.stalled, 0, self.clients - 1)?;
        bounds("message size", self.size, MIN_LOAD_SIZE, MAX_MESSAGE_SIZE)?;
        bounds("number of clients begun in a second", self.ramp, 1, MAX_CONNECTIONS)?;
        bounds("number of processes", self.processes, 0, MAX_PROCESSES)?;
        if let Traffic::Rooms { rooms, per_client } = self.traffic {
            bounds("number of rooms", rooms, 1, MAX_ROOMS)?;
            bounds("number of rooms of a client", per_client, 1, MAX_ROOMS_PER_CLIENT.min(rooms))?;
            if self.transport == Transport::Raw && per_client > 1 {
                return plan("a bare WebSocket is in one room: use a session for more");
            }
            if self.is_at_room() && rooms > 1 {
                return plan(
                    "the address of bare WebSockets by ws:// is one room itself: for more give the mount, http://",
                );
            }
        }
        if !(0.0..=MAX_RATE).contains(&self.rate) {
            return Err(Error::Plan {
                problem: format!("the rate must be 0 to {MAX_RATE} a second, not {}", self.rate),
            });
        }
        if !(Duration::from_millis(10)..=Duration::from_secs(3600)).contains(&self.poll_interval) {
            return plan("the polling interval must be 10 ms to 1 h");
        }
        if self.poll_wait > Duration::from_secs(25) {
            return plan("a server holds a poll 25 s at the most");
        }
        if self.duration > MAX_DURATION {
            return plan("the measured time must be a day at the most");
        }
        if self.target.protocol() == Protocol::Raw {
            return plan("a tcp:// server knows no transports: use http:// or ws://");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_at_the_limit_and_not_past_it() {
        let with = |change: fn(&mut LoadPlan)| {
            let target = "http://127.0.0.1:1/".parse().unwrap();
            let traffic = Traffic::Rooms { rooms: MAX_ROOMS, per_client: MAX_ROOMS_PER_CLIENT };
            let mut plan = LoadPlan::new(target, Transport::Comet, traffic);
            change(&mut plan);
            plan.check().is_ok()
        };
        let rooms = |rooms, per_client| Traffic::Rooms { rooms, per_client };
        assert!(with(|plan| plan.size = MIN_LOAD_SIZE) && !with(|plan| plan.size = MIN_LOAD_SIZE - 1));
        assert!(with(|plan| plan.size = MAX_MESSAGE_SIZE) && !with(|plan| plan.size = MAX_MESSAGE_SIZE + 1));
        assert!(with(|plan| plan.clients = MAX_CONNECTIONS) && !with(|plan| plan.clients = MAX_CONNECTIONS + 1));
        assert!(with(|plan| plan.stalled = 99) && !with(|plan| plan.stalled = 100));
        assert!(with(|plan| plan.rate = MAX_RATE) && !with(|plan| plan.rate = MAX_RATE + 1.0));
        assert!(with(|plan| plan.rate = 0.0) && !with(|plan| plan.rate = -1.0) && !with(|plan| plan.rate = f64::NAN));
        assert!(with(|plan| plan.processes = MAX_PROCESSES) && !with(|plan| plan.processes = MAX_PROCESSES + 1));
        assert!(with(|plan| plan.poll_wait = Duration::from_secs(25)));
        assert!(!with(|plan| plan.poll_wait = Duration::from_millis(25_001)));
        assert!(with(|plan| plan.poll_interval = Duration::from_millis(10)));
        assert!(!with(|plan| plan.poll_interval = Duration::from_millis(9)));
        assert!(with(|plan| plan.duration = MAX_DURATION));
        assert!(!with(|plan| plan.duration = MAX_DURATION + Duration::from_secs(1)));
        assert!(with(|_| {}));
        let target: Target = "http://127.0.0.1:1/".parse().unwrap();
        for (traffic, fits) in [(rooms(MAX_ROOMS + 1, 1), false), (rooms(1, 2), false), (rooms(1, 1), true)] {
            assert_eq!(LoadPlan::new(target.clone(), Transport::Polling, traffic).check().is_ok(), fits, "{traffic:?}");
        }
        assert!(LoadPlan::new(target.clone(), Transport::Raw, rooms(2, 2)).check().is_err());
        assert!(LoadPlan::new(target, Transport::Raw, rooms(2, 1)).check().is_ok());
        let room: Target = "ws://127.0.0.1:1/room".parse().unwrap();
        assert!(LoadPlan::new(room.clone(), Transport::Raw, rooms(1, 1)).check().is_ok());
        assert!(LoadPlan::new(room, Transport::Raw, rooms(2, 1)).check().is_err());
    }
}
