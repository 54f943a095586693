//! What came of killing carriers, or the server.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Talked, Verdict, row, times};
use crate::{Distribution, Kill, ResumePlan, Transport};

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
    /// From when something was killed until a client got a message that was due after it, of each client each time: over any transport,
    /// where [`reconnects`](Talked::reconnects) are of those only that keep a connection. The latency that a message has anyway is in it,
    /// and the time until one is due. One that was killed again before counts once, from the first time.
    #[serde(default)]
    pub recoveries: Distribution,
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
    /// How soon clients had another carrier, where they notice that they have none.
    fn reconnects(&self) -> String {
        let polls = matches!(self.plan.transport, Transport::LongPolling | Transport::Polling);
        if polls && self.talked.reconnects.is_empty() {
            return "not measured: who polls asks again, and notices no loss".to_owned();
        }
        times(&self.talked.reconnects)
    }

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
        row(f, "reconnects", self.reconnects())?;
        row(f, "served again", times(&self.recoveries))?;
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

    #[test]
    fn that_nothing_was_measured_is_told() {
        let mut report = samples::resume();
        report.talked.reconnects = Distribution::default();
        for (transport, told) in [
            (Transport::WebSocket, "none"),
            (Transport::Comet, "none"),
            (Transport::LongPolling, "not measured: who polls asks again, and notices no loss"),
            (Transport::Polling, "not measured: who polls asks again, and notices no loss"),
        ] {
            report.plan.transport = transport;
            assert!(report.to_string().contains(&format!("reconnects       {told}\n")), "{report}");
        }
        report.talked.reconnects = samples::resume().talked.reconnects;
        assert!(report.to_string().contains("reconnects       p50"), "{report}");
    }
}
