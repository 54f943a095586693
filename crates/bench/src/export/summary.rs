//! A document for people at a terminal.

use super::Grid;
use super::verdict::of_cell;
use crate::figures::{Measured, counted, number};
use crate::{Document, Entry, FIGURES, Figure, Table};

/// Widest block of columns, in characters; the cells beyond stand below.
const MAX_WIDTH: usize = 120;

/// The document as aligned text: what was run, a row for each figure that a run has and a column for each cell, medians and
/// ranges where there were several runs; and, last, the verdict with what was wrong. Of a document that was made for its tables
/// they are all: what was wrong with a cell stands in their notes, and its figures are in the other forms.
#[must_use]
pub fn summary(document: &Document) -> String {
    let calibration = document.calibration.as_ref().map(|calibration| format!("{calibration}\n")).unwrap_or_default();
    if !document.tables.is_empty() {
        let tables: String = document.tables.iter().map(|table| of_table(table) + "\n").collect();
        return calibration + &tables + &verdict(document);
    }
    let mut text = title(document).map(|title| format!("{title}\n\n")).unwrap_or_default() + &calibration;
    for cells in blocks(&Measured::all(&document.cells)) {
        text.push_str(&figures(cells).text());
        text.push('\n');
    }
    for fault in faults(document) {
        text.push_str(&format!("{fault}\n"));
    }
    text + &verdict(document)
}

/// None where nothing was to be judged.
fn verdict(document: &Document) -> String {
    let judgement = document.judgement();
    if judgement.is_empty() { judgement } else { format!("verdict: {judgement}\n") }
}

/// What was run, with the scenario's name before it where it isn't the same.
fn title(document: &Document) -> Option<String> {
    let scenario = &document.scenario;
    let Some(about) = about(document) else {
        return document.interrupted.is_some().then(|| scenario.clone());
    };
    let word = scenario.split([',', ' ']).next().unwrap_or_default();
    Some(if about.replace('-', "").starts_with(word) { about } else { format!("{scenario}: {about}") })
}

/// What was run, where all cells say the same of it.
pub(crate) fn about(document: &Document) -> Option<String> {
    let mut all = document.runs().map(|(_, run)| run.about());
    let first = all.next()?;
    let most = document.cells.iter().map(|cell| cell.runs.len()).max().unwrap_or(0);
    let runs = if most > 1 { format!(", medians of {most} runs [range]") } else { String::new() };
    Some(if all.all(|about| about == first) { first + &runs } else { document.scenario.clone() + &runs })
}

/// What was wrong, a line for each run that wasn't fine.
pub(crate) fn faults(document: &Document) -> Vec<String> {
    let mut lines = Vec::new();
    for cell in &document.cells {
        for (index, run) in cell.runs.iter().enumerate() {
            if let Some(fault) = run.fault() {
                lines.push(format!("{}, run {}: {fault}", cell.name, index + 1));
            }
        }
    }
    lines
}

/// The figures that any of the cells has, but for counts of faults that are all 0.
pub(crate) fn shown(cells: &[Measured<'_>]) -> impl Iterator<Item = &'static Figure> {
    FIGURES.iter().filter(|figure| {
        let spreads = || cells.iter().filter_map(|cell| cell.spread(figure));
        if figure.is_fault() { spreads().any(|spread| spread.most > 0.0) } else { spreads().next().is_some() }
    })
}

/// The name of a row, where it is known what cells counted.
pub(crate) fn label(figure: &Figure, counted: Option<&str>) -> String {
    let (title, unit) = figure.of(counted);
    if unit.is_empty() { title } else { format!("{title} ({unit})") }
}

fn figures(cells: &[Measured<'_>]) -> Grid {
    let mut grid = Grid::default();
    if cells.len() > 1 {
        grid.row(std::iter::once(String::new()).chain(cells.iter().map(|cell| cell.cell.name.clone())));
    }
    let what = counted(cells);
    for figure in shown(cells) {
        let entry = |cell: &Measured<'_>| cell.spread(figure).map_or_else(|| "–".into(), |spread| spread.to_string());
        grid.row(std::iter::once(label(figure, what)).chain(cells.iter().map(entry)));
    }
    if cells.len() > 1 {
        let verdicts = cells.iter().map(|cell| of_cell(cell.cell));
        grid.row(std::iter::once("verdict".into()).chain(verdicts));
    }
    grid
}

/// Cells side by side, as many as there is room for; those of one transport stay together where there is a choice.
pub(crate) fn blocks<'a, 'b>(cells: &'a [Measured<'b>]) -> Vec<&'a [Measured<'b>]> {
    let (mut blocks, mut rest) = (Vec::new(), cells);
    while !rest.is_empty() {
        let fits =
            |count: &usize| figures(&rest[..*count]).text().lines().all(|line| line.chars().count() <= MAX_WIDTH);
        let room = (2..=rest.len()).take_while(fits).last().unwrap_or(1);
        let ends = |count: &usize| match (rest.get(count - 1), rest.get(*count)) {
            (Some(last), Some(next)) => last.cell.transport != next.cell.transport,
            _ => true,
        };
        let count = (1..=room).rfind(ends).unwrap_or(room);
        let (block, others) = rest.split_at(count);
        blocks.push(block);
        rest = others;
    }
    blocks
}

fn of_table(table: &Table) -> String {
    let mut grid = Grid::default();
    grid.row(table.columns.iter().cloned());
    for row in &table.rows {
        grid.row(row.iter().map(entry));
    }
    let source = table.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
    let notes: String = table.notes.iter().map(|note| format!("{note}\n")).collect();
    format!("{}{source}\n{}{notes}", table.title, grid.text())
}

/// An entry of a table, for people.
pub(crate) fn entry(entry: &Entry) -> String {
    match entry {
        Entry::Number(value) => number(*value),
        Entry::Text(text) => text.clone(),
        Entry::None => "–".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cell, samples};

    #[test]
    fn one_run_is_a_figure_a_line() {
        let text = summary(&samples::echo());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "echo to ws://127.0.0.1:9001/: 125 B × 64 connections × 1 in flight");
        assert_eq!(lines[2], "rate (/s)                           123,457");
        assert_eq!(lines[3], "messages per CPU second             250,000");
        assert_eq!(lines[4], "server CPU per 1,000 messages (ms)        4");
        assert_eq!(*lines.last().unwrap(), "verdict: fine");
        assert!(!text.contains("duplicate") && !text.contains('['), "{text}");
    }

    #[test]
    fn who_comes_goes_and_changes_in_a_chat_is_told() {
        let chat = Cell::new("chat", vec![crate::Report::Chat(samples::chat())]);
        let text = summary(&samples::document("chat", vec![chat]));
        for (figure, value) in
            [("clients that came", "290"), ("clients that went", "290"), ("changes of transport", "40")]
        {
            let is_it = |line: &str| line.starts_with(figure) && line.ends_with(&format!(" {value}"));
            assert!(text.lines().any(is_it), "{figure}: {text}");
        }
    }

    #[test]
    fn what_the_cost_is_of_is_told_where_it_is_the_same() {
        let labels = |document: &Document| {
            let cells = Measured::all(&document.cells);
            ["cpu", "per_cpu_second"].map(|name| label(Figure::named(name).unwrap(), counted(&cells)))
        };
        let deliveries = ["server CPU per 1,000 deliveries (ms)", "deliveries per CPU second"];
        assert_eq!(labels(&samples::compared()), deliveries);
        let mut document = samples::full();
        assert_eq!(labels(&document), ["server CPU per 1,000 (ms)", "per CPU second (/s)"]);
        document.cells.retain(|cell| cell.name.starts_with("idle"));
        // One whose server's cost isn't known has no say.
        document.cells.extend(samples::idle_cost().cells);
        let opened = ["server CPU per 1,000 clients opened (ms)", "clients opened per CPU second"];
        assert_eq!(labels(&document), opened);
    }

    #[test]
    fn cells_stand_side_by_side_with_medians_and_ranges() {
        let text = summary(&samples::compared());
        let head = text.lines().find(|line| line.contains("comet")).unwrap();
        assert!(head.contains("websocket") && head.contains("long-polling"), "{head}");
        let rate = text.lines().find(|line| line.starts_with("rate (/s)")).unwrap();
        assert!(rate.contains("1,010 [1,000–1,020]") && rate.chars().count() <= MAX_WIDTH, "{rate}");
        assert_eq!(text.lines().last().unwrap(), "verdict: faulty: answers were missing or wrong");
        assert!(text.contains("polling, run 3: faulty: "), "{text}");
        assert!(text.contains("duplicate"), "{text}");
    }

    #[test]
    fn what_was_broken_off_says_so_and_what_was_asked_for() {
        let mut document = samples::broken_off();
        let text = summary(&document);
        assert!(text.starts_with("compare: fan-out: 128 B × 100 clients, 1000 a second"), "{text}");
        let last = "verdict: interrupted: 1 of 4 workloads measured, in part: websocket; missing: comet, long-polling, polling; \
                    as far as it went: fine\n";
        assert!(text.ends_with(last), "{text}");
        document.cells.clear();
        assert_eq!(summary(&document), "compare\n\nverdict: interrupted: nothing was measured\n");
    }

    #[test]
    fn many_cells_stand_in_blocks() {
        let mut document = samples::compared();
        let cells = document.cells.clone();
        for (index, cell) in cells.iter().cycle().take(20).enumerate() {
            document.cells.push(Cell { name: format!("{} {index}", cell.name), ..cell.clone() });
        }
        let cells = Measured::all(&document.cells);
        assert_eq!(blocks(&cells).iter().map(|block| block.len()).sum::<usize>(), document.cells.len());
        let fits =
            |block: &&[Measured<'_>]| figures(block).text().lines().all(|line| line.chars().count() <= MAX_WIDTH);
        assert!(blocks(&cells).iter().all(fits));
    }

    #[test]
    fn cells_of_one_transport_stand_together() {
        let mut cells = samples::swept();
        let cuts = |cells: &[Cell]| blocks(&Measured::all(cells)).iter().map(|block| block.len()).collect::<Vec<_>>();
        assert_eq!(cuts(&cells), [4, 4]);
        assert_eq!(cuts(&cells[..4]), [4]);
        cells.iter_mut().for_each(|cell| cell.transport = None);
        let cut = cuts(&cells);
        assert!(cut[0] > 4 && cut.iter().sum::<usize>() == 8, "{cut:?}");
        assert_eq!(cuts(&[]), [0; 0]);
    }

    #[test]
    fn tables_have_their_notes() {
        let text = summary(&samples::with_tables());
        assert!(text.contains("Transit (RFC 6202, 2.2)"), "{text}");
        assert!(text.contains("delay (ms)  model (ms)  measured (ms)"), "{text}");
        assert!(text.contains("25                  75           75.5"), "{text}");
        assert!(text.contains("A note."), "{text}");
        assert!(!text.contains("rate (/s)") && text.ends_with("\n\nverdict: fine\n"), "{text}");
    }
}
