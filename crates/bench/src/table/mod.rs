//! Tables that others have published, reproduced: their figure, or what their model comes to, beside what is measured.

mod bozdag;
mod cells;
mod cometd;
mod cutoff;
mod kaazing;
mod rfc6202;
#[cfg(test)]
mod tests;
mod transit;

use std::ops::ControlFlow;

use crate::{Cell, Error, Event, Interruption, Plot, ServerSource, Suite, Table, Target};

/// Whose table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Published {
    /// Kaazing 2010: what headers cost, by polling and by WebSocket.
    Kaazing,
    /// RFC 6202 §2.2, and Pimentel & Nickerson 2012: transit times over distance.
    Rfc6202,
    /// Bozdag, Mesbah & van Deursen 2007: coherence and server load, by push and by pull.
    Bozdag,
    /// Van de Vyvere et al. 2020: how many clients polling serves, and how many push.
    Cutoff,
    /// `CometD`'s load test: a hundred rooms, ten a client.
    CometD,
}

impl Published {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Kaazing, Self::Rfc6202, Self::Bozdag, Self::Cutoff, Self::CometD];

    /// Its name, as the command line has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kaazing => "kaazing",
            Self::Rfc6202 => "rfc6202",
            Self::Bozdag => "bozdag",
            Self::Cutoff => "cutoff",
            Self::CometD => "cometd",
        }
    }
}

/// A table to reproduce.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TablePlan {
    /// Which.
    pub published: Published,
    /// The server's mount, `http://` or `ws://`. Of a server of one's own only the path counts.
    pub target: Target,
    /// Whose server it is.
    pub server: ServerSource,
    /// The process of a given server on this machine, for its CPU time and memory.
    pub server_pid: Option<u32>,
    /// How often each workload is run; 1 by default. Tables have the medians.
    pub rounds: usize,
    /// Of whatever is random; 1 by default.
    pub seed: u64,
    /// Whether to see in a minute or so that all works, with fewer steps, fewer clients and shorter times; off by default.
    /// Figures are then too few to be compared with what was published.
    pub is_quick: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Reproduced {
    /// The workloads, each with its runs.
    pub cells: Vec<Cell>,
    /// The tables: what was published or calculated beside what was measured. What was not run has no entry.
    pub tables: Vec<Table>,
    /// The same, drawn.
    pub plots: Vec<Plot>,
    /// What was asked for, if it was told to break off, and something is missing.
    pub interrupted: Option<Interruption>,
}

impl TablePlan {
    /// A plan with the defaults.
    #[must_use]
    pub const fn new(published: Published, target: Target, server: ServerSource) -> Self {
        Self { published, target, server, server_pid: None, rounds: 1, seed: 1, is_quick: false }
    }

    /// The workloads that it begins with, which are all of most: to find out at once what would end it before there is anything to
    /// measure, by [`Suite::check`] and [`Suite::knock`].
    #[must_use]
    pub fn beginning(&self) -> Suite {
        let workloads = match self.published {
            Published::Kaazing => kaazing::workloads(self),
            Published::Rfc6202 => rfc6202::workloads(self),
            Published::Bozdag => bozdag::workloads(self),
            Published::Cutoff => cutoff::workloads(self),
            Published::CometD => cometd::first(self),
        };
        self.suite(workloads)
    }

    /// Runs all workloads of the table, and tells what happens meanwhile; [`ControlFlow::Break`] ends it with what there is, and so does
    /// an error, which is given beside it, as of [`Suite::run`].
    pub fn run(&self, tell: impl FnMut(&Event) -> ControlFlow<()>) -> (Reproduced, Option<Error>) {
        let ran = match self.published {
            Published::CometD => cometd::step_up(self, tell),
            _ => self.beginning().run(tell),
        };
        (Reproduced { interrupted: ran.interrupted, ..self.reproduced(ran.cells) }, ran.error)
    }

    /// The tables of what was measured, or of as much as there is of it.
    fn reproduced(&self, cells: Vec<Cell>) -> Reproduced {
        match self.published {
            Published::Kaazing => kaazing::reproduced(self, cells),
            Published::Rfc6202 => rfc6202::reproduced(self, cells),
            Published::Bozdag => bozdag::reproduced(self, cells),
            Published::Cutoff => cutoff::reproduced(self, cells),
            Published::CometD => cometd::reproduced(self, cells),
        }
    }
}
