//! Many small rooms: `CometD`'s load test with its defaults, as its maintainers publish it.
//!
//! Published: 1,000 clients by long polling, 100 rooms of which each client is in 10, messages of 50 bytes; 91,853 deliveries a
//! second in 36,083 responses a second (39 %: a response brings 2.5), latency 22 ms at p50 and 52 ms at p99.
//!
//! Here rates are stepped up, in shares of the published, by long polling and by a session's WebSocket, until two in a row
//! aren't kept up with: load lagging or client-bound, something lost or skipped, fewer deliveries than owed, or a p99 of more
//! than 100 ms, twice the published; the table says which. The highest that was kept up with stands beside what was published. A response of WebSocket is a read that brought something.
//! `CometD` ran server and clients on machines of their own; here they share one.

use std::ops::ControlFlow;

use super::cells::{Runs, cell, doubts, measured, number, quantile, ratio, seconds, server_share, text};
use super::{Reproduced, TablePlan};
use crate::process::float;
use crate::report::CLIENT_BOUND;
use crate::{
    Cell, Entry, Event, Interruption, LoadPlan, LoadReport, Plot, Ran, SuiteCell, Table, Traffic, Transport, Verdict,
};

const SOURCE: &str = "CometD's load test: 1,000 clients, 100 rooms, 10 rooms a client, 50 B, long polling";
const ROOMS: usize = 100;
const PER_CLIENT: usize = 10;
/// Bytes of a message.
const SIZE: usize = 50;
const PUBLISHED: Figures =
    Figures { deliveries: Some(91_853.0), responses: Some(36_083.0), p50: Some(22.0), p99: Some(52.0) };
/// Published number of clients.
const CLIENTS: usize = 1_000;
/// Rates to step up through, in shares of the published.
const STEPS: [f64; 12] = [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0];
const QUICK_STEPS: [f64; 3] = [0.01, 0.05, 0.1];
const TRANSPORTS: [Transport; 2] = [Transport::LongPolling, Transport::WebSocket];
/// Steps in a row that aren't kept up with, past which no higher one is tried: one may be the machine's fault.
const PATIENCE: usize = 2;
/// Of the deliveries owed in the measured time so many have to come in it.
const COMPLETE: f64 = 0.97;
/// Longest lag of the load, and longest latency, at p99 in milliseconds, of a rate that is kept up with.
const LONGEST_LAG: f64 = 20.0;
const LONGEST_LATENCY: f64 = 100.0;

/// What is compared.
#[derive(Debug, Clone, Copy)]
struct Figures {
    deliveries: Option<f64>,
    responses: Option<f64>,
    p50: Option<f64>,
    p99: Option<f64>,
}

/// What may be run of one step.
pub(super) fn workloads(plan: &TablePlan, step: f64) -> impl Iterator<Item = SuiteCell> {
    TRANSPORTS.into_iter().map(move |transport| workload(plan, transport, step))
}

/// The workloads of the first step.
pub(super) fn first(plan: &TablePlan) -> Vec<SuiteCell> {
    steps(plan).first().map(|&step| workloads(plan, step).collect()).unwrap_or_default()
}

/// Runs one step after the other, of each transport until [`PATIENCE`] is at its end.
pub(super) fn step_up(plan: &TablePlan, mut tell: impl FnMut(&Event) -> ControlFlow<()>) -> Ran {
    let (mut all, mut is_broken) = (Ran { cells: Vec::new(), error: None, interrupted: None }, false);
    let mut left: Vec<(Transport, usize)> = TRANSPORTS.map(|transport| (transport, 0)).into();
    for &step in steps(plan) {
        let is_left = |cell: &SuiteCell| left.iter().any(|(transport, _)| cell.transport == Some(*transport));
        let workloads: Vec<SuiteCell> = workloads(plan, step).filter(is_left).collect();
        if workloads.is_empty() || is_broken || all.error.is_some() {
            break;
        }
        let ran = plan.measure(workloads, |event| {
            let flow = tell(event);
            is_broken |= flow.is_break();
            flow
        });
        all.cells.extend(ran.cells);
        all.error = ran.error;
        for (transport, missed) in &mut left {
            let is_kept_up = Runs::of(&all.cells, &name(*transport, step)).most(keeps_up);
            *missed = if is_kept_up { 0 } else { *missed + 1 };
        }
        left.retain(|(_, missed)| *missed < PATIENCE);
        all.interrupted = ran.interrupted.map(|interruption| {
            let later = steps(plan).iter().filter(|later| **later > step);
            let all_left = later.flat_map(|&later| left.iter().map(move |(transport, _)| name(*transport, later)));
            let missing: Vec<_> = interruption.missing.into_iter().chain(all_left).collect();
            Interruption { workloads: all.cells.len() + missing.len(), missing, ..interruption }
        });
    }
    all
}

pub(super) fn reproduced(plan: &TablePlan, cells: Vec<Cell>) -> Reproduced {
    let mut tables = vec![summary(plan, &cells), by_step(plan, &cells)];
    let cells = without_too_much(plan, cells);
    let plots = vec![plot(plan, &cells)];
    tables.iter_mut().for_each(|table| table.notes.extend(doubts(&cells)));
    Reproduced { tables, plots, cells, interrupted: None }
}

/// Steps past the best are there to find it: what they say is in the tables, and in no plot, and that load or server couldn't keep
/// up with them is no doubt about the rest. A fault is one, at whatever rate.
fn without_too_much(plan: &TablePlan, mut cells: Vec<Cell>) -> Vec<Cell> {
    let past = TRANSPORTS.map(|transport| {
        let best = best(plan, &cells, transport);
        let steps = steps(plan).iter().filter(|&&step| best.is_some_and(|best| step > best));
        steps.map(|&step| name(transport, step)).collect::<Vec<_>>()
    });
    let is_faulty = |cell: &Cell| cell.runs.iter().any(|run| run.verdict() == Verdict::Faulty);
    cells.retain(|cell| is_faulty(cell) || !past.concat().contains(&cell.name));
    cells
}

pub(super) fn steps(plan: &TablePlan) -> &'static [f64] {
    plan.pick(&STEPS[..], &QUICK_STEPS)
}

fn clients(plan: &TablePlan) -> usize {
    plan.pick(CLIENTS, 200)
}

fn name(transport: Transport, step: f64) -> String {
    format!("{}, {:.0} % of the published rate", transport.name(), step * 100.0)
}

/// How many clients a room has, in the mean.
fn members(clients: usize) -> f64 {
    float((clients * PER_CLIENT) as u64) / float(ROOMS as u64)
}

fn workload(plan: &TablePlan, transport: Transport, step: f64) -> SuiteCell {
    let traffic = Traffic::Rooms { rooms: ROOMS, per_client: PER_CLIENT };
    // Deliveries a second of the published many clients, and so many publications.
    let rate = PUBLISHED.deliveries.unwrap_or(0.0) * step / members(CLIENTS);
    let mut load = LoadPlan { rate, size: SIZE, ..plan.load(transport, traffic, clients(plan)) };
    (load.warm_up, load.duration) = (seconds(1.0), seconds(plan.pick(5.0, 3.0)));
    cell(name(transport, step), "publications a second", rate, load, None)
}

/// Whether load and server kept up with the rate.
fn keeps_up(report: &LoadReport) -> bool {
    missed(report).is_none()
}

/// What load or server didn't keep up with, if anything.
fn missed(report: &LoadReport) -> Option<String> {
    let owed = float(report.sent) * members(report.plan.clients);
    let share = ratio(float(report.deliveries), owed).unwrap_or(1.0);
    let [lag, latency] = [&report.lag, &report.latency].map(|times| times.at(0.99));
    let of_verdict = match report.verdict {
        Verdict::Fine => None,
        Verdict::Faulty => Some("messages missing or wrong".to_owned()),
        Verdict::ClientBound => Some(match report.behind {
            Some(behind) if report.client.share <= CLIENT_BOUND => format!("sent {behind}"),
            _ => format!("a load process used over {:.0} % of its core", CLIENT_BOUND * 100.0),
        }),
    };
    of_verdict
        .or_else(|| (report.reconciled.told > 0).then(|| format!("{} deliveries skipped", report.reconciled.told)))
        .or_else(|| (share < COMPLETE).then(|| format!("{:.0} % of the deliveries in time", share * 100.0)))
        .or_else(|| (lag > LONGEST_LAG).then(|| format!("sent {lag:.0} ms late at p99, over {LONGEST_LAG}")))
        .or_else(|| (latency > LONGEST_LATENCY).then(|| format!("p99 over {LONGEST_LATENCY} ms")))
}

/// What a step came to: `yes`, or why not, of the first run that didn't keep up.
fn kept_up(runs: &Runs<'_>) -> String {
    if runs.most(keeps_up) {
        return "yes".to_owned();
    }
    runs.first(missed).map_or_else(|| "no".to_owned(), |why| format!("no: {why}"))
}

/// The highest step that was kept up with.
fn best(plan: &TablePlan, cells: &[Cell], transport: Transport) -> Option<f64> {
    let is_kept_up = |step: &&f64| Runs::of(cells, &name(transport, **step)).most(keeps_up);
    steps(plan).iter().rfind(is_kept_up).copied()
}

fn deliveries(report: &LoadReport) -> Option<f64> {
    ratio(float(report.deliveries), report.seconds)
}

/// Responses a second: each request has one, and on a WebSocket it is a read that brought something.
fn responses(report: &LoadReport) -> Option<f64> {
    let counts = &report.counts;
    let responses = if report.plan.transport == Transport::LongPolling { counts.requests } else { counts.arrivals };
    ratio(float(responses), report.seconds)
}

impl Figures {
    const NONE: Self = Self { deliveries: None, responses: None, p50: None, p99: None };

    fn of(runs: &Runs<'_>) -> Self {
        Self {
            deliveries: runs.median(deliveries),
            responses: runs.median(responses),
            p50: runs.median(quantile(0.5)),
            p99: runs.median(quantile(0.99)),
        }
    }

    fn a_response(&self) -> Option<f64> {
        self.deliveries.zip(self.responses).and_then(|(deliveries, responses)| ratio(deliveries, responses))
    }

    /// Responses by deliveries, in percent.
    fn coalescing(&self) -> Option<f64> {
        self.a_response().map(|deliveries| 100.0 / deliveries)
    }

    fn all(&self) -> [Option<f64>; 6] {
        [self.deliveries, self.responses, self.a_response(), self.coalescing(), self.p50, self.p99]
    }
}

fn summary(plan: &TablePlan, cells: &[Cell]) -> Table {
    let columns = ["", "published", "long-polling", "websocket"];
    let names = [
        "deliveries a second",
        "responses a second",
        "deliveries a response",
        "responses by deliveries (%)",
        "latency p50 (ms)",
        "latency p99 (ms)",
    ];
    let mut table = plan.table("CometD: the best rate that is kept up with", SOURCE, &columns, &[]);
    let measured = TRANSPORTS.map(|transport| {
        let step = best(plan, cells, transport);
        step.map_or(Figures::NONE, |step| Figures::of(&Runs::of(cells, &name(transport, step))))
    });
    let [by_polls, by_websocket] = measured.map(|figures| figures.all());
    let figures = PUBLISHED.all().into_iter().zip(by_polls).zip(by_websocket);
    let row = |(name, ((published, polls), websocket)): (&str, _)| {
        vec![text(name), number(published), number(polls), number(websocket)]
    };
    table.rows = names.into_iter().zip(figures).map(row).collect();
    for transport in TRANSPORTS.iter().filter(|transport| best(plan, cells, **transport).is_none()) {
        table.notes.push(format!("{}: no rate was kept up with.", transport.name()));
    }
    table.notes.push(scale(plan));
    table
}

fn scale(plan: &TablePlan) -> String {
    format!(
        "Here: {} clients (published {CLIENTS}), {ROOMS} rooms, {PER_CLIENT} rooms a client, {SIZE} B; rates stepped up in shares \
         of the published until two in a row aren't kept up with: faulty or client-bound, deliveries skipped, less than {:.0} % of them in \
         time, sent more than {LONGEST_LAG} ms late at p99, or a p99 of more than {LONGEST_LATENCY} ms. The best is the highest that \
         was kept up with; plots have none above it. Server and clients share one machine; published they had their own.",
        clients(plan),
        COMPLETE * 100.0
    )
}

fn by_step(plan: &TablePlan, cells: &[Cell]) -> Table {
    let columns = [
        "transport",
        "of the published rate (%)",
        "deliveries a second",
        "responses a second",
        "deliveries a response",
        "p50 (ms)",
        "p99 (ms)",
        "server CPU (% of a core)",
        "busiest load process (% of a core)",
        "kept up",
    ];
    let mut table = plan.table("CometD: rates stepped up", SOURCE, &columns, &[]);
    for transport in TRANSPORTS {
        let steps = steps(plan).iter().map(|&step| (step, Runs::of(cells, &name(transport, step))));
        table.rows.extend(steps.filter(|(_, runs)| !runs.is_empty()).map(|(step, runs)| {
            let figures = Figures::of(&runs);
            vec![
                text(transport.name()),
                Entry::Number(step * 100.0),
                number(figures.deliveries),
                number(figures.responses),
                number(figures.a_response()),
                number(figures.p50),
                number(figures.p99),
                number(runs.median(server_share)),
                number(runs.median(|report| Some(report.client.share * 100.0))),
                text(kept_up(&runs)),
            ]
        }));
    }
    table.notes.push(scale(plan));
    table
}

fn plot(plan: &TablePlan, cells: &[Cell]) -> Plot {
    let line = |transport: Transport, at: f64, name_of: &str| {
        let points = steps(plan).iter().filter_map(|&step| {
            let runs = Runs::of(cells, &name(transport, step));
            Some((runs.median(deliveries)?, runs.median(quantile(at))))
        });
        measured(format!("{} {name_of}", transport.name()), points.collect::<Vec<_>>())
    };
    Plot {
        name: "cometd".to_owned(),
        title: "Latency over deliveries a second".to_owned(),
        x: "deliveries a second".to_owned(),
        y: "latency (ms)".to_owned(),
        logarithmic: (true, true),
        lines: TRANSPORTS.iter().flat_map(|&each| [line(each, 0.99, "p99"), line(each, 0.5, "p50")]).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_brings_as_many_as_published() {
        assert!((PUBLISHED.coalescing().unwrap() - 39.0).abs() < 0.5);
        assert!((PUBLISHED.a_response().unwrap() - 2.55).abs() < 0.01);
        assert_eq!(Figures::NONE.all(), [None; 6]);
    }

    #[test]
    fn a_room_has_a_tenth_of_the_clients() {
        assert!((members(CLIENTS) - 100.0).abs() < f64::EPSILON);
        assert!((members(200) - 20.0).abs() < f64::EPSILON);
    }
}
