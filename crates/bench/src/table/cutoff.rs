//! How many clients polling serves, and how many push: Van de Vyvere, Colpaert & Verborgh, "Comparing a Polling and Push-Based
//! Approach for Live Open Data Interfaces" (ICWE 2020).
//!
//! Published: 5.2 kB that change each 5 s. Polling serves 2,000 clients, 8,000 with a cache before it, server-sent events
//! 25,000; where users put up with an update 10 s old, polling draws level.
//!
//! Here clients are stepped up as far as descriptors allow (two a client, of the server and of each load process), by polling
//! each 5 s and by Comet, from a server without a cache. A step holds while 99 % of the updates are seen within 10 s and none
//! is lost. What the server would hold on one core is extrapolated from its CPU time at the last step that held, in proportion
//! to clients.

use super::cells::{
    ONE_ROOM, Runs, cell, max, mean, measured, model, number, quantile, ratio, seconds, server_share, text,
};
use super::{Reproduced, TablePlan};
use crate::process::float;
use crate::{Cell, Entry, LoadPlan, LoadReport, Plot, SuiteCell, Table, Transport, dial};

const SOURCE: &str = "Van de Vyvere, Colpaert & Verborgh: Comparing a Polling and Push-Based Approach for Live Open Data \
                      Interfaces (2020)";
/// Bytes of an update.
const SIZE: usize = 5_200;
/// Clients to step up through.
const STEPS: [usize; 5] = [500, 1_000, 2_000, 4_000, 8_000];
const QUICK_STEPS: [usize; 2] = [200, 500];
const TRANSPORTS: [Transport; 2] = [Transport::Polling, Transport::Comet];
/// An update is to be seen within so many milliseconds, of 99 %.
const LIMIT: f64 = 10_000.0;
/// Descriptors that a client may take of a process at a time: one for responses with updates, one for what it says.
const DESCRIPTORS: u64 = 2;
/// Descriptors of a process besides.
const OTHER_DESCRIPTORS: u64 = 256;

pub(super) fn workloads(plan: &TablePlan) -> Vec<SuiteCell> {
    let over = |&transport: &Transport| steps(plan).map(move |clients| workload(plan, transport, clients));
    TRANSPORTS.iter().flat_map(over).collect()
}

pub(super) fn reproduced(plan: &TablePlan, cells: Vec<Cell>) -> Reproduced {
    let tables = vec![summary(plan, &cells), by_step(plan, &cells)];
    Reproduced { tables, plots: plots(plan, &cells), cells, interrupted: None }
}

/// Seconds between updates, and between the polls of a client.
fn interval(plan: &TablePlan) -> f64 {
    plan.pick(5.0, 1.0)
}

/// The steps that descriptors allow, one at the least.
fn steps(plan: &TablePlan) -> impl Iterator<Item = usize> {
    let all = plan.pick(&STEPS[..], &QUICK_STEPS);
    let fit = dial::most().saturating_sub(OTHER_DESCRIPTORS) / DESCRIPTORS;
    all.iter()
        .copied()
        .enumerate()
        .filter(move |&(place, clients)| place == 0 || clients as u64 <= fit)
        .map(|(_, clients)| clients)
}

fn name(transport: Transport, clients: usize) -> String {
    format!("{}, {clients} clients", transport.name())
}

fn workload(plan: &TablePlan, transport: Transport, clients: usize) -> SuiteCell {
    let interval = interval(plan);
    let mut load = LoadPlan { rate: 1.0 / interval, size: SIZE, ..plan.load(transport, ONE_ROOM, clients) };
    load.poll_interval = seconds(interval);
    // Four updates.
    (load.warm_up, load.duration) = (seconds(2.0), seconds(4.0 * interval));
    cell(name(transport, clients), "clients", float(clients as u64), load, None)
}

/// Mean and longest latency in milliseconds, as calculated: polls come at any phase.
fn calculated(plan: &TablePlan, transport: Transport) -> (f64, f64) {
    let interval = if transport == Transport::Polling { interval(plan) * 1_000.0 } else { 0.0 };
    (interval / 2.0, interval)
}

fn holds(runs: &Runs<'_>) -> bool {
    runs.most(|report| !report.reconciled.is_faulty() && quantile(0.99)(report).is_some_and(|p99| p99 <= LIMIT))
}

/// The most clients that held, before a step that didn't.
fn most(plan: &TablePlan, cells: &[Cell], transport: Transport) -> Option<usize> {
    steps(plan).take_while(|&clients| holds(&Runs::of(cells, &name(transport, clients)))).last()
}

/// How many clients take a whole core, in proportion to what so many take.
fn on_one_core(clients: usize, share: f64) -> Option<f64> {
    ratio(float(clients as u64) * 100.0, share)
}

fn summary(plan: &TablePlan, cells: &[Cell]) -> Table {
    let columns = [
        "transport",
        "clients, published",
        "clients that held here",
        "of steps up to",
        "server CPU at these (% of a core)",
        "clients on one core (extrapolated)",
    ];
    let mut table = plan.table("Van de Vyvere et al.: clients served", SOURCE, &columns, cells);
    let last = steps(plan).last().map(|clients| float(clients as u64));
    table.rows = TRANSPORTS
        .map(|transport| {
            let most = most(plan, cells, transport);
            let share = most.and_then(|clients| Runs::of(cells, &name(transport, clients)).median(server_share));
            let extrapolated = most.zip(share).and_then(|(clients, share)| on_one_core(clients, share));
            let published = if transport == Transport::Polling { "2,000; 8,000 with a cache" } else { "25,000" };
            vec![
                text(transport.name()),
                text(published),
                number(most.map(|clients| float(clients as u64))),
                number(last),
                number(share),
                number(extrapolated),
            ]
        })
        .into();
    table.notes.extend(remarks(plan));
    table
}

fn remarks(plan: &TablePlan) -> [String; 2] {
    let interval = interval(plan);
    [
        format!("{SIZE} bytes each {interval} s, polled each {interval} s; there is no cache before the server. A step holds while 99 % of the updates are seen within {} s and none is lost.", LIMIT / 1_000.0),
        "Extrapolated, not measured: the server's CPU time at the last step that held, in proportion to clients. Published push is server-sent events, here it is Comet.".to_owned(),
    ]
}

fn by_step(plan: &TablePlan, cells: &[Cell]) -> Table {
    let columns = [
        "transport",
        "clients",
        "mean, calculated (ms)",
        "mean, measured (ms)",
        "p50 (ms)",
        "p99 (ms)",
        "max, calculated (ms)",
        "max, measured (ms)",
        "server CPU (% of a core)",
        "holds",
    ];
    let mut table = plan.table("Van de Vyvere et al.: latency and CPU by clients", SOURCE, &columns, cells);
    for transport in TRANSPORTS {
        let (calculated_mean, calculated_max) = calculated(plan, transport);
        table.rows.extend(steps(plan).map(|clients| {
            let runs = Runs::of(cells, &name(transport, clients));
            vec![
                text(transport.name()),
                Entry::Number(float(clients as u64)),
                Entry::Number(calculated_mean),
                number(runs.median(mean)),
                number(runs.median(quantile(0.5))),
                number(runs.median(quantile(0.99))),
                Entry::Number(calculated_max),
                number(runs.median(max)),
                number(runs.median(server_share)),
                if runs.is_empty() { Entry::None } else { text(if holds(&runs) { "yes" } else { "no" }) },
            ]
        }));
    }
    table.notes.extend(remarks(plan));
    table
}

fn plots(plan: &TablePlan, cells: &[Cell]) -> Vec<Plot> {
    let line = |transport: Transport, figure: &dyn Fn(&LoadReport) -> Option<f64>| {
        let points = steps(plan)
            .map(|clients| (float(clients as u64), Runs::of(cells, &name(transport, clients)).median(figure)));
        measured(transport.name(), points.collect::<Vec<_>>())
    };
    let plot = |name: &str, title: &str, y: &str, figure: &dyn Fn(&LoadReport) -> Option<f64>| Plot {
        name: name.to_owned(),
        title: title.to_owned(),
        x: "clients".to_owned(),
        y: y.to_owned(),
        logarithmic: (true, false),
        lines: TRANSPORTS.iter().map(|&transport| line(transport, figure)).collect(),
    };
    let mut latency = plot("cutoff-latency", "Mean latency over clients", "mean latency (ms)", &mean);
    let (half, _) = calculated(plan, Transport::Polling);
    latency.lines.push(model("half the polling interval", steps(plan).map(|clients| (float(clients as u64), half))));
    vec![
        latency,
        plot(
            "cutoff-cpu",
            "Share of a core that the server uses, over clients",
            "server CPU (% of a core)",
            &server_share,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Published, ServerSource};

    #[test]
    fn polling_waits_half_its_interval_and_push_does_not() {
        let plan = TablePlan::new(Published::Cutoff, "http://127.0.0.1:1/".parse().unwrap(), ServerSource::Given);
        assert_eq!(calculated(&plan, Transport::Polling), (2_500.0, 5_000.0));
        assert_eq!(calculated(&plan, Transport::Comet), (0.0, 0.0));
        assert!(steps(&plan).count() >= 1);
    }

    #[test]
    fn a_core_is_extrapolated_in_proportion() {
        assert_eq!(on_one_core(2_000, 50.0), Some(4_000.0));
        assert_eq!(on_one_core(2_000, 0.0), None);
    }
}
