//! What a page has besides plots.

use super::chart::escaped;
use crate::export::verdict::{name, of_cell, sentences};
use crate::export::{about, blocks, entry, faults, label, shown};
use crate::figures::{Measured, counted, number};
use crate::{Calibration, Cell, Distribution, Document, Entry, Figure, Spread, Table};

/// Figures that are worth a tile where there is one cell only.
const TILES: [&str; 10] =
    ["sustained", "rate", "p50", "p99", "max", "cpu", "per_cpu_second", "resident_per_client", "idle_cpu", "resident"];

pub(super) fn title(document: &Document) -> String {
    format!("bowline bench {}", escaped(&document.scenario))
}

/// The title, what was run, and whether to trust it.
pub(super) fn head(document: &Document) -> String {
    let title = escaped(&document.scenario);
    let (tool, began) = (escaped(&document.tool), utc(document.started));
    let about = about(document).filter(|about| *about != document.scenario);
    let about = about.map(|about| format!("<p class=\"about\">{}</p>\n", escaped(&about))).unwrap_or_default();
    let verdict = verdict(document);
    let tiles = if let [cell] = document.cells.as_slice() { tiles(cell) } else { String::new() };
    format!("<header>\n<p class=\"kicker\">{tool} · {began}</p>\n<h1>{title}</h1>\n{about}{tiles}{verdict}</header>\n")
}

fn verdict(document: &Document) -> String {
    let words = escaped(&sentences(document));
    let faults: String = faults(document).iter().map(|fault| format!("<li>{}</li>", escaped(fault))).collect();
    let faults = if faults.is_empty() { faults } else { format!("<ul>{faults}</ul>") };
    let name = name(document);
    format!("<div class=\"verdict {name}\"><strong>{name}</strong>: {words}{faults}</div>\n")
}

fn tiles(cell: &Cell) -> String {
    let cell = Measured::of(cell);
    // Latencies of a shootout are of the step that was sustained.
    let with = if cell.named("sustained").is_some() { ", with these" } else { "" };
    let figures = TILES.iter().filter_map(|name| {
        let figure = Figure::named(name)?;
        let median = number(cell.spread(figure)?.median);
        let with = if figure.title.starts_with("latency") { with } else { "" };
        let (title, unit) = figure.of(counted([&cell]));
        let (title, unit) = (escaped(&title), escaped(unit));
        Some(format!("<div><dt>{title}{with}</dt><dd>{median} <span class=\"unit\">{unit}</span></dd></div>"))
    });
    let figures: String = figures.take(6).collect();
    if figures.is_empty() { figures } else { format!("<dl class=\"tiles\">{figures}</dl>\n") }
}

/// Tables that were reproduced.
pub(super) fn tables(document: &Document) -> String {
    if document.tables.is_empty() {
        return String::new();
    }
    let tables: String = document.tables.iter().map(of_table).collect();
    format!("<h2>Tables</h2>\n{tables}")
}

fn of_table(table: &Table) -> String {
    let title = escaped(&table.title);
    let source = table.source.as_ref().map(|source| format!("<p class=\"note\">{}</p>", escaped(source)));
    let rows = table.rows.iter().map(|row| row.iter().map(|one: &Entry| escaped(&entry(one))).collect::<Vec<_>>());
    let columns: Vec<_> = table.columns.iter().map(|column| escaped(column)).collect();
    let notes: String = table.notes.iter().map(|note| format!("<p class=\"note\">{}</p>", escaped(note))).collect();
    let grid = grid(&columns, rows);
    format!("<section class=\"table\"><h3>{title}</h3>{}{grid}{notes}</section>\n", source.unwrap_or_default())
}

/// All figures of all cells: tables one below the other where there are more cells than stand side by side.
pub(super) fn figures(document: &Document) -> String {
    if document.cells.is_empty() {
        return String::new();
    }
    let cells = Measured::all(&document.cells);
    let section = |cells: &[Measured<'_>]| format!("<section class=\"table\">{}</section>\n", of_cells(cells));
    format!("<h2>Figures</h2>\n{}", blocks(&cells).into_iter().map(section).collect::<String>())
}

fn of_cells(cells: &[Measured<'_>]) -> String {
    let names = cells.iter().map(|cell| escaped(&cell.cell.name));
    let columns: Vec<_> = std::iter::once(String::new()).chain(names).collect();
    let what = counted(cells);
    let rows = shown(cells).map(|figure| {
        let class = if figure.title.starts_with(' ') { " class=\"part\"" } else { "" };
        let name = format!("<span{class}>{}</span>", escaped(label(figure, what).trim_start()));
        let entry = |cell: &Measured<'_>| cell.spread(figure).as_ref().map_or_else(|| "–".into(), spread);
        std::iter::once(name).chain(cells.iter().map(entry)).collect::<Vec<_>>()
    });
    let verdicts = cells.iter().map(|cell| of_cell(cell.cell));
    let last = std::iter::once("verdict".to_owned()).chain(verdicts).collect();
    grid(&columns, rows.chain(std::iter::once(last)))
}

/// A median with its range, which stands back.
fn spread(spread: &Spread) -> String {
    let text = escaped(&spread.to_string());
    match text.split_once(' ') {
        Some((median, range)) => format!("{median} <span class=\"range\">{range}</span>"),
        None => text,
    }
}

/// A table of entries that are escaped; it scrolls where there is no room, and is shaded where it goes on.
fn grid(columns: &[String], rows: impl Iterator<Item = Vec<String>>) -> String {
    let head: String = columns.iter().map(|column| format!("<th scope=\"col\">{column}</th>")).collect();
    let body: String = rows
        .map(|row| {
            let cells = row.iter().enumerate().map(|(index, entry)| match index {
                0 => format!("<th scope=\"row\">{entry}</th>"),
                _ => format!("<td>{entry}</td>"),
            });
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        })
        .collect();
    format!("<div class=\"scroll\"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>")
}

/// The machine, what it can do, and the command line.
pub(super) fn machine(document: &Document) -> String {
    let machine = &document.environment;
    let busy = format!("{:.1} cores when it began", machine.busy);
    let memory = format!("{} GiB", number((machine.memory >> 20) as f64 / 1024.0));
    let rows = [
        ("System", machine.system.clone()),
        ("Processor", machine.processor.clone()),
        ("Cores", machine.cores.to_string()),
        ("Memory", memory),
        ("In use by others", busy),
        ("File descriptors", number(machine.descriptors as f64)),
        ("Clock", machine.clock.clone()),
        ("Congestion control", machine.congestion_control.clone()),
    ];
    let mut html = format!("<h2>Environment</h2>\n{}", facts(&rows));
    if let Some(calibration) = &document.calibration {
        html.push_str(&format!("<h2>Calibration</h2>\n{}", facts(&calibrated(calibration))));
    }
    let command = escaped(&document.command.iter().map(|arg| quoted(arg)).collect::<Vec<_>>().join(" "));
    html + &format!("<h2>Command line</h2>\n<pre>{command}</pre>\n")
}

fn calibrated(calibration: &Calibration) -> [(&'static str, String); 5] {
    let times = |times: &Distribution| {
        let [p50, p99] = [0.5, 0.99].map(|quantile| number(times.at(quantile) * 1e3));
        format!("p50 {p50} µs, p99 {p99} µs")
    };
    [
        ("Bare TCP echo", format!("{} round trips a second", number(calibration.tcp_echo_per_second))),
        ("Wake-up across cores", calibration.across_cores.as_ref().map(times).unwrap_or_default()),
        ("Wake-up on one core", times(&calibration.on_one_core)),
        ("Timer of 1 ms", times(&calibration.timer)),
        ("Reading the clock", format!("{} ns", number(calibration.clock_nanoseconds))),
    ]
}

/// Names and what is so, but for what isn't known.
fn facts(rows: &[(&str, String)]) -> String {
    let known = rows.iter().filter(|(_, fact)| !fact.is_empty());
    let facts: String = known.map(|(name, fact)| format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(fact))).collect();
    format!("<dl class=\"facts\">{facts}</dl>\n")
}

/// A word of a command line as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || "-_=+:/.,@%".contains(char);
    if !word.is_empty() && word.chars().all(plain) { word.into() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// Seconds since 1970 as a date and a time.
fn utc(seconds: u64) -> String {
    let (mut days, of_day) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970_u64;
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let months = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in months {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02} {:02}:{:02} UTC", days + 1, of_day / 3_600, of_day / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Report, samples};

    #[test]
    fn a_shootout_says_first_how_many_clients_it_sustained() {
        let tiles = tiles(&Cell::new("shootout", vec![Report::Shootout(samples::shootout())]));
        let first = "<dl class=\"tiles\"><div><dt>clients sustained</dt><dd>100 ";
        assert!(tiles.starts_with(first) && tiles.contains("latency p50, with these"), "{tiles}");
    }

    #[test]
    fn dates() {
        assert_eq!(utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc(951_782_399), "2000-02-28 23:59 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00 UTC");
        assert_eq!(utc(1_764_000_000), "2025-11-24 16:00 UTC");
        assert_eq!(utc(1_767_225_599), "2025-12-31 23:59 UTC");
    }

    #[test]
    fn words_of_a_command_line() {
        assert_eq!(
            ["--a=1", "p99:+10%", "a b", "it's", ""].map(quoted),
            ["--a=1", "p99:+10%", "'a b'", "'it'\\''s'", "''"]
        );
    }
}
