//! The times of a run, whichever kind it was: what logs and plots of latency are made from.

use super::{Report, Stretch};
use crate::Distribution;

/// The times of one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timed<'a> {
    /// How long was measured, in seconds.
    pub(crate) seconds: f64,
    /// From when something was due.
    pub(crate) latency: &'a Distribution,
    /// The same from when it was begun, where that is told apart.
    pub(crate) uncorrected: Option<&'a Distribution>,
    /// The stretches; none where it was not told in any.
    pub(crate) over_time: &'a [Stretch],
}

impl Report {
    /// Its times; `None` of a kind that has no distribution of latency from when something was due.
    pub(crate) fn timed(&self) -> Option<Timed<'_>> {
        let (seconds, latency, uncorrected, over_time): (_, _, _, &[Stretch]) = match self {
            Self::Load(report) => (report.seconds, &report.latency, Some(&report.uncorrected), &report.over_time),
            Self::Resume(report) => (report.talked.seconds, &report.talked.latency, None, &[]),
            Self::Churn(report) => (report.seconds, &report.opening, Some(&report.uncorrected), &[]),
            Self::Chat(report) => (report.talked.seconds, &report.talked.latency, None, &report.over_time),
            Self::Echo(_) | Self::Fanout(_) | Self::Idle(_) | Self::Connect(_) | Self::Hold(_) | Self::Shootout(_) => {
                return None;
            }
        };
        Some(Timed { seconds, latency, uncorrected, over_time })
    }
}
