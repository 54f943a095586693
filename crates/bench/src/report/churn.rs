//! What came of clients that come and go.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ClientUse, Faults, ServerUse, Verdict, row, times};
use crate::{Arrivals, ChurnPlan, Distribution};

/// Ports that stay taken for a while after a connection has ended: on the side that closed first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TimeWait {
    /// On the server's port, where the server is on this machine.
    pub server: u64,
    /// On the clients' side.
    pub client: u64,
}

/// What came of a [`ChurnPlan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChurnReport {
    /// [`SCHEMA_VERSION`](crate::SCHEMA_VERSION).
    pub schema: u32,
    /// What was run.
    pub plan: ChurnPlan,
    /// From the first that was due to when the last one's message was back, in seconds.
    pub seconds: f64,
    /// Clients that were due.
    pub arrivals: u64,
    /// Clients that were open, and got their message back.
    pub served: u64,
    /// The same per second.
    pub per_second: f64,
    /// The most that there were at a time.
    pub most_clients: usize,
    /// From when a client was due to when it was open: corrected for those that had to wait. In a storm the same as `uncorrected`.
    pub opening: Distribution,
    /// From when it began to open.
    pub uncorrected: Distribution,
    /// From when it was due to when its message was back.
    pub first_echo: Distribution,
    /// What the server used; per CPU second are clients served. `None` without its process id.
    pub server: Option<ServerUse>,
    /// Server CPU time of one client, in microseconds; `None` without its process id.
    pub server_microseconds: Option<f64>,
    /// The server's resident bytes after the settling clients; `None` without its process id.
    pub resident_before: Option<u64>,
    /// The same with most of the clients there: when the last one was open.
    pub resident_during: Option<u64>,
    /// The same after the last had gone.
    pub resident_after: Option<u64>,
    /// What the server kept, per client that came and went: bytes.
    pub kept_per_client: Option<f64>,
    /// Ports that stay taken at the end; `None` where `/proc` doesn't tell.
    pub time_wait: Option<TimeWait>,
    /// What the load generator used while clients came: what follows is mostly waiting.
    pub client: ClientUse,
    /// What was wrong: clients that failed are counted as closed.
    pub faults: Faults,
    /// Whether it was broken off.
    pub interrupted: bool,
    /// Whether to trust it.
    pub verdict: Verdict,
}

impl fmt::Display for ChurnReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        row(f, "target", format_args!("{} over {}", plan.target, plan.transport.name()))?;
        match plan.arrivals {
            Arrivals::Rate { per_second, .. } => {
                row(
                    f,
                    "churn",
                    format_args!("{per_second} clients a second, each stays {:.1} s", plan.stay.as_secs_f64()),
                )?;
            }
            Arrivals::Storm { clients, at_a_time } => {
                row(f, "storm", format_args!("{clients} clients, {at_a_time} opening at a time"))?;
            }
        }
        let (served, arrivals, per_second) = (self.served, self.arrivals, self.per_second);
        let (seconds, most) = (self.seconds, self.most_clients);
        row(
            f,
            "served",
            format_args!("{served} of {arrivals} in {seconds:.2} s, {per_second:.0} a second, {most} at a time"),
        )?;
        row(f, "opening", times(&self.opening))?;
        row(f, "first echo", times(&self.first_echo))?;
        super::uses(f, "clients", self.server.as_ref(), &self.client)?;
        if let Some(each) = self.server_microseconds {
            row(f, "arrival", format_args!("{each:.0} µs of server CPU"))?;
        }
        if let (Some(before), Some(after), Some(kept)) =
            (self.resident_before, self.resident_after, self.kept_per_client)
        {
            row(f, "memory", format_args!("{kept:.0} B kept per client that went ({before} to {after})"))?;
        }
        if let Some(TimeWait { server, client }) = self.time_wait {
            row(f, "TIME_WAIT", format_args!("{server} at the server, {client} at the clients"))?;
        }
        row(f, "faults", &self.faults)?;
        row(f, "verdict", self.verdict)
    }
}
