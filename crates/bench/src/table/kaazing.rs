//! What headers cost: Kaazing's "HTML5 WebSocket: A Quantum Leap in Scalability for the Web" (2010).
//!
//! Published is arithmetic. A client has one message a second. By polling each comes with 871 bytes of HTTP headers, request
//! and response together, by WebSocket with a frame header of 2 bytes: for 1,000, 10,000 and 100,000 clients 6.645, 66.45 and
//! 664.5 Mibit/s against 0.01526, 0.1526 and 1.526 (there "Mbps"; a Mibit is 2^20 bits).
//!
//! Here the bytes are counted at the clients' sockets, both ways, at as many clients as run here, and what one message of one
//! client costs is scaled to those numbers. Requests have a browser's headers. Messages are 128 bytes long, for which a frame
//! header has 4 bytes (RFC 6455 §5.2: 2 are enough up to 125). What isn't payload counts as overhead: heads of requests and
//! responses, and framing, in which sessions have their records and acknowledgements.

use super::cells::{ONE_ROOM, Runs, measured, model, number, ratio, seconds, text};
use super::{Reproduced, TablePlan};
use crate::process::float;
use crate::{Cell, Entry, Headers, LoadPlan, LoadReport, Plot, SuiteCell, Table, Transport};

const SOURCE: &str = "Kaazing: HTML5 WebSocket, A Quantum Leap in Scalability for the Web (Lubbers & Greco, 2010)";
/// What is measured, the dearest first.
const TRANSPORTS: [Transport; 5] =
    [Transport::Polling, Transport::LongPolling, Transport::Comet, Transport::WebSocket, Transport::Raw];
/// Clients of the published table.
const CLIENTS: [u32; 3] = [1_000, 10_000, 100_000];
/// Published bytes of headers a message.
const POLLING_BYTES: f64 = 871.0;
const WEBSOCKET_BYTES: f64 = 2.0;
/// Bytes of a message.
const SIZE: usize = 128;
/// Messages a second of each client.
const RATE: f64 = 1.0;

pub(super) fn workloads(plan: &TablePlan) -> Vec<SuiteCell> {
    TRANSPORTS.map(|transport| workload(plan, transport)).into()
}

pub(super) fn reproduced(plan: &TablePlan, cells: Vec<Cell>) -> Reproduced {
    let (tables, plots) = (vec![bytes(plan, &cells), rates(plan, &cells)], vec![plot(&cells)]);
    Reproduced { cells, tables, plots, interrupted: None }
}

fn workload(plan: &TablePlan, transport: Transport) -> SuiteCell {
    let clients = plan.pick(1_000, 200);
    let mut load =
        LoadPlan { rate: RATE, size: SIZE, headers: Headers::Browser, ..plan.load(transport, ONE_ROOM, clients) };
    (load.poll_interval, load.warm_up) = (seconds(1.0 / RATE), seconds(2.0));
    load.duration = seconds(plan.pick(10.0, 4.0));
    SuiteCell { transport: Some(transport), ..SuiteCell::new(transport.name(), crate::Plan::Load(load)) }
}

/// Mebibits a second for so many bytes a message, at one message a second of each client.
fn mebibits(bytes: f64, clients: f64) -> f64 {
    bytes * clients * RATE * 8.0 / f64::from(1 << 20)
}

const fn published(transport: Transport) -> Option<f64> {
    match transport {
        Transport::Polling => Some(POLLING_BYTES),
        Transport::Raw => Some(WEBSOCKET_BYTES),
        _ => None,
    }
}

/// Bytes of HTTP a delivery, both ways.
fn headers(report: &LoadReport) -> Option<f64> {
    let counts = &report.counts;
    ratio(float(counts.received.headers + counts.sent.headers), float(report.deliveries))
}

/// Bytes of framing a delivery, both ways.
fn framing(report: &LoadReport) -> Option<f64> {
    let counts = &report.counts;
    ratio(float(counts.received.framing + counts.sent.framing), float(report.deliveries))
}

fn overhead(report: &LoadReport) -> Option<f64> {
    Some(headers(report)? + framing(report)?)
}

/// Mebibits a second of overhead, as they went through the sockets.
fn rate(report: &LoadReport) -> Option<f64> {
    let bytes = overhead(report)? * float(report.deliveries);
    ratio(bytes * 8.0 / f64::from(1 << 20), report.seconds)
}

fn bytes(plan: &TablePlan, cells: &[Cell]) -> Table {
    let clients = plan.pick(1_000, 200);
    let here = format!("measured at {clients} clients (Mibit/s)");
    let columns = [
        "transport",
        "published (B a message)",
        "HTTP headers (B a message)",
        "framing (B a message)",
        "both (B a message)",
        "polling : this, published",
        "polling : this, measured",
        &here,
    ];
    let mut table = plan.table("Kaazing: overhead of a message", SOURCE, &columns, cells);
    let polling = Runs::of(cells, Transport::Polling.name()).median(overhead);
    table.rows = TRANSPORTS.map(|transport| row(cells, transport, polling)).into();
    table.notes.extend([
        format!("Each client has {RATE} message of {SIZE} bytes a second, and requests have a browser's headers. Published is arithmetic."),
        "raw is a bare WebSocket, as published; the others carry resumable sessions. Asked of polling : raw are 200 : 1 or more.".to_owned(),
        format!("A message of {SIZE} bytes has a frame header of 4 bytes; the published 2 are enough up to 125."),
    ]);
    table
}

fn row(cells: &[Cell], transport: Transport, polling: Option<f64>) -> Vec<Entry> {
    let runs = Runs::of(cells, transport.name());
    let both = runs.median(overhead);
    vec![
        text(transport.name()),
        number(published(transport)),
        number(runs.median(headers)),
        number(runs.median(framing)),
        number(both),
        number(published(transport).map(|bytes| POLLING_BYTES / bytes)),
        number(polling.zip(both).and_then(|(polling, both)| ratio(polling, both))),
        number(runs.median(rate)),
    ]
}

fn rates(plan: &TablePlan, cells: &[Cell]) -> Table {
    let columns = ["transport", "clients", "published (Mibit/s)", "scaled from what was measured (Mibit/s)"];
    let mut table = plan.table("Kaazing: overhead of many clients", SOURCE, &columns, cells);
    for transport in TRANSPORTS {
        let each = Runs::of(cells, transport.name()).median(overhead);
        table.rows.extend(CLIENTS.map(f64::from).map(|clients| {
            let scaled = |bytes: Option<f64>| number(bytes.map(|bytes| mebibits(bytes, clients)));
            vec![text(transport.name()), Entry::Number(clients), scaled(published(transport)), scaled(each)]
        }));
    }
    table.notes.push("Scaled: bytes of overhead that one message was measured to have, by clients.".to_owned());
    table
}

fn plot(cells: &[Cell]) -> Plot {
    let over = |bytes: f64| CLIENTS.map(f64::from).map(|clients| (clients, mebibits(bytes, clients)));
    let mut lines: Vec<_> = TRANSPORTS
        .iter()
        .filter_map(|transport| {
            let each = Runs::of(cells, transport.name()).median(overhead)?;
            Some(measured(transport.name(), over(each).map(|(clients, rate)| (clients, Some(rate)))))
        })
        .collect();
    lines.push(model("polling, published", over(POLLING_BYTES)));
    lines.push(model("raw, published", over(WEBSOCKET_BYTES)));
    Plot {
        name: "kaazing".to_owned(),
        title: "Overhead at one message a second of each client".to_owned(),
        x: "clients".to_owned(),
        y: "overhead (Mibit/s)".to_owned(),
        logarithmic: (true, true),
        lines,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overhead_is_as_published() {
        let published = [(POLLING_BYTES, [6.645, 66.45, 664.5]), (WEBSOCKET_BYTES, [0.015_26, 0.152_6, 1.526])];
        for (bytes, rates) in published {
            for (clients, rate) in CLIENTS.into_iter().zip(rates) {
                let calculated = mebibits(bytes, f64::from(clients));
                assert!((calculated / rate - 1.0).abs() < 5e-4, "{bytes} B, {clients} clients: {calculated}");
            }
        }
    }
}
