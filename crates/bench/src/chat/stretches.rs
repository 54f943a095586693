//! The run in stretches, and what drifted.

use std::time::Duration;

use crate::{
    ChatPlan, Drift, Error, Stretch,
    flow::Crowd,
    process::{Meter, Sample, resident},
};

/// Fewest stretches that tell of a drift.
const FEWEST: usize = 4;

/// The stretches so far.
pub(super) struct Stretches {
    all: Vec<Stretch>,
    server_pid: Option<u32>,
    sample: Sample,
    /// Messages sent, and deliveries, when the last one ended.
    before: (u64, u64),
    ended: Duration,
}

impl Stretches {
    pub(super) fn new(plan: &ChatPlan, meter: &Meter) -> Result<Self, Error> {
        let (server_pid, sample) = (plan.server_pid, meter.sample()?);
        Ok(Self { all: Vec::new(), server_pid, sample, before: (0, 0), ended: Duration::ZERO })
    }

    /// A stretch ends.
    pub(super) fn end(&mut self, crowd: &Crowd, at: Duration, meter: &Meter) -> Result<(), Error> {
        let (times, now) = {
            let mut totals = crowd.totals();
            (std::mem::take(&mut totals.stretch), (totals.echoes + totals.publications, totals.deliveries))
        };
        let (sample, usage) = (meter.sample()?, meter.usage(&self.sample, 0)?);
        self.all.push(Stretch {
            at: at.as_secs_f64(),
            seconds: (at - self.ended).as_secs_f64(),
            sent: now.0 - self.before.0,
            deliveries: now.1 - self.before.1,
            p50: times.at(0.5),
            p99: times.at(0.99),
            max: times.max(),
            resident: self.server_pid.and_then(|pid| resident(pid).ok()),
            server_share: usage.server.map(|server| server.share),
        });
        (self.sample, self.before, self.ended) = (sample, now, at);
        Ok(())
    }

    /// How the server's memory changed.
    pub(super) fn memory(&self) -> Option<Drift> {
        #[expect(clippy::cast_precision_loss, reason = "no memory comes near 2^53")]
        self.drift(|stretch| stretch.resident.map(|bytes| bytes as f64))
    }

    /// How the latency's 99th percentile changed.
    pub(super) fn latency(&self) -> Option<Drift> {
        self.drift(|stretch| Some(stretch.p99))
    }

    pub(super) fn into_all(self) -> Vec<Stretch> {
        self.all
    }

    fn drift(&self, figure: impl Fn(&Stretch) -> Option<f64>) -> Option<Drift> {
        let quarter = self.all.len() / FEWEST;
        let median = |stretches: &[Stretch]| {
            let mut figures = stretches.iter().map(&figure).collect::<Option<Vec<_>>>()?;
            figures.sort_unstable_by(f64::total_cmp);
            figures.get(figures.len() / 2).copied()
        };
        let before = median(self.all.get(quarter..2 * quarter)?)?;
        let after = median(self.all.get(self.all.len() - quarter..)?)?;
        Some(Drift { before, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_is_from_the_second_quarter_to_the_last() {
        let meter = Meter::new(None).unwrap();
        let mut stretches = Stretches::new(&ChatPlan::new("ws://127.0.0.1:1/".parse().unwrap()), &meter).unwrap();
        assert_eq!(stretches.latency(), None);
        let p99s = [900.0, 800.0, 700.0, 1.0, 2.0, 3.0, 50.0, 50.0, 50.0, 7.0, 8.0, 900.0];
        stretches.all = p99s.map(|p99| Stretch { p99, ..Stretch::default() }).to_vec();
        assert_eq!(stretches.latency(), Some(Drift { before: 2.0, after: 8.0 }));
        assert_eq!(stretches.memory(), None, "whose it is nobody said");
        stretches.all.truncate(3);
        assert_eq!(stretches.latency(), None);
    }
}
