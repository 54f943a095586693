//! Sessions whose carriers, or whose server, are killed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{MAX_DURATION, Talk, Transport, talk};
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResumePlan {
    /// The server's mount, `http://` or `ws://`.
    pub target: Target,
    /// What carries the clients: one of [`Transport::SESSIONS`].
    pub transport: Transport,
    /// How they talk.
    #[serde(flatten)]
    pub talk: Talk,
    /// What is killed; carriers by default.
    pub kill: Kill,
    /// How long after all are back it is killed again; 2 s by default, at most [`MAX_KILLS`] times in `duration`.
    #[serde(with = "seconds")]
    pub every: Duration,
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
            talk: Talk {
                clients: 100,
                rooms: 10,
                per_client: 2,
                rate: 200.0,
                size: 128,
                duration: Duration::from_secs(20),
                drain_timeout: Duration::from_secs(10),
                backoff: Duration::from_secs(6),
                poll_interval: Duration::from_secs(1),
            },
            kill: Kill::Carriers,
            every: Duration::from_secs(2),
            open_timeout: Duration::from_secs(30),
            server_pid: None,
            seed: 1,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let plan = |problem: &str| Err(Error::Plan { problem: problem.into() });
        self.talk.check(self.talk.duration)?;
        talk::has_sessions(&self.target, self.transport)?;
        if self.every.as_secs_f64() * (MAX_KILLS as f64) < self.talk.duration.as_secs_f64() || self.every.is_zero() {
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
    use crate::MAX_PUBLICATIONS;

    #[test]
    fn bounds_hold_at_the_limit_and_not_past_it() {
        let with = |change: fn(&mut ResumePlan)| {
            let mut plan = ResumePlan::new("http://127.0.0.1:1/".parse().unwrap(), Transport::Comet);
            change(&mut plan);
            plan.check().is_ok()
        };
        assert!(with(|_| {}) && !with(|plan| plan.talk.clients = 0));
        // One checker judges all of it.
        assert!(with(|plan| plan.talk.rate = MAX_PUBLICATIONS as f64 / 20.0));
        assert!(!with(|plan| plan.talk.rate = MAX_PUBLICATIONS as f64 / 20.0 + 1.0));
        for (duration, every, fits) in [(1_000, 1, true), (1_001, 1, false), (0, 0, false)] {
            let mut plan = ResumePlan::new("http://127.0.0.1:1/".parse().unwrap(), Transport::Comet);
            (plan.talk.duration, plan.every) = (Duration::from_secs(duration), Duration::from_secs(every));
            assert_eq!(plan.check().is_ok(), fits, "{duration} s, every {every} s");
        }
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
