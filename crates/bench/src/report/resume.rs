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
    /// Clients that lost their carrier, up to the next time, or had none already; 0 where none noticed, see [`ResumeReport::reconnects`].
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
    /// How late messages were handed over to the client that is to send them.
    #[serde(default)]
    pub lag: Distribution,
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

impl ResumeReport {
    /// How soon all were back, if they were.
    fn back(&self) -> String {
        if self.waves.iter().all(|wave| wave.cut == 0) {
            return "no carrier was missed".to_owned();
        }
        let peak = self.peak_reconnects;
        // Of a run that was broken off the last time had not all of its own.
        let whole = self.waves.len().saturating_sub(usize::from(self.interrupted));
        if self.waves.iter().take(whole).any(|wave| wave.cut > 0 && wave.back.is_none()) {
            let patience = self.plan.open_timeout.as_secs_f64();
            return format!("not all within {patience} s, {peak} in one second");
        }
        let slowest = self.waves.iter().filter_map(|wave| wave.back).fold(0.0, f64::max);
        format!("{slowest:.2} s at the longest, {peak} in one second")
    }
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
        row(f, "all back", self.back())?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn whether_all_were_back_is_told() {
        let wave = |cut, back| Wave { at: 1.0, cut, back };
        let (none, some, all) = (wave(0, None), wave(3, None), wave(3, Some(0.256)));
        for (waves, told) in [
            (vec![], "no carrier was missed"),
            (vec![none], "no carrier was missed"),
            (vec![all, none], "0.26 s at the longest, 57 in one second"),
            (vec![all, some], "not all within 30 s, 57 in one second"),
        ] {
            let report = ResumeReport { waves, ..samples::resume() };
            assert!(report.to_string().contains(&format!("all back         {told}\n")), "{report}");
        }
        let report = ResumeReport { waves: vec![all, some], interrupted: true, ..samples::resume() };
        assert!(report.to_string().contains("0.26 s at the longest"), "{report}");
    }
}
