//! What came of holding connections, and what happens meanwhile.

use super::{ClientUse, Faults, ShootoutStep, Verdict, row};
use crate::{Error, HoldPlan};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What happens during a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// A run of several begins.
    Begin {
        /// The workload's name.
        cell: String,
        /// Which run it is, from 1 on.
        run: usize,
        /// How many there are.
        of: usize,
    },
    /// The load of a [`LoadPlan`](crate::LoadPlan) used up the core of each of its processes, whose number was left open.
    Spent {
        /// How many it had.
        processes: usize,
        /// With how many it is run again; `None` where no core is left for another.
        next: Option<usize>,
    },
    /// All connections are open.
    Open {
        /// How many.
        connections: usize,
        /// How long opening took.
        seconds: f64,
        /// How often one was refused, and begun again.
        refused: u64,
    },
    /// Every open connection got a publication.
    Published {
        /// Which: its number, from 1 on, among those that came since all were open.
        publication: u64,
        /// How many got it.
        connections: u64,
        /// When the first got it: nanoseconds of `CLOCK_MONOTONIC`, which all processes of a machine share.
        first: u64,
        /// When the last got it.
        last: u64,
    },
    /// Some time has passed, in a [`LoadPlan`](crate::LoadPlan) or with clients that talk or come and go: four times a second.
    Progress(Progress),
    /// A step of a [`ShootoutPlan`](crate::ShootoutPlan) is done.
    Step(Box<ShootoutStep>),
    /// Some five seconds have passed.
    Status {
        /// Connections that are open.
        connections: usize,
        /// Pings answered so far.
        pings: u64,
        /// Connections that have the publication that is under way; 0 if none is.
        arrived: u64,
    },
}

impl Event {
    /// The event as one line of JSON.
    ///
    /// # Errors
    /// None that an event of [`run_telling`](crate::run_telling) can cause: its numbers are finite.
    pub fn to_json(&self) -> Result<String, Error> {
        super::json(self)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { connections, seconds, refused } => {
                write!(f, "{connections} connections open in {seconds:.2} s, {refused} refusals")
            }
            Self::Published { publication, connections, first, last } => {
                let milliseconds = last.saturating_sub(*first) / 1_000_000;
                write!(
                    f,
                    "publication {publication} at {connections} connections, the last {milliseconds} ms after the first"
                )
            }
            Self::Spent { processes, next: Some(next) } => {
                write!(f, "the load used up {}: once more, with {next} processes", their_cores(*processes))
            }
            Self::Spent { processes, next: None } => write!(
                f,
                "the load used up {}, and no core is left for another process: \
                 it takes fewer clients, a lower rate, or another machine for the load",
                their_cores(*processes)
            ),
            Self::Begin { cell, run, of } => write!(f, "run {run} of {of}: {cell}"),
            Self::Progress(progress) => progress.fmt(f),
            Self::Step(step) => step.fmt(f),
            Self::Status { connections, pings, arrived } => {
                write!(f, "{connections} connections, {pings} pings answered")?;
                if *arrived > 0 { write!(f, ", a publication at {arrived}") } else { Ok(()) }
            }
        }
    }
}

fn their_cores(processes: usize) -> String {
    if processes == 1 { "the core of its process".into() } else { format!("the cores of its {processes} processes") }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Progress {
    /// What it is at.
    pub phase: Phase,
    /// How long it has been at that, in seconds.
    pub seconds: f64,
    /// How long that takes; 0 where it isn't known.
    pub of: f64,
    /// Clients that are open.
    pub clients: usize,
    /// Messages or publications sent so far.
    pub sent: u64,
    /// Deliveries so far.
    pub deliveries: u64,
    /// Deliveries a second since the last progress.
    pub rate: f64,
    /// Median latency since the last progress, in milliseconds.
    pub p50: f64,
    /// The same, 99th percentile.
    pub p99: f64,
    /// Faults so far.
    pub faults: u64,
}

impl Progress {
    /// So far in a phase, with so many clients open, and nothing yet sent.
    #[must_use]
    pub const fn new(phase: Phase, seconds: f64, of: f64, clients: usize) -> Self {
        Self { phase, seconds, of, clients, sent: 0, deliveries: 0, rate: 0.0, p50: 0.0, p99: 0.0, faults: 0 }
    }
}

/// What a run is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Phase {
    /// Clients are opening.
    Ramp,
    /// Messages go, and nothing is measured.
    WarmUp,
    /// Messages go, and are measured.
    Steady,
    /// Nothing new is sent.
    Drain,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phase, seconds, clients, rate, p50, p99, faults, .. } = self;
        let phase = match phase {
            Phase::Ramp => "opening",
            Phase::WarmUp => "warming up",
            Phase::Steady => "measuring",
            Phase::Drain => "draining",
        };
        write!(f, "{phase} {seconds:.1} s: {clients} clients, {rate:.0} deliveries/s, ")?;
        // Nothing has come since the last.
        if *p99 > 0.0 {
            write!(f, "p50 {p50:.2} ms, p99 {p99:.2} ms, ")?;
        }
        write!(f, "{faults} faults")
    }
}

/// What came of a [`HoldPlan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HoldReport {
    /// [`SCHEMA_VERSION`](crate::SCHEMA_VERSION).
    pub schema: u32,
    /// What was run.
    pub plan: HoldPlan,
    /// How long opening took.
    pub opening_seconds: f64,
    /// Connections that were refused, and begun again.
    pub refused: u64,
    /// Connections open at the end.
    pub connections: usize,
    /// Pings answered.
    pub pings: u64,
    /// Publications that every open connection got.
    pub publications: u64,
    /// Resident bytes of this process at the end; `None` where `/proc` doesn't tell.
    pub resident: Option<u64>,
    /// What the load generator used from the first connection to the end.
    pub client: ClientUse,
    /// What was wrong: connections that the server closed.
    pub faults: Faults,
    /// Whether it was broken off.
    #[serde(default)]
    pub interrupted: bool,
    /// Whether to trust it.
    pub verdict: Verdict,
}

impl fmt::Display for HoldReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(f, "target", &self.plan.target)?;
        let (connections, seconds, refused) = (self.connections, self.opening_seconds, self.refused);
        row(f, "held", format_args!("{connections} connections, opened in {seconds:.2} s, {refused} refusals"))?;
        row(f, "traffic", format_args!("{} pings answered, {} publications", self.pings, self.publications))?;
        let resident = self.resident.unwrap_or(0) / 1024;
        row(f, "client", format_args!("{:.0} % of a core, {resident} KiB resident", self.client.share * 100.0))?;
        row(f, "faults", &self.faults)?;
        row(f, "verdict", self.verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_has_no_latency_of_nothing() {
        let mut progress = Progress::new(Phase::WarmUp, 0.25, 1.0, 7);
        assert_eq!(progress.to_string(), "warming up 0.2 s: 7 clients, 0 deliveries/s, 0 faults");
        (progress.p50, progress.p99) = (0.5, 1.0);
        assert!(progress.to_string().ends_with("0 deliveries/s, p50 0.50 ms, p99 1.00 ms, 0 faults"), "{progress}");
    }
}
