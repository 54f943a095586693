//! Coherence and server load by push and by pull: Bozdag, Mesbah & van Deursen, "A Comparison of Push and Pull Techniques for
//! AJAX" (Web Site Evolution, 2007).
//!
//! Published: up to a thousand users, publications each 1, 5 and 15 s (and 50 s), pulls each 1, 5 and 15 s. Pull misses publications where its
//! interval is longer than theirs, and asks in vain where it is shorter; push costs up to 7 times the server's CPU time.
//!
//! Here all times are a tenth of the published, so that a table ends in minutes, and by push is meant Comet. No publication is missed,
//! because polls of a session bring all that came since the last; in its place stands what comes too late: after the next
//! publication, when the page would have shown an outdated one. Calculated, with polls at any phase and publications each *p*,
//! pulls each *q*: staleness *q*/2 in the mean, in time min(1, *p*/*q*), requests a delivery *p*/*q*, in vain max(0, 1 − *q*/*p*).

use super::cells::{ONE_ROOM, Runs, mean, measured, model, number, ratio, seconds, server_share, text};
use super::{Reproduced, TablePlan};
use crate::process::float;
use crate::{Cell, Entry, LoadPlan, LoadReport, Plan, Plot, SuiteCell, Table, Transport};

const SOURCE: &str = "Bozdag, Mesbah & van Deursen: A Comparison of Push and Pull Techniques for AJAX (2007)";
/// Seconds between publications, and between pulls: a tenth of the published.
const INTERVALS: [f64; 3] = [0.1, 0.5, 1.5];
const QUICK_INTERVALS: [f64; 2] = [0.1, 0.5];
const USERS: [usize; 2] = [100, 500];
const QUICK_USERS: [usize; 1] = [100];

/// One workload.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spot {
    users: usize,
    /// Seconds between publications.
    publish: f64,
    /// Seconds between pulls; none where it is pushed.
    pull: Option<f64>,
}

pub(super) fn workloads(plan: &TablePlan) -> Vec<SuiteCell> {
    grid(plan).iter().map(|spot| spot.workload(plan)).collect()
}

pub(super) fn reproduced(plan: &TablePlan, cells: Vec<Cell>) -> Reproduced {
    let grid = grid(plan);
    let tables = vec![coherence(plan, &cells, &grid), load(plan, &cells, &grid)];
    Reproduced { tables, plots: vec![staleness(plan, &cells)], cells, interrupted: None }
}

fn intervals(plan: &TablePlan) -> &'static [f64] {
    plan.pick(&INTERVALS[..], &QUICK_INTERVALS)
}

fn users(plan: &TablePlan) -> &'static [usize] {
    plan.pick(&USERS[..], &QUICK_USERS)
}

/// All workloads: by users, publications, and then push and each pull.
fn grid(plan: &TablePlan) -> Vec<Spot> {
    let pulls = || [None].into_iter().chain(intervals(plan).iter().copied().map(Some));
    let publish = |users: usize| {
        intervals(plan).iter().flat_map(move |&publish| pulls().map(move |pull| Spot { users, publish, pull }))
    };
    users(plan).iter().flat_map(|&users| publish(users)).collect()
}

impl Spot {
    fn name(&self) -> String {
        let how = self.pull.map_or_else(|| "push".to_owned(), |pull| format!("pull each {pull} s"));
        format!("{} users, a publication each {} s, {how}", self.users, self.publish)
    }

    fn workload(&self, plan: &TablePlan) -> SuiteCell {
        let transport = if self.pull.is_some() { Transport::Polling } else { Transport::Comet };
        let mut load = LoadPlan { rate: 1.0 / self.publish, ..plan.load(transport, ONE_ROOM, self.users) };
        load.poll_interval = seconds(self.pull.unwrap_or(1.0));
        load.warm_up = seconds(plan.pick(1.5, 0.5));
        load.duration = seconds(plan.pick(6.0, 2.5));
        // Of two intervals and a number of users none is an axis.
        let mut cell = SuiteCell::new(self.name(), Plan::Load(load));
        cell.transport = Some(transport);
        cell
    }

    /// How old a publication is when it is seen, in milliseconds.
    fn staleness(&self) -> f64 {
        self.pull.map_or(0.0, |pull| pull * 1_000.0 / 2.0)
    }

    /// The share seen before the next publication.
    fn in_time(&self) -> f64 {
        self.pull.map_or(1.0, |pull| (self.publish / pull).min(1.0))
    }

    fn requests_a_delivery(&self) -> Option<f64> {
        self.pull.map(|pull| self.publish / pull)
    }

    /// The share of requests that bring nothing.
    fn in_vain(&self) -> Option<f64> {
        self.pull.map(|pull| (1.0 - pull / self.publish).max(0.0))
    }

    fn place(&self) -> [Entry; 3] {
        let pull = self.pull.map_or_else(|| text("push"), Entry::Number);
        [Entry::Number(float(self.users as u64)), Entry::Number(self.publish), pull]
    }

    fn push(&self) -> Self {
        Self { pull: None, ..*self }
    }
}

fn coherence(plan: &TablePlan, cells: &[Cell], grid: &[Spot]) -> Table {
    let columns = [
        "users",
        "published each (s)",
        "pulled each (s)",
        "staleness, calculated (ms)",
        "staleness, measured (ms)",
        "seen before the next, calculated (%)",
        "seen before the next, measured (%)",
    ];
    let mut table = plan.table("Bozdag et al.: coherence by push and by pull", SOURCE, &columns, cells);
    table.rows = grid
        .iter()
        .map(|spot| {
            let runs = Runs::of(cells, &spot.name());
            let in_time = |report: &LoadReport| report.latency.share_within(seconds(spot.publish));
            let figures = [
                Entry::Number(spot.staleness()),
                number(runs.median(mean)),
                Entry::Number(spot.in_time() * 100.0),
                number(runs.median(in_time).map(|share| share * 100.0)),
            ];
            spot.place().into_iter().chain(figures).collect()
        })
        .collect();
    table.notes.extend([
        "Times are a tenth of the published 1, 5 and 15 s; push is Comet. Staleness is the mean age of a publication when it is seen.".to_owned(),
        "A session's poll brings all publications since the last, so that none is missed: what isn't seen before the next came too late.".to_owned(),
    ]);
    table
}

fn load(plan: &TablePlan, cells: &[Cell], grid: &[Spot]) -> Table {
    let columns = [
        "users",
        "published each (s)",
        "pulled each (s)",
        "requests a delivery, calculated",
        "requests a delivery, measured",
        "requests in vain, calculated (%)",
        "requests in vain, measured (%)",
        "server CPU (% of a core)",
        "push's CPU : this, published",
        "push's CPU : this, measured",
    ];
    let mut table = plan.table("Bozdag et al.: server load by push and by pull", SOURCE, &columns, cells);
    table.rows = grid
        .iter()
        .map(|spot| {
            let runs = Runs::of(cells, &spot.name());
            let (cpu, push) = (runs.median(server_share), Runs::of(cells, &spot.push().name()).median(server_share));
            let is_pull = spot.pull.is_some();
            let figures = [
                number(spot.requests_a_delivery()),
                number(runs.median(requests_a_delivery)),
                number(spot.in_vain().map(|share| share * 100.0)),
                number(runs.median(in_vain).filter(|_| is_pull)),
                number(cpu),
                if is_pull { text("up to 7") } else { Entry::None },
                number(push.zip(cpu).filter(|_| is_pull).and_then(|(push, cpu)| ratio(push, cpu))),
            ];
            spot.place().into_iter().chain(figures).collect()
        })
        .collect();
    table.notes.extend([
        "Times are a tenth of the published 1, 5 and 15 s: each user is ten times the load.".to_owned(),
        "Push makes no request for what it gets; those measured acknowledge it, several at a time.".to_owned(),
    ]);
    table
}

fn requests_a_delivery(report: &LoadReport) -> Option<f64> {
    ratio(float(report.counts.requests), float(report.deliveries))
}

/// Of all requests those that brought nothing, in percent.
fn in_vain(report: &LoadReport) -> Option<f64> {
    let (requests, brought) = (report.counts.requests, report.counts.arrivals);
    ratio(float(requests.saturating_sub(brought)) * 100.0, float(requests))
}

/// Over the pull interval, at the most users; push stands at 0.
fn staleness(plan: &TablePlan, cells: &[Cell]) -> Plot {
    let users = users(plan).iter().copied().max().unwrap_or(0);
    let spots =
        |publish: f64| grid(plan).into_iter().filter(move |spot| spot.users == users && spot.publish == publish);
    let line = |&publish: &f64| {
        let points = spots(publish).map(|spot| (spot.pull.unwrap_or(0.0), Runs::of(cells, &spot.name()).median(mean)));
        measured(format!("a publication each {publish} s"), points)
    };
    let mut lines: Vec<_> = intervals(plan).iter().map(line).collect();
    let calculated = intervals(plan).first().into_iter().flat_map(|&publish| spots(publish));
    lines.push(model("half the interval", calculated.map(|spot| (spot.pull.unwrap_or(0.0), spot.staleness()))));
    Plot {
        name: "staleness".to_owned(),
        title: format!("Staleness over polling interval, {users} users (push at 0)"),
        x: "polling interval (s)".to_owned(),
        y: "mean staleness (ms)".to_owned(),
        logarithmic: (false, false),
        lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pull_is_late_where_slower_and_in_vain_where_faster() {
        let pull = |publish, pull| Spot { users: 1, publish, pull: Some(pull) };
        let (slower, even, faster) = (pull(0.5, 1.5), pull(0.5, 0.5), pull(1.5, 0.5));
        assert_eq!([slower, even, faster].map(|spot| (spot.in_time() * 3.0).round()), [1.0, 3.0, 3.0]);
        assert_eq!(
            [slower, even, faster].map(|spot| spot.in_vain().map(|share| (share * 3.0).round())),
            [0.0, 0.0, 2.0].map(Some)
        );
        assert_eq!(
            [slower, even, faster].map(|spot| spot.requests_a_delivery().map(|each| (each * 3.0).round())),
            [1.0, 3.0, 9.0].map(Some)
        );
        assert_eq!([slower, even, faster].map(|spot| spot.staleness()), [750.0, 250.0, 250.0]);
        let push = slower.push();
        assert_eq!((push.staleness(), push.in_time(), push.in_vain()), (0.0, 1.0, None));
    }
}
