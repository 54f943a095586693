//! What came of publishing.

use super::{ClientUse, Faults, ServerUse, Verdict, row, uses};
use crate::FanoutPlan;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How long publications took, in microseconds; exact to three digits. All zero where there were none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Latency {
    /// How many publications this is about.
    pub count: u64,
    /// The median.
    pub p50: f64,
    /// Nine in ten took at most this.
    pub p90: f64,
    /// 99 in a hundred.
    pub p99: f64,
    /// 999 in a thousand.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

impl Latency {
    pub(crate) fn of(nanoseconds: &Histogram<u64>) -> Self {
        if nanoseconds.is_empty() {
            return Self::default();
        }
        let microseconds = |value: u64| crate::process::float(value) / 1e3;
        let at = |quantile| microseconds(nanoseconds.value_at_quantile(quantile));
        let max = microseconds(nanoseconds.max());
        Self { count: nanoseconds.len(), p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p99, p999, max, .. } = self;
        write!(f, "{p50:.0} µs median, {p99:.0} p99, {p999:.0} p99.9, {max:.0} at most")
    }
}

/// How late publications at fixed times were sent, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Lag {
    /// The latest one.
    pub largest: f64,
    /// The next one, when the measured time was over. More than 50 ms is a schedule that was not kept, and makes the verdict
    /// [`Verdict::ClientBound`].
    pub at_end: f64,
}

/// What came of a [`FanoutPlan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FanoutReport {
    /// [`SCHEMA_VERSION`](crate::SCHEMA_VERSION).
    pub schema: u32,
    /// What was run.
    pub plan: FanoutPlan,
    /// How long was measured.
    pub seconds: f64,
    /// Publications sent in that time.
    pub publications: u64,
    /// Copies of publications that subscribers got in that time.
    pub deliveries: u64,
    /// Deliveries per second by wall clock.
    pub per_second: f64,
    /// What the server used; per CPU second are deliveries. `None` without its process id.
    pub server: Option<ServerUse>,
    /// What the load generator used.
    pub client: ClientUse,
    /// From when a publication was due until its first copy came, of those published in the measured time. In a closed loop
    /// it is due when it is sent, and the figure says how the load was made rather than how a service would feel.
    pub first: Latency,
    /// The same until its last copy came.
    pub last: Latency,
    /// The same from when it was sent: what the delays before it (of the load generator, or of a server that is 4,096
    /// publications behind) hide. `None` in a closed loop.
    pub last_from_sending: Option<Latency>,
    /// How late publications were sent; `None` in a closed loop.
    pub lag: Option<Lag>,
    /// What was wrong, from the first publication to the last.
    pub faults: Faults,
    /// Whether it was broken off.
    #[serde(default)]
    pub interrupted: bool,
    /// Whether to trust it.
    pub verdict: Verdict,
}

impl fmt::Display for FanoutReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        row(f, "target", &plan.target)?;
        let (size, subscribers) = (plan.size, plan.subscribers);
        let pace = plan.rate.map_or(format!("{} in flight", plan.in_flight), |rate| format!("{rate} a second"));
        row(f, "fan-out", format_args!("{size} B × {subscribers} subscribers × {pace}"))?;
        let (publications, seconds) = (self.publications, self.seconds);
        let rate = self.per_second;
        row(
            f,
            "rate",
            format_args!("{rate:.0} deliveries per second ({publications} publications in {seconds:.2} s)"),
        )?;
        uses(f, "deliveries", self.server.as_ref(), &self.client)?;
        row(f, "first copy", self.first)?;
        row(f, "last copy", self.last)?;
        if let Some(latency) = &self.last_from_sending {
            row(f, "… from sending", latency)?;
        }
        if let Some(Lag { largest, at_end }) = self.lag {
            row(f, "sent late by", format_args!("{largest:.0} µs at most, {at_end:.0} at the end"))?;
        }
        row(f, "faults", &self.faults)?;
        row(f, "verdict", self.verdict)
    }
}
