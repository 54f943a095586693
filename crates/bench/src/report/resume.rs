//! What came of killing carriers, or the server.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ClientUse, Reconciled, ServerUse, Verdict, row, times};
use crate::{Distribution, Kill, ResumePlan};

/// One time that something was killed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Wave {
    /// When, in seconds from when all clients were there.
    pub at: f64,
    /// Clients that lost their carrier; 0 where none noticed, see [`ResumeReport::reconnects`].
    pub cut: u64,
    /// How long it took until the last of them was back, in seconds; `None` where none had noticed, or not all came back in
    /// time.
    pub back: Option<f64>,
}

/// What came of a [`ResumePlan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ResumeReport {
    /// [`SCHEMA_VERSION`](crate::SCHEMA_VERSION).
    pub schema: u32,
    /// What was run.
    pub plan: ResumePlan,
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
    /// Latency from when a message was due: what was sent while nothing carried it among them.
    pub latency: Distribution,
    /// The times that something was killed.
    pub waves: Vec<Wave>,
    /// From when a client lost its carrier to when it had another. None by long polling and polling, where a request that is lost is
    /// made again, and the session never was without a carrier: there the latency tells.
    pub reconnects: Distribution,
    /// The most clients that came back within one second.
    pub peak_reconnects: usize,
    /// Sessions that went on over another carrier.
    pub resumed: u64,
    /// Records of clients that were sent again because of it.
    pub replayed: u64,
    /// Sessions that the server did not know any more.
    pub lost_sessions: u64,
    /// Gaps that members of rooms were told.
    pub gaps: u64,
    /// Whether all that was sent has come.
    pub reconciled: Reconciled,
    /// What the checker of [`delivery`](crate::delivery) found wrong, at most 20 of each kind.
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

impl fmt::Display for ResumeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        row(f, "target", format_args!("{} over {}", plan.target, plan.transport.name()))?;
        let killed = if matches!(plan.kill, Kill::Carriers) { "all carriers" } else { "the server" };
        let (times_killed, clients) = (self.waves.len(), plan.clients);
        row(
            f,
            "resume",
            format_args!("{killed} killed {times_killed} times, {clients} clients, {:.1} s", self.seconds),
        )?;
        row(f, "reconnects", times(&self.reconnects))?;
        let slowest = self.waves.iter().filter_map(|wave| wave.back).fold(0.0, f64::max);
        row(f, "all back", format_args!("{slowest:.2} s at the longest, {} in one second", self.peak_reconnects))?;
        let (resumed, replayed, lost, gaps) = (self.resumed, self.replayed, self.lost_sessions, self.gaps);
        row(
            f,
            "sessions",
            format_args!("{resumed} resumed, {replayed} records sent again, {lost} lost, {gaps} gaps told"),
        )?;
        row(f, "latency", times(&self.latency))?;
        super::uses(f, "deliveries", self.server.as_ref(), &self.client)?;
        row(f, "reconciled", &self.reconciled)?;
        super::violations(f, &self.violations)?;
        row(f, "verdict", self.verdict)
    }
}
