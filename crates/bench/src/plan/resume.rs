//! Sessions whose carriers, or whose server, are killed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MAX_CONNECTIONS, MAX_DURATION, MAX_MESSAGE_SIZE, MIN_LOAD_SIZE, Transport, bounds, talk};
use crate::{Error, Target, seconds};

/// Most times that something is killed in one run: 1,000.
pub const MAX_KILLS: usize = 1_000;

/// What is killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
#[non_exhaustive]
pub enum Kill {
    /// The carriers: all connections are cut, by FIN or by reset at random, on a proxy of the harness's own in front of the server.
    Carriers,
    /// The server: its process is killed, and started again at the same address.
    Server {
        /// The command that starts it, each of whose words may have `{address}`: the target's host and port.
        command: Vec<String>,
        /// How long it stays away, up to [`MAX_DURATION`]; 0.5 s by default.
        #[serde(with = "seconds")]
        down: Duration,
    },
}

/// Sessions whose carriers, or whose server, are killed while they talk: do they go on, how soon, and is anything lost?
///
/// The clients are those of `bowline-client`. Each is in some rooms, and sends messages at fixed times, whatever becomes of those before
/// them: half are echoed, half are published in one of its rooms. All deliveries are judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResumePlan {
    /// The server's mount, `http://` or `ws://`.
    pub target: Target,
    /// What carries the clients: one of [`Transport::SESSIONS`].
    pub transport: Transport,
    /// Clients, 1 to [`MAX_CONNECTIONS`]; 100 by default.
    pub clients: usize,
    /// How many rooms there are, 1 to [`MAX_ROOMS`](crate::MAX_ROOMS); 10 by default.
    pub rooms: usize,
    /// How many of them each client is in, up to [`MAX_ROOMS_PER_CLIENT`](crate::MAX_ROOMS_PER_CLIENT) and `rooms`; 2 by default.
    pub per_client: usize,
    /// Messages a second of all together, more than 0, at most [`MAX_RATE`](crate::MAX_RATE); 200 by default. With `duration` it makes at
    /// most [`MAX_PUBLICATIONS`](crate::MAX_PUBLICATIONS).
    pub rate: f64,
    /// Bytes of a message, [`MIN_LOAD_SIZE`] to [`MAX_MESSAGE_SIZE`]; 128 by default.
    pub size: usize,
    /// What is killed; carriers by default.
    pub kill: Kill,
    /// How long after all are back it is killed again; 2 s by default, at most [`MAX_KILLS`] times in `duration`.
    #[serde(with = "seconds")]
    pub every: Duration,
    /// The longest first wait of a client that lost its carrier, 10 ms to 1 h: it waits a random time up to it, which doubles with each
    /// try that fails, up to four times. 6 s by default, as `bowline-client` does.
    #[serde(with = "seconds")]
    pub backoff: Duration,
    /// Time from one poll of a client to its next, 10 ms to 1 h; 1 s by default. Only for [`Transport::Polling`].
    #[serde(with = "seconds")]
    pub poll_interval: Duration,
    /// How long they talk, up to [`MAX_DURATION`]; 20 s by default.
    #[serde(with = "seconds")]
    pub duration: Duration,
    /// How long what is under way may take at the end; 10 s by default.
    #[serde(with = "seconds")]
    pub drain_timeout: Duration,
    /// How long it may take until all are there, and until all are back; 30 s by default.
    #[serde(with = "seconds")]
    pub open_timeout: Duration,
    /// The server's process on this machine, for its CPU time. None where the server is killed.
    pub server_pid: Option<u32>,
    /// Of whatever is random: how carriers end, who is in which room.
    pub seed: u64,
}

impl ResumePlan {
    /// A plan with the defaults.
    #[must_use]
    pub fn new(target: Target, transport: Transport) -> Self {
        Self {
            target,
            transport,
            clients: 100,
            rooms: 10,
            per_client: 2,
            rate: 200.0,
            size: 128,
            kill: Kill::Carriers,
            every: Duration::from_secs(2),
            backoff: Duration::from_secs(6),
            poll_interval: Duration::from_secs(1),
            duration: Duration::from_secs(20),
            drain_timeout: Duration::from_secs(10),
            open_timeout: Duration::from_secs(30),
            server_pid: None,
            seed: 1,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let plan = |problem: &str| Err(Error::Plan { problem: problem.into() });
        bounds("number of clients", self.clients, 1, MAX_CONNECTIONS)?;
        bounds("message size", self.size, MIN_LOAD_SIZE, MAX_MESSAGE_SIZE)?;
        talk::rooms(self.rooms, self.per_client)?;
        talk::rate(self.rate, self.duration)?;
        talk::waits(self.backoff, self.poll_interval)?;
        talk::has_sessions(&self.target, self.transport)?;
        if self.duration > MAX_DURATION {
            return plan("the time to talk must be a day at the most");
        }
        if self.every.as_secs_f64() * (MAX_KILLS as f64) < self.duration.as_secs_f64() || self.every.is_zero() {
            return Err(Error::Plan {
                problem: format!("it may kill {MAX_KILLS} times at the most: raise the interval"),
            });
        }
        match &self.kill {
            Kill::Carriers => Ok(()),
            Kill::Server { .. } if self.server_pid.is_some() => {
                plan("a server that is killed and started again has no process id to give")
            }
            Kill::Server { command, .. } if command.first().is_none_or(String::is_empty) => {
                plan("killing the server takes the command that starts it")
            }
            Kill::Server { down, .. } if *down > MAX_DURATION => plan("the server may be away a day at the most"),
            Kill::Server { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MAX_PUBLICATIONS, MAX_RATE, MAX_ROOMS, MAX_ROOMS_PER_CLIENT};

    #[test]
    fn bounds_hold_at_the_limit_and_not_past_it() {
        let with = |change: fn(&mut ResumePlan)| {
            let mut plan = ResumePlan::new("http://127.0.0.1:1/".parse().unwrap(), Transport::Comet);
            change(&mut plan);
            plan.check().is_ok()
        };
        let ms = Duration::from_millis;
        assert!(with(|_| {}));
        assert!(with(|plan| plan.clients = MAX_CONNECTIONS) && !with(|plan| plan.clients = MAX_CONNECTIONS + 1));
        assert!(with(|plan| plan.size = MIN_LOAD_SIZE) && !with(|plan| plan.size = MIN_LOAD_SIZE - 1));
        assert!(with(|plan| plan.size = MAX_MESSAGE_SIZE) && !with(|plan| plan.size = MAX_MESSAGE_SIZE + 1));
        assert!(with(|plan| plan.rooms = MAX_ROOMS) && !with(|plan| plan.rooms = MAX_ROOMS + 1));
        assert!(with(|plan| (plan.rooms, plan.per_client) = (200, MAX_ROOMS_PER_CLIENT)));
        assert!(!with(|plan| (plan.rooms, plan.per_client) = (200, MAX_ROOMS_PER_CLIENT + 1)));
        assert!(
            with(|plan| (plan.rooms, plan.per_client) = (3, 3)) && !with(|plan| (plan.rooms, plan.per_client) = (3, 4))
        );
        let one = Duration::from_secs(1);
        assert!(with(|plan| (plan.rate, plan.duration) = (MAX_PUBLICATIONS as f64, Duration::from_secs(1))));
        assert!(!with(|plan| (plan.rate, plan.duration) = (MAX_PUBLICATIONS as f64 + 1.0, Duration::from_secs(1))));
        assert!(!with(|plan| plan.rate = 0.0) && !with(|plan| plan.rate = f64::NAN) && one < MAX_DURATION);
        assert!(!with(|plan| (plan.rate, plan.duration) = (MAX_RATE + 1.0, Duration::ZERO)));
        assert!(with(|plan| (plan.duration, plan.every) = (Duration::from_secs(1_000), Duration::from_secs(1))));
        assert!(!with(|plan| (plan.duration, plan.every) = (Duration::from_secs(1_001), Duration::from_secs(1))));
        assert!(!with(|plan| (plan.duration, plan.every) = (Duration::ZERO, Duration::ZERO)));
        assert!(
            with(|plan| plan.backoff = Duration::from_millis(10))
                && !with(|plan| plan.backoff = Duration::from_millis(9))
        );
        assert!(
            with(|plan| plan.backoff = Duration::from_secs(3600))
                && !with(|plan| plan.backoff = Duration::from_secs(3601))
        );
        assert!(with(|plan| plan.poll_interval = Duration::from_millis(10)));
        assert!(!with(|plan| plan.poll_interval = Duration::from_millis(9)) && ms(9) < ms(10));
        assert!(!with(|plan| plan.transport = Transport::Raw));
        assert!(!with(|plan| plan.target = "tcp://127.0.0.1:1".parse().unwrap()));
    }

    #[test]
    fn a_server_is_killed_only_by_who_can_start_it() {
        let with = |command: &[&str], down, pid| {
            let mut plan = ResumePlan::new("ws://127.0.0.1:1/".parse().unwrap(), Transport::WebSocket);
            plan.kill = Kill::Server { command: command.iter().map(|word| (*word).to_owned()).collect(), down };
            plan.server_pid = pid;
            plan.check().is_ok()
        };
        assert!(with(&["server", "{address}"], MAX_DURATION, None));
        assert!(!with(&["server"], MAX_DURATION + Duration::from_secs(1), None));
        assert!(!with(&[], Duration::ZERO, None) && !with(&[""], Duration::ZERO, None));
        assert!(!with(&["server"], Duration::ZERO, Some(1)));
    }
}
