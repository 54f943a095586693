//! A cell whose figures are read out once: quantiles of a distribution take their time.

use super::{Figure, Figures, Spread};
use crate::{Cell, Report};

/// A cell and the figures of its runs.
#[derive(Debug)]
pub(crate) struct Measured<'a> {
    pub(crate) cell: &'a Cell,
    runs: Vec<Figures>,
}

impl<'a> Measured<'a> {
    pub(crate) fn of(cell: &'a Cell) -> Self {
        Self { cell, runs: cell.runs.iter().map(Figures::of).collect() }
    }

    pub(crate) fn all(cells: &'a [Cell]) -> Vec<Self> {
        cells.iter().map(Self::of).collect()
    }

    /// What a figure comes to over the runs that have it.
    pub(crate) fn spread(&self, figure: &Figure) -> Option<Spread> {
        self.named(figure.name)
    }

    /// What was counted, of which the server's cost is told; `None` where that isn't known.
    fn counted(&self) -> Option<&'static str> {
        self.named("per_cpu_second").and_then(|_| self.cell.runs.first()).map(Report::counted)
    }

    /// The same by the figure's name.
    pub(crate) fn named(&self, name: &str) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(|figures| figures.get(name)).collect())
    }
}

/// What all of these counted whose server's cost is told; `None` where that differs.
pub(crate) fn counted<'a, 'b: 'a>(cells: impl IntoIterator<Item = &'a Measured<'b>>) -> Option<&'static str> {
    let mut all = cells.into_iter().filter_map(Measured::counted);
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}
