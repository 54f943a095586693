//! What came of a soak.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Stretch, Talked, Verdict, row, times};
use crate::ChatPlan;

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
    /// What came of their talking.
    #[serde(flatten)]
    pub talked: Talked,
    /// Clients that came.
    pub comings: u64,
    /// Clients that went.
    pub goings: u64,
    /// Changes from one transport to another.
    pub switches: u64,
    /// The stretches.
    pub over_time: Vec<Stretch>,
    /// The server's resident bytes; `None` without its process id, and of fewer than four stretches.
    pub memory: Option<Drift>,
    /// The 99th percentile of the latency, in milliseconds; `None` of fewer than four stretches.
    pub latency_drift: Option<Drift>,
    /// Resident bytes of this process at the end; `None` where `/proc` doesn't tell.
    pub resident: Option<u64>,
    /// Checkers that judged, one a stretch, and events that they were fed.
    pub judged: (u64, u64),
    /// Whether to trust it.
    pub verdict: Verdict,
}

impl fmt::Display for ChatReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (plan, talked) = (&self.plan, &self.talked);
        row(f, "target", &plan.target)?;
        let (clients, rooms, seconds) = (plan.talk.clients, plan.talk.rooms, talked.seconds);
        row(
            f,
            "chat",
            format_args!("{clients} clients in {rooms} rooms, {} messages a second, {seconds:.1} s", plan.talk.rate),
        )?;
        let (comings, goings, switches) = (self.comings, self.goings, self.switches);
        row(f, "clients", format_args!("{comings} came, {goings} went, {switches} changes of transport"))?;
        row(f, "latency", times(&talked.latency))?;
        if let Some(Drift { before, after }) = self.latency_drift {
            row(f, "latency drift", format_args!("p99 {before:.2} to {after:.2} ms"))?;
        }
        if let Some(Drift { before, after }) = self.memory {
            let grows = (after - before) / 1024.0;
            row(f, "memory drift", format_args!("{grows:+.0} KiB ({:.0} to {:.0})", before / 1024.0, after / 1024.0))?;
        }
        row(f, "reconnects", times(&talked.reconnects))?;
        row(f, "sessions", format_args!("{} lost, {} gaps told", talked.lost_sessions, talked.gaps))?;
        row(f, "judged", format_args!("{} stretches, {} events", self.judged.0, self.judged.1))?;
        talked.rows(f)?;
        row(f, "verdict", self.verdict)
    }
}
