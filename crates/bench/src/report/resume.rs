//! What came of killing carriers, or the server.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Talked, Verdict, row, times};
use crate::{Kill, ResumePlan};

/// One time that something was killed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Wave {
    /// When, in seconds from when all clients were there.
    pub at: f64,
    /// Clients that lost their carrier, up to the next time, or had none already; 0 where none noticed, see [`Talked::reconnects`].
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
    /// What came of their talking.
    #[serde(flatten)]
    pub talked: Talked,
    /// The times that something was killed.
    pub waves: Vec<Wave>,
    /// The most clients that came back within one second.
    pub peak_reconnects: usize,
    /// Sessions that went on over another carrier.
    pub resumed: u64,
    /// Records of clients that were sent again because of it.
    pub replayed: u64,
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
        let whole = self.waves.len().saturating_sub(usize::from(self.talked.interrupted));
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
        let (plan, talked) = (&self.plan, &self.talked);
        row(f, "target", format_args!("{} over {}", plan.target, plan.transport.name()))?;
        let killed = if matches!(plan.kill, Kill::Carriers) { "all carriers" } else { "the server" };
        let (times_killed, clients) = (self.waves.len(), plan.talk.clients);
        row(
            f,
            "resume",
            format_args!("{killed} killed {times_killed} times, {clients} clients, {:.1} s", talked.seconds),
        )?;
        row(f, "reconnects", times(&talked.reconnects))?;
        row(f, "all back", self.back())?;
        let (resumed, replayed, lost, gaps) = (self.resumed, self.replayed, talked.lost_sessions, talked.gaps);
        row(
            f,
            "sessions",
            format_args!("{resumed} resumed, {replayed} records sent again, {lost} lost, {gaps} gaps told"),
        )?;
        row(f, "latency", times(&talked.latency))?;
        talked.rows(f)?;
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
        let mut report = ResumeReport { waves: vec![all, some], ..samples::resume() };
        report.talked.interrupted = true;
        assert!(report.to_string().contains("0.26 s at the longest"), "{report}");
    }
}
