//! What came of a soak.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ClientUse, Reconciled, ServerUse, Stretch, Verdict, row, times};
use crate::{ChatPlan, Distribution};

/// How something changed from the second quarter of a run, when it had warmed up, to the last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Drift {
    /// The median of the second quarter's stretches.
    pub before: f64,
    /// The median of the last quarter's.
    pub after: f64,
}

/// What came of a [`ChatPlan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChatReport {
    /// [`SCHEMA_VERSION`](crate::SCHEMA_VERSION).
    pub schema: u32,
    /// What was run.
    pub plan: ChatPlan,
    /// How long opening took, in seconds.
    pub opening_seconds: f64,
    /// How long they talked, in seconds; shorter than planned where it was broken off.
    pub seconds: f64,
    /// Messages sent to be echoed.
    pub echoes: u64,
    /// Messages published.
    pub publications: u64,
    /// Echoes and publications that came.
    pub deliveries: u64,
    /// Latency from when a message was due.
    pub latency: Distribution,
    /// How late messages were handed over to the client that is to send them.
    pub lag: Distribution,
    /// Clients that came.
    pub comings: u64,
    /// Clients that went.
    pub goings: u64,
    /// Changes from one transport to another.
    pub switches: u64,
    /// Carriers that were lost, and replaced.
    pub reconnects: Distribution,
    /// Sessions that the server did not know any more.
    pub lost_sessions: u64,
    /// Gaps that members of rooms were told.
    pub gaps: u64,
    /// The stretches.
    pub over_time: Vec<Stretch>,
    /// The server's resident bytes; `None` without its process id, and of fewer than four stretches.
    pub memory: Option<Drift>,
    /// The 99th percentile of the latency, in milliseconds; `None` of fewer than four stretches.
    pub latency_drift: Option<Drift>,
    /// Resident bytes of this process at the end; `None` where `/proc` doesn't tell.
    pub resident: Option<u64>,
    /// Whether all that was sent has come.
    pub reconciled: Reconciled,
    /// Checkers that judged, one a stretch, and events that they were fed.
    pub judged: (u64, u64),
    /// What they found wrong, at most 100.
    pub violations: Vec<String>,
    /// What the server used while they talked; per CPU second are deliveries. `None` without its process id.
    pub server: Option<ServerUse>,
    /// What the load generator used meanwhile.
    pub client: ClientUse,
    /// Whether it was broken off.
    pub interrupted: bool,
    /// Whether to trust it.
    pub verdict: Verdict,
}

impl fmt::Display for ChatReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        row(f, "target", &plan.target)?;
        let (clients, rooms, seconds) = (plan.clients, plan.rooms, self.seconds);
        row(
            f,
            "chat",
            format_args!("{clients} clients in {rooms} rooms, {} messages a second, {seconds:.1} s", plan.rate),
        )?;
        let (comings, goings, switches) = (self.comings, self.goings, self.switches);
        row(f, "clients", format_args!("{comings} came, {goings} went, {switches} changes of transport"))?;
        row(f, "latency", times(&self.latency))?;
        if let Some(Drift { before, after }) = self.latency_drift {
            row(f, "latency drift", format_args!("p99 {before:.2} to {after:.2} ms"))?;
        }
        if let Some(Drift { before, after }) = self.memory {
            let grows = (after - before) / 1024.0;
            row(f, "memory drift", format_args!("{grows:+.0} KiB ({:.0} to {:.0})", before / 1024.0, after / 1024.0))?;
        }
        row(f, "reconnects", times(&self.reconnects))?;
        row(f, "sessions", format_args!("{} lost, {} gaps told", self.lost_sessions, self.gaps))?;
        super::uses(f, "deliveries", self.server.as_ref(), &self.client)?;
        row(f, "reconciled", &self.reconciled)?;
        row(f, "judged", format_args!("{} stretches, {} events", self.judged.0, self.judged.1))?;
        super::violations(f, &self.violations)?;
        row(f, "verdict", self.verdict)
    }
}
