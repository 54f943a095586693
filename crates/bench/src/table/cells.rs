//! What all tables need: workloads as cells of a suite, and the medians of what came of them.

use std::ops::ControlFlow;
use std::time::Duration;

use super::TablePlan;
use crate::proxy::Faults;
use crate::{
    At, Cell, Entry, Event, Line, LoadPlan, LoadReport, Plan, Protocol, Ran, Report, ServerSource, Suite, SuiteCell,
    Table, Traffic, Transport, Verdict,
};

/// One room that all clients are in.
pub(super) const ONE_ROOM: Traffic = Traffic::Rooms { rooms: 1, per_client: 1 };

impl TablePlan {
    /// One thing, or another where it is to be quick.
    pub(super) fn pick<T>(&self, full: T, quick: T) -> T {
        if self.is_quick { quick } else { full }
    }

    /// A workload on the plan's server.
    pub(super) fn load(&self, transport: Transport, traffic: Traffic, clients: usize) -> LoadPlan {
        // Of a mount, which bare WebSockets know by its `http://`.
        let mount = self.target.below(Protocol::Http, "");
        let target = if transport == Transport::Raw { mount } else { self.target.clone() };
        let mut load = LoadPlan::new(target, transport, traffic);
        (load.clients, load.server_pid, load.seed) = (clients, self.server_pid, self.seed);
        load
    }

    /// Runs cells as the plan says.
    pub(super) fn measure(&self, cells: Vec<SuiteCell>, tell: impl FnMut(&Event) -> ControlFlow<()>) -> Ran {
        self.suite(cells).run(tell)
    }

    pub(super) fn suite(&self, cells: Vec<SuiteCell>) -> Suite {
        Suite { cells, rounds: self.rounds, seed: self.seed, server: self.server.clone() }
    }

    /// The command line that does the same again.
    fn command(&self) -> String {
        let mut command = format!("bowline bench table {}", self.published.name());
        if let ServerSource::Given = self.server {
            command += &format!(" {}", self.target);
        }
        if self.rounds != 1 {
            command += &format!(" --rounds {}", self.rounds);
        }
        if self.seed != 1 {
            command += &format!(" --seed {}", self.seed);
        }
        if self.is_quick {
            command += " --quick";
        }
        command
    }

    /// A table with remarks that hold for all: how to make it again, and what of it is not to be trusted.
    pub(super) fn table(&self, title: &str, source: &str, columns: &[&str], cells: &[Cell]) -> Table {
        let mut notes = vec![format!("Reproduce: {}", self.command())];
        if self.rounds > 1 {
            notes.push(format!("Figures are medians of {} runs.", self.rounds));
        }
        if self.is_quick {
            notes.push("Quick: too short, and with too few clients, to be compared.".to_owned());
        }
        notes.extend(doubts(cells));
        let columns = columns.iter().map(ToString::to_string).collect();
        Table { title: title.to_owned(), source: Some(source.to_owned()), columns, rows: Vec::new(), notes }
    }
}

/// Which cells had a run that wasn't fine, and why.
pub(super) fn doubts(cells: &[Cell]) -> Vec<String> {
    let why = |run: &Report| match run.verdict() {
        Verdict::Fine => None,
        verdict => Some(
            run.bound().map_or_else(|| verdict.to_string(), |bound| format!("{}: {}", verdict.name(), bound.words())),
        ),
    };
    let mut all: Vec<String> = cells.iter().flat_map(|cell| &cell.runs).filter_map(why).collect();
    all.sort_unstable();
    all.dedup();
    let with = |doubt: String| {
        let is = |cell: &&Cell| cell.runs.iter().any(|run| why(run).as_ref() == Some(&doubt));
        let names: Vec<&str> = cells.iter().filter(is).map(|cell| cell.name.as_str()).collect();
        format!("Not to be trusted, {doubt}: {}.", names.join(", "))
    };
    all.into_iter().map(with).collect()
}

/// A cell at a place of an axis.
pub(super) fn cell(name: String, axis: &str, value: f64, plan: LoadPlan, proxy: Option<Faults>) -> SuiteCell {
    let (transport, at) = (Some(plan.transport), Some(At { axis: axis.to_owned(), value }));
    SuiteCell { name, transport, at, plan: Plan::Load(plan), proxy }
}

/// The runs of one cell; none if it was not run.
#[derive(Debug)]
pub(super) struct Runs<'a>(Vec<&'a LoadReport>);

impl<'a> Runs<'a> {
    pub(super) fn of(cells: &'a [Cell], name: &str) -> Self {
        let runs = cells.iter().filter(|cell| cell.name == name).flat_map(|cell| &cell.runs);
        Self(
            runs.filter_map(|run| match run {
                Report::Load(report) => Some(report),
                _ => None,
            })
            .collect(),
        )
    }

    /// The median of a figure, over the runs that have it.
    pub(super) fn median(&self, figure: impl Fn(&LoadReport) -> Option<f64>) -> Option<f64> {
        let mut figures: Vec<f64> = self.0.iter().filter_map(|run| figure(run)).collect();
        figures.sort_by(f64::total_cmp);
        let middle = figures.len() / 2;
        let upper = *figures.get(middle)?;
        if figures.len() % 2 == 1 { Some(upper) } else { Some(f64::midpoint(upper, *figures.get(middle - 1)?)) }
    }

    /// Whether something holds of more than half of the runs.
    pub(super) fn most(&self, holds: impl Fn(&LoadReport) -> bool) -> bool {
        self.0.iter().filter(|run| holds(run)).count() * 2 > self.0.len()
    }

    /// What is known of the first run that has it.
    pub(super) fn first<T>(&self, what: impl Fn(&LoadReport) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(|run| what(run))
    }

    /// Whether it was not run.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The mean latency in milliseconds, where anything came.
pub(super) fn mean(report: &LoadReport) -> Option<f64> {
    (!report.latency.is_empty()).then(|| report.latency.mean())
}

/// A quantile of the latency in milliseconds, where anything came.
pub(super) fn quantile(quantile: f64) -> impl Fn(&LoadReport) -> Option<f64> {
    move |report| (!report.latency.is_empty()).then(|| report.latency.at(quantile))
}

/// The longest latency in milliseconds, where anything came.
pub(super) fn max(report: &LoadReport) -> Option<f64> {
    (!report.latency.is_empty()).then(|| report.latency.max())
}

/// How much of a core the server used, in percent.
pub(super) fn server_share(report: &LoadReport) -> Option<f64> {
    report.server.as_ref().map(|server| server.share * 100.0)
}

/// One figure by another, which may be nothing.
pub(super) fn ratio(one: f64, other: f64) -> Option<f64> {
    (other > 0.0).then(|| one / other)
}

/// A figure that may not be known.
pub(super) fn number(figure: Option<f64>) -> Entry {
    figure.map_or(Entry::None, Entry::Number)
}

/// Words.
pub(super) fn text(words: impl Into<String>) -> Entry {
    Entry::Text(words.into())
}

/// A line of the points that are known.
pub(super) fn measured(name: impl Into<String>, points: impl IntoIterator<Item = (f64, Option<f64>)>) -> Line {
    let points = points.into_iter().filter_map(|(x, y)| y.map(|y| (x, y))).collect();
    Line { name: name.into(), is_model: false, points }
}

/// A line that is calculated.
pub(super) fn model(name: impl Into<String>, points: impl IntoIterator<Item = (f64, f64)>) -> Line {
    Line { name: name.into(), is_model: true, points: points.into_iter().collect() }
}

/// A number of seconds, at least 0.
pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.max(0.0))
}
