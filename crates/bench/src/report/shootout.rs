//! What came of a shootout.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ClientUse, Faults, ServerUse, Verdict, row};
use crate::{Distribution, Line, Plot, ShootoutPlan, process::float};

/// One step: so many clients.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ShootoutStep {
    /// Clients that were open.
    pub clients: usize,
    /// Round trips: from asking to the answer, or to the broadcast's result.
    pub rtt: Distribution,
    /// The limited percentile of it, in milliseconds.
    pub at_percentile: f64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Broadcasts that came, at all clients.
    pub deliveries: u64,
}

impl fmt::Display for ShootoutStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clients, rtt, at_percentile, .. } = self;
        let (min, median, max) = (rtt.min(), rtt.at(0.5), rtt.max());
        write!(f, "clients: {clients:>6}  at percentile: {at_percentile:>8.2} ms  ")?;
        write!(f, "min: {min:>8.2} ms  median: {median:>8.2} ms  max: {max:>8.2} ms")
    }
}

/// Why there was no further step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ShootoutEnd {
    /// The last step was over the limit.
    Limit,
    /// The last step had as many clients as there may be.
    Clients,
    /// A client was closed, or an answer made no sense.
    Fault,
    /// It was broken off.
    Interrupted,
}

/// What came of a [`ShootoutPlan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ShootoutReport {
    /// [`SCHEMA_VERSION`](crate::SCHEMA_VERSION).
    pub schema: u32,
    /// What was run.
    pub plan: ShootoutPlan,
    /// The steps, the last of which may be over the limit.
    pub steps: Vec<ShootoutStep>,
    /// Clients of the last step within the limit; 0 where the first was over it.
    pub sustained: usize,
    /// Why there was no further step.
    pub end: ShootoutEnd,
    /// What the server used in all steps; per CPU second are answers and broadcasts that came. `None` without its process id.
    pub server: Option<ServerUse>,
    /// What the load generator used.
    pub client: ClientUse,
    /// What was wrong: broadcasts that a client never got are lost.
    pub faults: Faults,
    /// Whether to trust it.
    pub verdict: Verdict,
}

impl ShootoutReport {
    /// The last step within the limit: what the figures are of; `None` where the first was over it.
    #[must_use]
    pub fn sustaining(&self) -> Option<&ShootoutStep> {
        let limit = self.plan.limit_rtt.as_secs_f64() * 1e3;
        self.steps.iter().rfind(|step| step.at_percentile <= limit)
    }

    /// Round trips over clients.
    #[must_use]
    pub fn plot(&self) -> Plot {
        let line = |name: String, figure: &dyn Fn(&ShootoutStep) -> f64| {
            let points = self.steps.iter().map(|step| (float(step.clients as u64), figure(step))).collect();
            Line { name, is_model: false, points }
        };
        let limit = self.plan.limit_rtt.as_secs_f64() * 1e3;
        let mut lines = vec![
            line("median".to_owned(), &|step| step.rtt.at(0.5)),
            line(format!("p{}", self.plan.limit_percentile), &|step| step.at_percentile),
            line("longest".to_owned(), &|step| step.rtt.max()),
        ];
        lines.push(Line { is_model: true, ..line("limit".to_owned(), &|_| limit) });
        Plot {
            name: "shootout".to_owned(),
            title: "Round trip over clients".to_owned(),
            x: "clients".to_owned(),
            y: "round trip (ms)".to_owned(),
            logarithmic: (false, false),
            lines,
        }
    }
}

impl fmt::Display for ShootoutReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.plan;
        row(f, "target", &plan.target)?;
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        let (percentile, limit) = (plan.limit_percentile, plan.limit_rtt.as_secs_f64() * 1e3);
        row(f, "sustained", format_args!("{} clients with p{percentile} within {limit:.0} ms", self.sustained))?;
        let why = match self.end {
            ShootoutEnd::Limit => "the next step was over the limit",
            ShootoutEnd::Clients => "there may be no more clients",
            ShootoutEnd::Fault => "a fault ended it",
            ShootoutEnd::Interrupted => "it was broken off",
        };
        row(f, "ended", why)?;
        super::uses(f, "answers", self.server.as_ref(), &self.client)?;
        row(f, "faults", &self.faults)?;
        row(f, "verdict", self.verdict)
    }
}

#[cfg(test)]
mod tests {
    use crate::samples;

    #[test]
    fn a_plot_has_a_point_for_each_step() {
        let report = samples::shootout();
        assert_eq!(report.sustaining().map(|step| step.clients), Some(100));
        let figures = crate::Figures::of(&crate::Report::Shootout(report.clone()));
        assert_eq!(figures.get("clients"), Some(100.0));
        assert!(figures.get("max").is_some_and(|max| max < 11.0), "{figures:?}");
        let plot = report.plot();
        assert_eq!(plot.lines.len(), 4);
        assert!(plot.lines.iter().all(|line| line.points.len() == 2 && line.points[1].0 == 200.0));
        assert_eq!(plot.lines[3].points[0].1, 500.0);
        let text = report.to_string();
        assert!(text.contains("clients:    200") && text.contains("100 clients with p95 within 500 ms"), "{text}");
    }
}
