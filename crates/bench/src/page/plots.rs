//! Which charts a document has.

use std::collections::BTreeMap;

use super::chart::{Bar, Bars, Chart, Curve, Kind, Lines, Scale, Weight};
use super::palette::{Colours, OTHERS, PARTS};
use crate::figures::{Measured, counted};
use crate::process::float;
use crate::report::Timed;
use crate::{Cell, Distribution, Document, Figure, Plot, Report, Spread, Transport};

/// Most curves of a chart: more can't be told apart.
const MAX_CURVES: usize = OTHERS;
/// Points of a percentile curve for each nine.
const PER_NINE: u32 = 24;

/// All charts, in the order in which they are shown. Those of fewer than two cells are left out where there would be nothing to
/// compare. A document that was made for its tables has the plots that it brings and no others: theirs are figures of the same
/// cells, as the table's author counts them.
pub(super) fn charts(document: &Document) -> Vec<Chart> {
    let mut charts = if document.tables.is_empty() { of_cells(&Series::of(document)) } else { Vec::new() };
    charts.extend(document.plots.iter().map(of_plot));
    charts.retain(Chart::says_something);
    charts
}

fn of_cells(series: &Series<'_>) -> Vec<Chart> {
    let cost = series.cost();
    let mut charts = vec![series.percentiles()];
    charts.extend(series.over_axes(
        "latency",
        "Latency",
        "latency (ms)",
        &[("p99", Weight::Thick), ("p50", Weight::Thin)],
    ));
    charts.extend(series.over_axes("memory", "Memory", "resident (MiB)", &[("resident", Weight::Thick)]));
    charts.extend(series.over_axes("cpu", &cost, "CPU (ms)", &[("cpu", Weight::Thick)]));
    charts.push(series.served_again());
    charts.push(series.latency_over_time());
    charts.push(series.memory_over_time());
    charts.push(series.bytes());
    charts.push(series.bars("cpu", "cpu-bars", &cost, ""));
    charts.push(series.idle_memory());
    charts.push(series.bars("idle_cpu", "idle-cpu", "Server CPU of an idle client", "A second, of each client."));
    charts
}

impl Chart {
    /// Whether anything is drawn: a line of two points or more, or a bar beside another that has a length.
    fn says_something(&self) -> bool {
        match &self.kind {
            Kind::Lines(lines) => lines.curves.iter().any(|curve| curve.points.len() > 1),
            Kind::Bars(bars) => {
                bars.bars.len() > 1 && bars.bars.iter().any(|bar| bar.values.iter().any(|value| *value > 0.0))
            }
        }
    }
}

/// Cells, by what they are shown as: the same colour in all charts.
struct Series<'a> {
    document: &'a Document,
    colours: Colours<'a>,
    /// By the names of their cells.
    measured: BTreeMap<&'a str, Measured<'a>>,
}

impl<'a> Series<'a> {
    fn of(document: &'a Document) -> Self {
        let mut colours = Colours::default();
        for cell in &document.cells {
            colours.take(key(cell), cell.transport);
        }
        let measured = document.cells.iter().map(|cell| (cell.name.as_str(), Measured::of(cell)));
        Self { document, colours, measured: measured.collect() }
    }

    fn colour(&self, cell: &Cell) -> usize {
        self.colours.of(key(cell)).map_or(0, |(_, colour)| colour)
    }

    /// Which series it is of, in the order in which they were run.
    fn place(&self, cell: &Cell) -> usize {
        self.colours.of(key(cell)).map_or(0, |(place, _)| place)
    }

    /// What a figure of a cell comes to.
    fn spread(&self, cell: &Cell, figure: &str) -> Option<Spread> {
        self.measured.get(cell.name.as_str())?.named(figure)
    }

    /// What the server's cost is of, as a title.
    fn cost(&self) -> String {
        let what = counted(self.measured.values()).map(|what| format!(" {what}"));
        format!("Server CPU per 1,000{}", what.unwrap_or_default())
    }

    /// Cells that stand for themselves; where an axis was swept and there are no others, the furthest on it of each series.
    fn single(&self) -> Vec<&'a Cell> {
        let cells = &self.document.cells;
        if cells.iter().any(|cell| cell.at.is_none()) {
            return cells.iter().filter(|cell| cell.at.is_none()).collect();
        }
        let place = |cell: &Cell| cell.at.as_ref().map_or(f64::NEG_INFINITY, |at| at.value);
        let mut furthest = BTreeMap::new();
        for cell in cells {
            let known = furthest.entry(self.place(cell)).or_insert(cell);
            if place(cell) >= place(known) {
                *known = cell;
            }
        }
        furthest.into_values().collect()
    }

    /// Cells whose runs have times, as many as can be told apart.
    fn timed(&self) -> impl Iterator<Item = (&'a Cell, Vec<Timed<'a>>)> {
        self.all_timed().take(MAX_CURVES)
    }

    fn all_timed(&self) -> impl Iterator<Item = (&'a Cell, Vec<Timed<'a>>)> {
        let runs = |cell: &'a Cell| cell.runs.iter().filter_map(Report::timed).collect::<Vec<_>>();
        self.single().into_iter().map(move |cell| (cell, runs(cell))).filter(|(_, runs)| !runs.is_empty())
    }

    /// What to know besides: which runs are drawn, where it is `the_first` of several, and which cells, where not all are.
    fn drawn(&self, note: &str, the_first: bool) -> String {
        let mut notes: Vec<String> = Some(note.to_owned()).into_iter().filter(|note| !note.is_empty()).collect();
        let runs = self.timed().map(|(_, runs)| runs.len()).max().unwrap_or(0);
        if the_first && runs > 1 {
            notes.push(format!("Run 1 of {runs}."));
        }
        let cells = self.all_timed().count();
        if cells > MAX_CURVES {
            notes.push(format!("The first {MAX_CURVES} of {cells}."));
        }
        notes.join(" ")
    }

    fn percentiles(&self) -> Chart {
        let curves = self.timed().map(|(cell, runs)| {
            let mut times = Distribution::default();
            runs.iter().for_each(|run| times.add(run.latency));
            let points = quantiles(times.count()).map(|quantile| (quantile, times.at(quantile))).collect();
            self.curve(cell, cell.name.clone(), Weight::Thick, points)
        });
        let note = "From when a message was due, so that waiting for a stalled server counts (corrected for coordinated omission).";
        chart(
            "percentiles",
            "Latency by percentile",
            &self.drawn(note, false),
            lines((Scale::Nines, "percentile"), (Scale::Log, "latency (ms)"), curves.collect()),
        )
    }

    /// For each axis that was swept: figures of all its cells, a curve for each series.
    fn over_axes(&self, name: &str, title: &str, y: &str, figures: &[(&str, Weight)]) -> Vec<Chart> {
        let mut axes: Vec<&str> = Vec::new();
        for at in self.document.cells.iter().filter_map(|cell| cell.at.as_ref()) {
            if !axes.contains(&at.axis.as_str()) {
                axes.push(&at.axis);
            }
        }
        axes.into_iter().map(|axis| self.over_axis(axis, (name, title, y), figures)).collect()
    }

    fn over_axis(&self, axis: &str, (name, title, y): (&str, &str, &str), figures: &[(&str, Weight)]) -> Chart {
        let mut curves: Vec<Curve> = Vec::new();
        for &(figure, weight) in figures {
            let mut by_series = BTreeMap::<usize, (&Cell, Vec<_>)>::new();
            for cell in &self.document.cells {
                let Some(at) = cell.at.as_ref().filter(|at| at.axis == axis) else { continue };
                let Some(spread) = self.spread(cell, figure) else { continue };
                by_series.entry(self.place(cell)).or_insert((cell, Vec::new())).1.push((at.value, spread.median));
            }
            for (cell, mut points) in by_series.into_values().take(MAX_CURVES) {
                points.sort_by(|one, other| one.0.total_cmp(&other.0));
                let name = if weight == Weight::Thick { key(cell).to_owned() } else { String::new() };
                curves.push(self.curve(cell, name, weight, points));
            }
        }
        let least = curves.iter().flat_map(|curve| &curve.points).map(|(at, _)| *at).fold(f64::INFINITY, f64::min);
        let most = curves.iter().flat_map(|curve| &curve.points).map(|(at, _)| *at).fold(0.0, f64::max);
        let scale = if least > 0.0 && most / least >= 20.0 { Scale::Log } else { Scale::Linear };
        let note = if figures.len() > 1 { THICK_AND_THIN } else { "" };
        let y_scale = if name == "latency" { Scale::Log } else { Scale::Linear };
        // Without its unit.
        let axis_name = axis.split(" (").next().unwrap_or(axis);
        let file = format!("{name}-over-{}", axis_name.replace(|char: char| !char.is_ascii_alphanumeric(), "-"));
        chart(&file, &format!("{title} over {axis_name}"), note, lines((scale, axis), (y_scale, y), curves))
    }

    /// Of clients whose carriers or server were killed: how many were served again by when.
    fn served_again(&self) -> Chart {
        let curves = self.single().into_iter().take(MAX_CURVES).filter_map(|cell| {
            let mut times = Distribution::default();
            for run in &cell.runs {
                if let Report::Resume(report) = run {
                    times.add(&report.recoveries);
                }
            }
            let at = |percent: f64| (times.at(percent / 100.0) / 1e3, percent);
            let points = (0..=100_u32).map(|percent| at(percent.into())).collect();
            (!times.is_empty()).then(|| self.curve(cell, cell.name.clone(), Weight::Thick, points))
        });
        let (x, y) = ((Scale::Log, "time since the cut (s)"), (Scale::Linear, "clients (%)"));
        let note = "From when something was killed until a client got a message that was due after it; of all times that it came to that.";
        chart("served-again", "Clients served again", note, lines(x, y, curves.collect()))
    }

    fn latency_over_time(&self) -> Chart {
        let mut curves = Vec::new();
        for (cell, runs) in self.timed() {
            let Some(run) = runs.first().filter(|run| !run.over_time.is_empty()) else { continue };
            // Of a stretch in which nothing came there is no latency.
            let told = || run.over_time.iter().filter(|stretch| stretch.deliveries > 0);
            let p99 = told().map(|stretch| (stretch.at, stretch.p99)).collect();
            let p50 = told().map(|stretch| (stretch.at, stretch.p50)).collect();
            curves.push(self.curve(cell, cell.name.clone(), Weight::Thick, p99));
            curves.push(self.curve(cell, String::new(), Weight::Thin, p50));
        }
        let (x, y) = ((Scale::Linear, "time (s)"), (Scale::Log, "latency (ms)"));
        chart("latency-over-time", "Latency over time", &self.drawn(THICK_AND_THIN, true), lines(x, y, curves))
    }

    fn memory_over_time(&self) -> Chart {
        let mebibytes = |bytes: u64| float(bytes) / 1_048_576.0;
        let curves = self.timed().filter_map(|(cell, runs)| {
            let stretches = runs.first()?.over_time.iter();
            let points: Vec<_> =
                stretches.filter_map(|stretch| Some((stretch.at, mebibytes(stretch.resident?)))).collect();
            (!points.is_empty()).then(|| self.curve(cell, cell.name.clone(), Weight::Thick, points))
        });
        let (x, y) = ((Scale::Linear, "time (s)"), (Scale::Linear, "resident (MiB)"));
        let (title, note) = ("Server memory over time", self.drawn("", true));
        chart("memory-over-time", title, &note, lines(x, y, curves.collect()))
    }

    fn bytes(&self) -> Chart {
        let mut bars = Vec::new();
        for (cell, _) in self.timed() {
            for (way, arrow) in [("down", "from the server"), ("up", "to the server")] {
                let parts = ["payload", "framing", "headers"].map(|part| format!("{way}_{part}"));
                let median = |name: &String| self.spread(cell, name).map(|spread| spread.median);
                if let Some(values) = parts.iter().map(median).collect::<Option<Vec<_>>>() {
                    bars.push(Bar { name: format!("{}, {arrow}", cell.name), values, colour: 0, range: None });
                }
            }
        }
        let parts = ["payload", "framing", "headers"].map(str::to_owned).into_iter().zip(PARTS).collect();
        let bars = Bars { x: "bytes per delivery".into(), unit: "B".into(), parts, bars };
        chart(
            "bytes",
            "Bytes per delivery",
            &self.drawn("What went through the clients' sockets, without TCP's own headers.", false),
            Kind::Bars(bars),
        )
    }

    /// A bar for each cell that has a figure.
    fn bars(&self, figure: &str, name: &str, title: &str, note: &str) -> Chart {
        let unit = Figure::named(figure).map_or("", |figure| figure.unit);
        let bars = self.single().into_iter().filter_map(|cell| {
            let spread = self.spread(cell, figure)?;
            let range = (spread.runs > 1).then_some((spread.least, spread.most));
            Some(Bar { name: cell.name.clone(), values: vec![spread.median], colour: self.colour(cell), range })
        });
        let bars = Bars { x: unit.into(), unit: unit.into(), parts: Vec::new(), bars: bars.collect() };
        chart(name, title, note, Kind::Bars(bars))
    }

    /// What the kernel has is measured of some: it is a part of its own where it is of any.
    fn idle_memory(&self) -> Chart {
        let median = |cell, name| self.spread(cell, name).map(|spread| spread.median);
        let cells = || self.single().into_iter().filter(|cell| cell.runs.iter().any(is_idle));
        let without: Vec<&str> =
            cells().filter(|cell| median(cell, "kernel_per_client").is_none()).map(|cell| cell.name.as_str()).collect();
        let has_parts = without.len() < cells().count();
        let bars = cells().filter_map(|cell| {
            let mut values = vec![median(cell, "resident_per_client")?.max(0.0)];
            values.extend(has_parts.then(|| median(cell, "kernel_per_client").unwrap_or(0.0).max(0.0)));
            Some(Bar { name: cell.name.clone(), values, colour: self.colour(cell), range: None })
        });
        let bars = bars.collect();
        let parts = ["server", "kernel, both ends"].map(str::to_owned).into_iter().zip(PARTS);
        let parts = parts.filter(|_| has_parts).collect();
        let note = match without.as_slice() {
            [_, ..] if has_parts => format!("The kernel's part was not measured of {}.", without.join(", ")),
            _ => String::new(),
        };
        let bars = Bars { x: "KiB per client".into(), unit: "KiB".into(), parts, bars };
        chart("idle-memory", "Memory of an idle client", &note, Kind::Bars(bars))
    }

    fn curve(&self, cell: &Cell, name: String, weight: Weight, points: Vec<(f64, f64)>) -> Curve {
        Curve { name, colour: self.colour(cell), weight, points }
    }
}

const THICK_AND_THIN: &str = "Thick: 99th percentile. Thin: median.";

/// Whether clients were held open that said nothing.
fn is_idle(run: &Report) -> bool {
    match run {
        Report::Idle(_) => true,
        Report::Load(report) => report.plan.is_idle(),
        _ => false,
    }
}

/// What a cell is shown as: where an axis was swept, all cells on it are one.
fn key(cell: &Cell) -> &str {
    match (&cell.at, cell.transport) {
        (Some(_), Some(transport)) => transport.name(),
        (Some(at), None) => &at.axis,
        (None, _) => &cell.name,
    }
}

/// Shares from none to as many nines as so many values have, at most five.
fn quantiles(count: u64) -> impl Iterator<Item = f64> {
    let last = float(count.max(1)).log10().min(5.0);
    let nines =
        (0..=PER_NINE * 5).map(|step| f64::from(step) / f64::from(PER_NINE)).take_while(move |nines| *nines <= last);
    nines.map(|nines| 1.0 - 10_f64.powf(-nines))
}

/// One that the document brings. Lines whose names begin alike have the same colour, that of a transport if it is one: a model is
/// dashed, and of several that are measured the first is thick.
fn of_plot(plot: &Plot) -> Chart {
    let (mut colours, mut thick) = (Colours::default(), Vec::new());
    let mut curves = Vec::new();
    for line in &plot.lines {
        let (name, of) = subject(&line.name);
        let colour = colours.take(name, of);
        let weight = match (line.is_model, thick.contains(&colour)) {
            (true, _) => Weight::Dashed,
            (false, true) => Weight::Thin,
            (false, false) => Weight::Thick,
        };
        thick.extend((weight == Weight::Thick).then_some(colour));
        curves.push(Curve { name: line.name.clone(), colour, weight, points: line.points.clone() });
    }
    let scale = |is_log| if is_log { Scale::Log } else { Scale::Linear };
    let (x, y) = plot.logarithmic;
    let name = plot.name.replace(|char: char| !char.is_ascii_alphanumeric(), "-");
    chart(&name, &plot.title, "", lines((scale(x), &plot.x), (scale(y), &plot.y), curves))
}

/// What a line is of: the transport that its name begins with, or else the name up to a comma or a bracket.
fn subject(name: &str) -> (&str, Option<Transport>) {
    let word = name.split([',', '(', ' ']).next().unwrap_or_default();
    let all = Transport::SESSIONS.into_iter().chain([Transport::Raw]);
    match all.into_iter().find(|transport| transport.name() == word) {
        Some(transport) => (word, Some(transport)),
        None => (name.split([',', '(']).next().unwrap_or_default().trim(), None),
    }
}

fn chart(name: &str, title: &str, note: &str, kind: Kind) -> Chart {
    Chart { name: name.into(), title: title.into(), note: note.into(), kind }
}

/// Curves without the points that have no place on these axes, and without those that have no other points.
fn lines(x: (Scale, &str), y: (Scale, &str), mut curves: Vec<Curve>) -> Kind {
    for curve in &mut curves {
        curve.points.retain(|(at, value)| x.0.place(*at).is_some() && y.0.place(*value).is_some());
    }
    curves.retain(|curve| !curve.points.is_empty());
    Kind::Lines(Lines { x: (x.0, x.1.into()), y: (y.0, y.1.into()), curves })
}

#[cfg(test)]
mod tests {
    use super::super::palette;
    use super::*;
    use crate::samples;

    fn names(document: &Document) -> Vec<String> {
        charts(document).into_iter().map(|chart| chart.name).collect()
    }

    #[test]
    fn a_document_has_the_charts_that_it_has_figures_for() {
        assert_eq!(names(&samples::echo()), [""; 0]);
        let compared = ["percentiles", "latency-over-time", "memory-over-time", "bytes", "cpu-bars"];
        assert_eq!(names(&samples::compared()), compared);
        let of_all = names(&samples::full());
        for name in ["latency-over-clients", "memory-over-clients", "idle-memory", "idle-cpu", "transit", "staleness"] {
            assert!(of_all.iter().any(|known| known == name), "{name}: {of_all:?}");
        }
        // One that was made for its tables has its own alone.
        let of_tables = Document { tables: samples::with_tables().tables, ..samples::full() };
        assert_eq!(names(&of_tables), ["transit", "staleness"]);
    }

    #[test]
    fn clients_that_talk_have_theirs() {
        let names = names(&samples::flows());
        assert_eq!(names, ["percentiles", "served-again", "latency-over-time", "memory-over-time", "cpu-bars"]);
        let all = charts(&samples::flows());
        let Kind::Lines(again) = &all[1].kind else { panic!("lines") };
        let points = &again.curves[0].points;
        assert!(points.len() == 101 && points.is_sorted_by(|one, other| one.0 <= other.0 && one.1 < other.1));
        assert!((0.001..0.1).contains(&points[50].0), "{points:?}");
        let Kind::Lines(lines) = &all[0].kind else { panic!("lines") };
        let curves: Vec<_> = lines.curves.iter().map(|curve| curve.name.as_str()).collect();
        assert_eq!(curves, ["chat", "resume", "churn"]);
    }

    #[test]
    fn which_runs_and_cells_are_drawn_is_told() {
        let notes = |document: &Document| charts(document).into_iter().map(|chart| chart.note).collect::<Vec<_>>();
        let compared = notes(&samples::compared());
        assert!(!compared[0].contains("Run") && compared[1].ends_with("Thin: median. Run 1 of 3."), "{compared:?}");
        assert_eq!(compared[2], "Run 1 of 3.");
        let mut many = samples::compared();
        let more = many.cells.clone();
        many.cells
            .extend((0..2).flat_map(|n| {
                more.iter().map(move |cell| Cell { name: format!("{} {n}", cell.name), ..cell.clone() })
            }));
        assert!(notes(&many)[2].ends_with("The first 6 of 12."), "{:?}", notes(&many));
    }

    #[test]
    fn what_stands_for_a_series_is_the_furthest_on_its_axis() {
        let mut document = samples::document("swept", samples::swept());
        // Measured last, and not the furthest.
        document.cells.swap(0, 3);
        let single: Vec<_> = Series::of(&document).single().iter().map(|cell| cell.name.clone()).collect();
        assert_eq!(single, ["websocket 19000", "comet 19000"]);
        assert!(names(&document).iter().any(|name| name == "latency-over-clients"));
        for cell in &mut document.cells {
            cell.at = cell.at.take().map(|at| crate::At::new("pull interval (s)", at.value));
        }
        assert!(names(&document).iter().any(|name| name == "latency-over-pull-interval"), "{:?}", names(&document));
    }

    #[test]
    fn a_model_has_the_colour_of_what_it_is_of() {
        let document = samples::with_tables();
        let Kind::Lines(lines) = of_plot(&document.plots[0]).kind else { panic!("lines") };
        let drawn: Vec<_> = lines.curves.iter().map(|curve| (curve.colour, curve.weight)).collect();
        let [comet, long_polling] = [Transport::Comet, Transport::LongPolling].map(palette::transport);
        assert_eq!(
            drawn,
            [
                (comet, Weight::Dashed),
                (comet, Weight::Thick),
                (long_polling, Weight::Dashed),
                (long_polling, Weight::Thick)
            ]
        );
    }

    #[test]
    fn several_lines_of_one_thing_are_thick_and_thin() {
        let mut plot = samples::with_tables().plots.remove(0);
        for (line, name) in plot.lines.iter_mut().zip(["polling p99", "polling p50", "half the limit", "half the time"])
        {
            (line.name, line.is_model) = (name.into(), false);
        }
        let Kind::Lines(lines) = of_plot(&plot).kind else { panic!("lines") };
        let weights: Vec<_> = lines.curves.iter().map(|curve| curve.weight).collect();
        assert_eq!(weights, [Weight::Thick, Weight::Thin, Weight::Thick, Weight::Thick]);
        assert_eq!(lines.curves[0].colour, lines.curves[1].colour);
        assert_ne!(lines.curves[2].colour, lines.curves[3].colour);
    }

    #[test]
    fn a_plot_without_a_point_is_not_drawn() {
        let log = |points: Vec<(f64, f64)>| {
            let curve = Curve { name: "one".into(), colour: 0, weight: Weight::Thick, points };
            chart("one", "One", "", lines((Scale::Linear, "x"), (Scale::Log, "y"), vec![curve]))
        };
        assert!(!log(vec![]).says_something());
        assert!(!log(vec![(1.0, 0.0), (2.0, 0.0), (3.0, f64::NAN)]).says_something());
        assert!(!log(vec![(1.0, 0.0), (2.0, 5.0)]).says_something());
        assert!(log(vec![(1.0, 4.0), (2.0, 5.0)]).says_something());
        let bars = |values: [f64; 2]| {
            let bars = values.map(|value| Bar { name: String::new(), values: vec![value], colour: 0, range: None });
            let bars = Bars { x: String::new(), unit: String::new(), parts: Vec::new(), bars: bars.into() };
            chart("two", "Two", "", Kind::Bars(bars))
        };
        assert!(!bars([0.0, 0.0]).says_something() && bars([0.0, 1.0]).says_something());
    }

    #[test]
    fn idle_clients_of_all_transports_are_shown_by_what_they_cost() {
        let idle = samples::idle_cost();
        assert_eq!(names(&idle), ["memory-over-time", "idle-memory", "idle-cpu"]);
        assert!(crate::export::about(&idle).is_some_and(|about| about.starts_with("idle: 100 clients")));
        for chart in charts(&idle).into_iter().skip(1) {
            let Kind::Bars(bars) = chart.kind else { panic!("bars") };
            assert_eq!((bars.bars.len(), bars.parts.len()), (4, 0));
        }
        // Memory measured over one transport, cost over the other.
        let mut mixed = samples::full();
        mixed.cells.retain(|cell| cell.name == "idle websocket");
        mixed.cells.extend(samples::idle_cost().cells.into_iter().filter(|cell| cell.name == "polling"));
        let memory = charts(&mixed).into_iter().find(|chart| chart.name == "idle-memory").unwrap();
        assert_eq!(memory.note, "The kernel's part was not measured of polling.");
        let Kind::Bars(bars) = memory.kind else { panic!("bars") };
        assert!(bars.bars.len() == 2 && bars.parts.len() == 2 && bars.bars[1].values[1] == 0.0);
    }

    #[test]
    fn percentiles_end_where_values_do() {
        let last = |count| quantiles(count).last().unwrap();
        assert!((last(100) - 0.99).abs() < 1e-9 && (last(1 << 40) - 0.999_99).abs() < 1e-9 && last(0) < 1e-9);
    }
}
