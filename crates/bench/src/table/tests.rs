//! The tables of made-up reports.

use std::collections::BTreeSet;
use std::time::Duration;

use super::*;
use crate::{
    Bytes, ClientUse, Counts, Distribution, Entry, LoadPlan, LoadReport, Plan, Reconciled, Report, SCHEMA_VERSION,
    ServerUse, SuiteCell, Transport, Verdict,
};

fn plan(published: Published) -> TablePlan {
    TablePlan::new(published, "http://127.0.0.1:1/".parse().unwrap(), ServerSource::Given)
}

/// A second in which each of ten deliveries took so many milliseconds, and a hundred bytes of headers.
fn report(plan: &LoadPlan, milliseconds: f64) -> LoadReport {
    let mut latency = Distribution::default();
    let nanoseconds = Duration::from_secs_f64(milliseconds / 1e3).as_nanos().try_into().unwrap();
    (0..10).for_each(|_| latency.record(nanoseconds));
    let received = Bytes { headers: 1_000, ..Bytes::default() };
    let counts = Counts { received, requests: 20, arrivals: 5, ..Counts::default() };
    LoadReport {
        schema: SCHEMA_VERSION,
        plan: plan.clone(),
        processes: 1,
        opening_seconds: 0.1,
        seconds: 1.0,
        sent: 1,
        deliveries: 10,
        uncorrected: latency.clone(),
        latency,
        lag: Distribution::default(),
        behind: None,
        over_time: Vec::new(),
        counts,
        counts_in_all: counts,
        server: Some(ServerUse { cpu_seconds: 0.5, share: 0.5, per_cpu_second: 20.0, resident: 1 }),
        resident_before: None,
        retransmissions: None,
        sockets: None,
        client: ClientUse { cpu_seconds: 0.1, user_seconds: Some(0.05), share: 0.1 },
        reconciled: Reconciled { expected: 10, ..Reconciled::default() },
        interrupted: false,
        verdict: Verdict::Fine,
    }
}

/// A cell whose runs took so many milliseconds each.
fn measured(workload: &SuiteCell, runs: &[f64]) -> Cell {
    let Plan::Load(load) = &workload.plan else { panic!("{}: not a load", workload.name) };
    let runs = runs.iter().map(|&run| Report::Load(report(load, run))).collect();
    Cell { name: workload.name.clone(), transport: workload.transport, at: workload.at.clone(), runs }
}

fn workloads(plan: &TablePlan) -> Vec<SuiteCell> {
    match plan.published {
        Published::Kaazing => kaazing::workloads(plan),
        Published::Rfc6202 => rfc6202::workloads(plan),
        Published::Bozdag => bozdag::workloads(plan),
        Published::Cutoff => cutoff::workloads(plan),
        Published::CometD => cometd::steps(plan).iter().flat_map(|&step| cometd::workloads(plan, step)).collect(),
    }
}

/// The figure of a row, which is found by its first entries, in a column.
fn figure(table: &Table, row: &[Entry], column: &str) -> Option<f64> {
    let place = table.columns.iter().position(|name| name == column).unwrap();
    let row = table.rows.iter().find(|entries| entries.starts_with(row)).unwrap();
    match row[place] {
        Entry::Number(figure) => Some(figure),
        _ => None,
    }
}

fn words(text: &str) -> Entry {
    Entry::Text(text.to_owned())
}

#[test]
fn each_workload_is_one_that_can_be_run_and_has_a_name_of_its_own() {
    for published in Published::ALL {
        for is_quick in [false, true] {
            let plan = TablePlan { is_quick, ..plan(published) };
            let workloads = workloads(&plan);
            let names: BTreeSet<&str> = workloads.iter().map(|cell| cell.name.as_str()).collect();
            assert_eq!(names.len(), workloads.len());
            for SuiteCell { name, plan, .. } in &workloads {
                let Plan::Load(load) = plan else { panic!("{name}: not a load") };
                load.check().unwrap_or_else(|error| panic!("{name}: {error}"));
            }
        }
    }
}

#[test]
fn no_two_workloads_of_a_series_stand_at_one_place_of_an_axis() {
    for published in Published::ALL {
        let mut places = BTreeSet::new();
        for SuiteCell { name, transport, at, .. } in workloads(&plan(published)) {
            let Some(at) = at else { continue };
            let place = (at.axis, transport.map(Transport::name), at.value.to_bits());
            assert!(places.insert(place), "{}: {name}", published.name());
        }
    }
}

#[test]
fn tables_are_whole_with_all_of_it_and_with_nothing() {
    for published in Published::ALL {
        let plan = plan(published);
        let cells: Vec<Cell> = workloads(&plan).iter().map(|workload| measured(workload, &[1.0, 2.0, 3.0])).collect();
        for cells in [cells, Vec::new()] {
            let reproduced = plan.reproduced(cells);
            assert!(!reproduced.tables.is_empty() && !reproduced.plots.is_empty());
            for table in &reproduced.tables {
                assert!(table.rows.iter().all(|row| row.len() == table.columns.len()), "{}", table.title);
                let reproduce = format!("bowline bench table {} http://127.0.0.1:1/", published.name());
                assert!(table.notes.iter().any(|note| note.contains(&reproduce)), "{:?}", table.notes);
                assert!(table.source.is_some());
            }
        }
    }
}

#[test]
fn figures_are_medians_of_the_runs() {
    let plan = TablePlan { rounds: 4, seed: 7, is_quick: true, ..plan(Published::Cutoff) };
    let cells = workloads(&plan).iter().map(|workload| measured(workload, &[9.0, 1.0, 2.0, 3.0])).collect();
    let tables = plan.reproduced(cells).tables;
    let mean = figure(&tables[1], &[words("comet"), Entry::Number(500.0)], "mean, measured (ms)").unwrap();
    assert!((mean - 2.5).abs() < 0.01, "{mean}");
    let notes = tables[1].notes.join(" ");
    assert!(notes.contains("--rounds 4 --seed 7 --quick") && notes.contains("medians of 4 runs"), "{notes}");
}

#[test]
fn what_is_not_to_be_trusted_is_told() {
    let plan = plan(Published::Kaazing);
    let mut cells: Vec<Cell> = workloads(&plan).iter().map(|workload| measured(workload, &[1.0])).collect();
    for (cell, verdict) in cells.iter_mut().zip([Verdict::Faulty, Verdict::ClientBound]) {
        let Report::Load(report) = &mut cell.runs[0] else { unreachable!() };
        report.verdict = verdict;
    }
    let notes = plan.reproduced(cells).tables[0].notes.join("\n");
    for (why, cell) in [
        ("faulty: answers were missing or wrong", "polling"),
        ("client-bound: messages were sent late, with time to spare on the load's core", "long-polling"),
    ] {
        assert!(notes.contains(&format!("Not to be trusted, {why}: {cell}.")), "{notes}");
    }
}

#[test]
fn kaazing_scales_a_message_to_many_clients() {
    let plan = plan(Published::Kaazing);
    let tables = plan.reproduced(workloads(&plan).iter().map(|workload| measured(workload, &[1.0])).collect()).tables;
    assert_eq!(figure(&tables[0], &[words("polling")], "both (B a message)"), Some(100.0));
    assert_eq!(figure(&tables[0], &[words("raw")], "polling : this, published"), Some(435.5));
    assert_eq!(figure(&tables[0], &[words("raw")], "polling : this, measured"), Some(1.0));
    let many = [words("raw"), Entry::Number(100_000.0)];
    let scaled = figure(&tables[1], &many, "scaled from what was measured (Mibit/s)").unwrap();
    assert!((scaled - 76.294).abs() < 1e-3, "{scaled}");
}

#[test]
fn transit_times_begin_at_the_server_and_leave_the_knee_alone() {
    let plan = plan(Published::Rfc6202);
    // The way to the server, one transit, a floor of 2 ms, and timers that are 3 ms late; two transits of long polls past the knee.
    let cells = workloads(&plan).into_iter().map(|workload| {
        let delay = workload.at.as_ref().unwrap().value;
        let transits = if workload.transport == Some(Transport::LongPolling) && delay >= 125.0 { 3.0 } else { 2.0 };
        measured(&workload, &[delay * transits + if delay > 0.0 { 5.0 } else { 2.0 }])
    });
    let tables = plan.reproduced(cells.collect()).tables;
    for transport in ["websocket", "comet", "long-polling"] {
        let floor = figure(&tables[0], &[words(transport)], "floor (ms)").unwrap();
        let lateness = figure(&tables[0], &[words(transport)], "proxy's lateness (ms)").unwrap();
        assert!((lateness - 3.0).abs() < 0.01, "{lateness}");
        let deviation = figure(&tables[0], &[words(transport)], "largest deviation of the mean (%)").unwrap();
        assert!((floor - 2.0).abs() < 0.01 && deviation.abs() < 0.5, "{transport}: {floor}, {deviation}");
    }
    let knee = figure(&tables[0], &[words("long-polling")], "knee, measured (ms)").unwrap();
    assert!((112.5..=137.5).contains(&knee), "{knee}");
    let at_knee = [Entry::Number(125.0)];
    assert_eq!(figure(&tables[3], &at_knee, "deviation from what is expected (%)"), None);
    assert!(tables[3].notes.join(" ").contains("275 and 400 at 150"), "{:?}", tables[3].notes);
}

#[test]
fn pull_is_measured_beside_push() {
    let plan = plan(Published::Bozdag);
    let tables = plan.reproduced(workloads(&plan).iter().map(|workload| measured(workload, &[400.0])).collect()).tables;
    let spot = [Entry::Number(500.0), Entry::Number(0.1), Entry::Number(0.5)];
    assert_eq!(figure(&tables[0], &spot, "seen before the next, measured (%)"), Some(0.0));
    let spot = [Entry::Number(500.0), Entry::Number(0.5), Entry::Number(0.5)];
    assert_eq!(figure(&tables[0], &spot, "seen before the next, measured (%)"), Some(100.0));
    assert_eq!(figure(&tables[1], &spot, "requests a delivery, measured"), Some(2.0));
    assert_eq!(figure(&tables[1], &spot, "requests in vain, measured (%)"), Some(75.0));
    assert_eq!(figure(&tables[1], &spot, "push's CPU : this, measured"), Some(1.0));
}

#[test]
fn clients_hold_until_the_first_step_that_is_too_slow() {
    let plan = TablePlan { is_quick: true, ..plan(Published::Cutoff) };
    let cells = workloads(&plan).into_iter().map(|workload| {
        let is_late = workload.transport == Some(Transport::Polling) && workload.at.as_ref().unwrap().value > 200.0;
        measured(&workload, &[if is_late { 10_100.0 } else { 100.0 }])
    });
    let tables = plan.reproduced(cells.collect()).tables;
    assert_eq!(figure(&tables[0], &[words("polling")], "clients that held here"), Some(200.0));
    assert_eq!(figure(&tables[0], &[words("polling")], "clients on one core (extrapolated)"), Some(400.0));
    assert_eq!(figure(&tables[0], &[words("comet")], "clients that held here"), Some(500.0));
}

#[test]
fn the_best_rate_is_the_highest_that_is_kept_up_with() {
    let plan = TablePlan { is_quick: true, ..plan(Published::CometD) };
    let cells = workloads(&plan).into_iter().map(|workload| {
        let is_late = workload.name.starts_with("websocket, 10 %") || workload.name.starts_with("long-polling, 5 %");
        let mut cell = measured(&workload, &[if is_late { 110.0 } else { 90.0 }]);
        let Report::Load(report) = &mut cell.runs[0] else { unreachable!() };
        // As many as are owed: one publication to a fifth of a hundred.
        report.deliveries = if workload.name.contains(" 10 %") { 21 } else { 20 };
        cell
    });
    let Reproduced { cells, tables, plots, .. } = plan.reproduced(cells.collect());
    let row = tables[0].rows.iter().find(|row| row[0] == words("deliveries a second")).unwrap();
    assert_eq!(row[1..], [91_853.0, 21.0, 20.0].map(Entry::Number));
    // Why a step wasn't kept up with is told.
    let kept_up = |row: &Vec<Entry>| row.last().cloned().unwrap();
    let late = words("no: p99 over 100 ms");
    let told: Vec<_> = tables[1].rows.iter().map(kept_up).collect();
    assert_eq!(told, [words("yes"), late.clone(), words("yes"), words("yes"), words("yes"), late]);
    let drawn = |name: &str| plots[0].lines.iter().find(|line| line.name == name).unwrap().points.len();
    assert_eq!((drawn("long-polling p99"), drawn("websocket p99")), (3, 2));
    // What was too much is in the table, and no cell that speaks against the others.
    assert_eq!((tables[1].rows.len(), cells.len()), (6, 5));
    assert!(!cells.iter().any(|cell| cell.name.starts_with("websocket, 10 %")));
}

#[test]
fn where_no_rate_is_kept_up_with_there_is_no_best() {
    let plan = TablePlan { is_quick: true, ..plan(Published::CometD) };
    let cells = workloads(&plan).into_iter().map(|workload| {
        let mut cell = measured(&workload, &[29.7]);
        let Report::Load(report) = &mut cell.runs[0] else { unreachable!() };
        (report.deliveries, report.verdict) = (20, Verdict::ClientBound);
        report.behind = crate::Behind::of(61.0, [0.0; 4]);
        cell
    });
    let Reproduced { cells, tables, plots, .. } = plan.reproduced(cells.collect());
    assert_eq!(tables[0].rows[0][2..], [Entry::None, Entry::None]);
    let notes = tables[0].notes.join(" ");
    assert!(notes.contains("websocket: no rate was kept up with."), "{notes}");
    assert_eq!(tables[1].rows[0].last(), Some(&words("no: sent 61 ms late at the end")));
    assert_eq!((cells.len(), plots[0].lines[0].points.len()), (6, 3), "they are what there is");
}
