//! What a command that was broken off did not come to.

use serde::{Deserialize, Serialize};

use crate::{Cell, Report};

/// What a command was asked for that was broken off before it was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Interruption {
    /// Workloads that were to be measured.
    pub workloads: usize,
    /// Runs of each.
    pub rounds: usize,
    /// The names of those of which nothing was measured.
    pub missing: Vec<String>,
}

impl Interruption {
    /// Of what came of all that was to be measured.
    pub(crate) fn of(cells: &[Cell], rounds: usize) -> Self {
        let missing = cells.iter().filter(|cell| cell.runs.is_empty()).map(|cell| cell.name.clone()).collect();
        Self { workloads: cells.len(), rounds, missing }
    }

    /// Workloads of which something was measured.
    #[must_use]
    pub const fn measured(&self) -> usize {
        self.workloads.saturating_sub(self.missing.len())
    }
}

impl Cell {
    /// Whether it has fewer runs than it was to have, or one that was broken off.
    pub(crate) fn lacks(&self, rounds: usize) -> bool {
        self.runs.len() < rounds || self.runs.iter().any(Report::is_interrupted)
    }
}

impl Report {
    /// Whether the run was broken off.
    #[must_use]
    pub fn is_interrupted(&self) -> bool {
        match self {
            Self::Echo(report) => report.interrupted,
            Self::Fanout(report) => report.interrupted,
            Self::Idle(report) => report.interrupted,
            Self::Connect(report) => report.interrupted,
            Self::Hold(report) => report.interrupted,
            Self::Load(report) => report.interrupted,
            Self::Resume(report) => report.talked.interrupted,
            Self::Churn(report) => report.interrupted,
            Self::Chat(report) => report.talked.interrupted,
            Self::Shootout(report) => report.end == crate::ShootoutEnd::Interrupted,
        }
    }

    /// Whether it was broken off before anything was measured, and nothing was wrong so far.
    pub(crate) fn is_void(&self) -> bool {
        let measured_nothing = match self {
            Self::Echo(report) => report.messages == 0,
            Self::Fanout(report) => report.deliveries == 0,
            Self::Connect(report) => report.handshakes == 0,
            Self::Hold(report) => report.connections == 0,
            Self::Load(report) => report.seconds == 0.0,
            Self::Resume(report) => report.talked.echoes + report.talked.publications == 0,
            Self::Churn(report) => report.served == 0,
            Self::Chat(report) => report.talked.echoes + report.talked.publications == 0,
            Self::Shootout(report) => report.steps.is_empty(),
            // They were opened, and weighed.
            Self::Idle(_) => false,
        };
        measured_nothing && self.is_interrupted() && self.verdict() != crate::Verdict::Faulty
    }
}
