//! Transit times over distance: RFC 6202 §2.2, and Pimentel & Nickerson, "Communicating and Displaying Real-Time Data with
//! WebSocket" (IEEE Internet Computing, 2012).
//!
//! Published is a model, for updates at 4 Hz: see [`transit`](super::transit). Here a proxy delays every byte by *d*, either
//! way. The publisher's way to the server goes through it as well, while the model begins at the server: *d* is taken off each
//! measured time once. What machine, server and load take themselves is measured at *d* = 0, the floor: the proxy passes on what
//! comes. At any other *d* it sets timers, which wake it up late, a millisecond or so each way. How late is measured too, at
//! *d* = 1 ms over WebSocket, and expected besides the floor.
//!
//! Clients that hold polls all begin with the same update, so that they keep in step with one another; how far a cycle's own
//! few milliseconds let them drift against the updates is what makes their mean come closer to one or the other of the two
//! calculated figures. Pollers begin at random phases, and keep them. There are more of them, because the mean of their phases
//! has an error: *T* divides *Δ*, so that phases within *T* are what is left to chance, and for *n* clients the standard error
//! is *T* / √(12 *n*), 7 ms for a hundred.

use std::time::Duration;

use super::cells::{ONE_ROOM, Runs, cell, max, mean, measured, model, number, quantile, seconds, text};
use super::transit::{Transit, knee, long_polling, long_polling_in_step, polling, push};
use super::{Reproduced, TablePlan};
use crate::proxy::Faults;
use crate::{Cell, Entry, LoadPlan, Plot, SuiteCell, Table, Transport};

const SOURCE: &str =
    "RFC 6202 §2.2 (2011); Pimentel & Nickerson: Communicating and Displaying Real-Time Data with WebSocket (2012)";
/// Time between updates, in milliseconds: 4 Hz.
const PERIOD: u32 = 250;
/// Time between polls, in milliseconds.
const INTERVAL: u32 = 1_000;
/// One-way delays, in milliseconds.
const DELAYS: [u32; 7] = [0, 25, 50, 100, 125, 150, 200];
/// The same with two around the knee.
const LONG_POLLING_DELAYS: [u32; 9] = [0, 25, 50, 100, 115, 125, 135, 150, 200];
const QUICK_DELAYS: [u32; 3] = [0, 100, 200];
const QUICK_LONG_POLLING_DELAYS: [u32; 5] = [0, 100, 115, 135, 200];
/// At which its timers' lateness is measured, in milliseconds: the shortest that needs one.
const LATENESS_DELAY: u32 = 1;
/// Clients that hold a connection or a poll.
const CLIENTS: usize = 16;
/// Clients that poll.
const POLLERS: usize = 100;
/// How far measured may be from calculated, in percent.
const TOLERANCE: f64 = 10.0;

pub(super) fn workloads(plan: &TablePlan) -> Vec<SuiteCell> {
    let over =
        |&transport: &Transport| delays(plan, transport).iter().map(move |&delay| workload(plan, transport, delay));
    let lateness = workload(plan, Transport::WebSocket, LATENESS_DELAY);
    Transport::SESSIONS.iter().flat_map(over).chain([lateness]).collect()
}

pub(super) fn reproduced(plan: &TablePlan, cells: Vec<Cell>) -> Reproduced {
    let curves = Transport::SESSIONS.map(|transport| Curve::of(plan, &cells, transport));
    let mut tables = vec![summary(plan, &cells, &curves)];
    tables.extend(curves.iter().map(|curve| transits(plan, &cells, curve)));
    Reproduced { tables, plots: plots(&curves), cells, interrupted: None }
}

fn delays(plan: &TablePlan, transport: Transport) -> &'static [u32] {
    if transport == Transport::LongPolling {
        plan.pick(&LONG_POLLING_DELAYS[..], &QUICK_LONG_POLLING_DELAYS)
    } else {
        plan.pick(&DELAYS[..], &QUICK_DELAYS)
    }
}

fn name(transport: Transport, delay: u32) -> String {
    format!("{} {delay} ms", transport.name())
}

fn workload(plan: &TablePlan, transport: Transport, delay: u32) -> SuiteCell {
    let (clients, duration) = match transport {
        Transport::Polling => (POLLERS, plan.pick(8.0, 4.0)),
        Transport::LongPolling => (CLIENTS, plan.pick(14.0, 6.0)),
        _ => (CLIENTS, plan.pick(4.0, 3.0)),
    };
    let mut load = LoadPlan { rate: 1_000.0 / f64::from(PERIOD), ..plan.load(transport, ONE_ROOM, clients) };
    load.poll_interval = Duration::from_millis(INTERVAL.into());
    (load.warm_up, load.duration) = (seconds(1.0), seconds(duration));
    let distance = Faults::default().delay(None, Duration::from_millis(delay.into()));
    cell(name(transport, delay), "delay (ms)", delay.into(), load, Some(distance))
}

fn calculated(transport: Transport, delay: f64) -> Transit {
    match transport {
        Transport::LongPolling => long_polling(PERIOD.into(), delay),
        Transport::Polling => polling(INTERVAL.into(), delay),
        _ => push(delay),
    }
}

/// How late the proxy's timers are, in milliseconds: the publisher's way and the client's together.
fn lateness(cells: &[Cell]) -> Option<f64> {
    let at = |delay: u32| Runs::of(cells, &name(Transport::WebSocket, delay)).median(mean);
    let ways = 2.0 * f64::from(LATENESS_DELAY);
    Some((at(LATENESS_DELAY)? - ways - at(0)?).max(0.0))
}

/// What a transport took, over distance; times in milliseconds.
struct Curve {
    transport: Transport,
    points: Vec<Point>,
    lateness: Option<f64>,
    /// What is not the model's: the mean at no distance, or by polling, which has a wait in it, the shortest.
    floor: Option<f64>,
}

struct Point {
    delay: u32,
    mean: Option<f64>,
    median: Option<f64>,
    max: Option<f64>,
}

impl Curve {
    fn of(plan: &TablePlan, cells: &[Cell], transport: Transport) -> Self {
        let point = |&delay: &u32| {
            let runs = Runs::of(cells, &name(transport, delay));
            // From the server on: the publisher's way to it is as long.
            let from_server = |time: f64| (time - f64::from(delay)).max(0.0);
            Point {
                delay,
                mean: runs.median(mean).map(from_server),
                median: runs.median(quantile(0.5)).map(from_server),
                max: runs.median(max).map(from_server),
            }
        };
        let here = Runs::of(cells, &name(transport, 0));
        let floor = if transport == Transport::Polling { here.median(quantile(0.0)) } else { here.median(mean) };
        let points = delays(plan, transport).iter().map(point).collect();
        Self { transport, points, lateness: lateness(cells), floor }
    }

    /// What is expected besides what is calculated.
    fn besides(&self, point: &Point) -> Option<f64> {
        Some(self.floor? + if point.delay > 0 { self.lateness? } else { 0.0 })
    }

    /// How far the mean is from what is expected, in percent; nothing is said of the knee itself.
    fn deviation(&self, point: &Point) -> Option<f64> {
        if self.is_at_knee(point) {
            return None;
        }
        let expected = calculated(self.transport, point.delay.into()).mean + self.besides(point)?;
        Some((point.mean? / expected - 1.0) * 100.0)
    }

    fn is_at_knee(&self, point: &Point) -> bool {
        self.transport == Transport::LongPolling && 2 * point.delay == PERIOD
    }

    fn knee(&self) -> Option<f64> {
        let above = |point: &Point| Some((f64::from(point.delay), point.mean? - self.besides(point)?));
        knee(&self.points.iter().filter_map(above).collect::<Vec<_>>())
    }
}

fn summary(plan: &TablePlan, cells: &[Cell], curves: &[Curve]) -> Table {
    let columns = [
        "transport",
        "floor (ms)",
        "proxy's lateness (ms)",
        "largest deviation of the mean (%)",
        "asked (%)",
        "knee, calculated (ms)",
        "knee, measured (ms)",
    ];
    let mut table = plan.table("RFC 6202: transit times, model and floor", SOURCE, &columns, cells);
    let row = |curve: &Curve| {
        let deviations = curve.points.iter().filter_map(|point| curve.deviation(point));
        let largest = deviations.max_by(|one, other| one.abs().total_cmp(&other.abs()));
        let has_knee = curve.transport == Transport::LongPolling;
        vec![
            text(curve.transport.name()),
            number(curve.floor),
            number(curve.lateness),
            number(largest),
            text(format!("±{TOLERANCE}")),
            number(has_knee.then(|| f64::from(PERIOD) / 2.0)),
            number(curve.knee().filter(|_| has_knee)),
        ]
    };
    table.rows = curves.iter().map(row).collect();
    table.notes.extend([
        format!("Updates each T = {PERIOD} ms, polls each Δ = {INTERVAL} ms, one-way delay d by a proxy, either way. The publisher's own d is taken off."),
        "Floor: the mean at d = 0; of polling, whose mean has a wait in it, the shortest time.".to_owned(),
        format!("Lateness: what the proxy's timers add at any other d, both ways together; measured over WebSocket at d = {LATENESS_DELAY} ms. Deviations are from calculated, floor and lateness."),
        "Knee, by half-rise: where the mean less floor and lateness is 1.5 d, half-way from one transit to two, between the points around it. Asked are T/2 ± 10 %.".to_owned(),
    ]);
    table
}

fn transits(plan: &TablePlan, cells: &[Cell], curve: &Curve) -> Table {
    let transport = curve.transport;
    let columns = [
        "one-way delay (ms)",
        "mean, calculated (ms)",
        "mean, measured (ms)",
        "deviation from what is expected (%)",
        "p50, measured (ms)",
        "max, calculated (ms)",
        "max, measured (ms)",
    ];
    let mut table = plan.table(&format!("RFC 6202: transit times by {}", transport.name()), SOURCE, &columns, cells);
    let row = |point: &Point| {
        let Transit { mean, max } = calculated(transport, point.delay.into());
        let deviation = if curve.is_at_knee(point) { text("the knee") } else { number(curve.deviation(point)) };
        let calculated = [Entry::Number(point.delay.into()), Entry::Number(mean), Entry::Number(max)];
        let [delay, mean, max] = calculated;
        vec![delay, mean, number(point.mean), deviation, number(point.median), max, number(point.max)]
    };
    table.rows = curve.points.iter().map(row).collect();
    if transport == Transport::LongPolling {
        table.notes.push(in_step(plan));
    }
    table
}

/// What the drifting model leaves out.
fn in_step(plan: &TablePlan) -> String {
    let steps = delays(plan, Transport::LongPolling).iter().filter(|&&delay| 2 * delay >= PERIOD).map(|&delay| {
        let Transit { mean, max } = long_polling_in_step(PERIOD, delay);
        format!("{mean} and {max} at {delay}")
    });
    format!(
        "From the knee on, 2d ≥ T, calculated is for phases that drift: mean 2d, max 3d. While polls and updates keep in step it \
         is 2d − g/2 and 3d − g, g being the greatest common measure of T and 2d: {} ms. At the knee anything between is seen.",
        steps.collect::<Vec<_>>().join(", ")
    )
}

fn plots(curves: &[Curve]) -> Vec<Plot> {
    let plot = |name: &str, title: &str, figure: fn(&Point) -> Option<f64>, of: fn(Transit) -> f64| Plot {
        name: name.to_owned(),
        title: title.to_owned(),
        x: "one-way delay (ms)".to_owned(),
        y: "transit time (ms)".to_owned(),
        logarithmic: (false, false),
        lines: curves
            .iter()
            .flat_map(|curve| {
                let points = curve.points.iter().map(|point| (point.delay.into(), figure(point)));
                [measured(curve.transport.name(), points), overlay(curve.transport, of)]
            })
            .collect(),
    };
    vec![
        plot("transit-mean", "Mean transit time over distance", |point| point.mean, |transit| transit.mean),
        plot("transit-max", "Longest transit time over distance", |point| point.max, |transit| transit.max),
    ]
}

/// The model, with both sides of the knee.
fn overlay(transport: Transport, of: fn(Transit) -> f64) -> crate::Line {
    let (end, knee) = (f64::from(DELAYS[DELAYS.len() - 1]), f64::from(PERIOD) / 2.0);
    let delays = [0.0, knee.next_down(), knee, end];
    model(format!("{}, model", transport.name()), delays.map(|delay| (delay, of(calculated(transport, delay)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(mean: impl Fn(f64) -> f64) -> Curve {
        let point = |&delay: &u32| Point { delay, mean: Some(mean(delay.into())), median: None, max: None };
        let points = LONG_POLLING_DELAYS.iter().map(point).collect();
        Curve { transport: Transport::LongPolling, points, lateness: Some(0.5), floor: Some(1.0) }
    }

    fn expected(delay: f64) -> f64 {
        long_polling(250.0, delay).mean + if delay > 0.0 { 1.5 } else { 1.0 }
    }

    #[test]
    fn a_curve_as_calculated_deviates_by_nothing_and_has_its_knee() {
        let curve = curve(expected);
        for point in &curve.points {
            assert_eq!(curve.deviation(point).is_none(), point.delay == 125);
            assert!(curve.deviation(point).unwrap_or(0.0).abs() < 1e-9);
        }
        assert!((curve.knee().unwrap() / 125.0 - 1.0).abs() < 0.1);
    }

    #[test]
    fn a_curve_that_is_a_fifth_too_long_deviates_by_that() {
        let curve = curve(|delay| expected(delay) * 1.2);
        assert!(curve.points.iter().filter_map(|point| curve.deviation(point)).all(|each| (each - 20.0).abs() < 1e-9));
    }

    #[test]
    fn the_overlay_leaps_at_the_knee() {
        let line = overlay(Transport::LongPolling, |transit| transit.mean);
        let y: Vec<f64> = line.points.iter().map(|point| point.1.round()).collect();
        assert_eq!(y, [0.0, 125.0, 250.0, 400.0]);
        assert!(line.is_model);
    }
}
