//! Two documents side by side, and whether the second is worse than it may be.

mod threshold;
mod unlike;

pub use self::threshold::Threshold;

use std::fmt;

use crate::export::{Grid, label};
use crate::figures::{Measured, number};
use crate::{Cell, Document, Error, FIGURES, Figure, Spread, Worse};

/// What changed from one document to another.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Diff {
    /// What the second was not asked for as the first was, a line for each cell, or one for all: clients, rate, size, … Whose server
    /// it was, and the seed, are no part of it.
    pub unlike: Vec<String>,
    /// Cells that both have, in the first's order.
    pub cells: Vec<CellDiff>,
    /// Cells that only the first has.
    pub gone: Vec<String>,
    /// Cells that only the second has.
    pub new: Vec<String>,
    /// Thresholds that were missed, a line each.
    pub missed: Vec<String>,
}

/// What changed in a cell.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CellDiff {
    /// Its name.
    pub name: String,
    /// Figures that either has, before and after.
    pub figures: Vec<(&'static Figure, Option<Spread>, Option<Spread>)>,
}

impl Diff {
    /// Compares two documents, cell by cell of the same name, median by median.
    ///
    /// # Errors
    /// Documents without a cell in common, and a threshold whose figure no cell of the first has: nothing would be compared, and that
    /// must not pass for no change. What the first has and the second lacks, as a figure or as a cell, has missed its thresholds.
    pub fn of(before: &Document, after: &Document, thresholds: &[Threshold]) -> Result<Self, Error> {
        let in_ = |document: &Document, name: &str| document.cells.iter().any(|cell| cell.name == name);
        let only = |one: &Document, other: &Document| -> Vec<String> {
            one.cells.iter().map(|cell| cell.name.clone()).filter(|name| !in_(other, name)).collect()
        };
        let common = before.cells.iter().filter_map(|cell| {
            let same = after.cells.iter().find(|other| other.name == cell.name)?;
            Some(CellDiff::of(cell, same))
        });
        let cells: Vec<_> = common.collect();
        let (gone, new) = (only(before, after), only(after, before));
        if cells.is_empty() {
            let problem = format!("the documents have no cell in common: {} and {}", gone.join(", "), new.join(", "));
            return Err(Error::Plan { problem });
        }
        let without: Vec<_> = before.cells.iter().filter(|cell| gone.contains(&cell.name)).map(Measured::of).collect();
        let mut missed = Vec::new();
        for threshold in thresholds {
            missed.extend(threshold.missed_in(&cells, &without)?);
        }
        Ok(Self { unlike: unlike::unlike(before, after), cells, gone, new, missed })
    }
}

impl CellDiff {
    fn of(before: &Cell, after: &Cell) -> Self {
        let (before, after) = (Measured::of(before), Measured::of(after));
        let figures = FIGURES.iter().map(|figure| (figure, before.spread(figure), after.spread(figure)));
        let is_known = |(_, before, after): &(_, Option<Spread>, Option<Spread>)| before.is_some() || after.is_some();
        Self { name: before.cell.name.clone(), figures: figures.filter(is_known).collect() }
    }

    fn grid(&self) -> Grid {
        let mut grid = Grid::default();
        grid.row([self.name.as_str(), "before", "after", "change", ""].map(String::from));
        for (figure, before, after) in &self.figures {
            let zero = |spread: &Option<Spread>| spread.is_none_or(|spread| spread.most == 0.0);
            if figure.is_fault() && zero(before) && zero(after) {
                continue;
            }
            let shown = |spread: &Option<Spread>| spread.map_or_else(|| "–".into(), |spread| spread.to_string());
            let (change, word) = match (before, after) {
                (Some(before), Some(after)) => (change(before.median, after.median), judged(figure, before, after)),
                _ => (String::new(), ""),
            };
            grid.row([label(figure, None), shown(before), shown(after), change, word.into()]);
        }
        grid
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.unlike.iter().try_for_each(|what| writeln!(f, "not the same workload: {what}"))?;
        if !self.unlike.is_empty() {
            writeln!(f)?;
        }
        for cell in &self.cells {
            writeln!(f, "{}", cell.grid().text())?;
        }
        for (names, which) in [(&self.gone, "first"), (&self.new, "second")] {
            if !names.is_empty() {
                writeln!(f, "only in the {which}: {}", names.join(", "))?;
            }
        }
        self.missed.iter().try_for_each(|missed| writeln!(f, "missed: {missed}"))
    }
}

/// The change in percent of how much there was before: `+` is more, of what is below 0 too. Of nothing there is no share.
fn change(before: f64, after: f64) -> String {
    let percent = (after - before) / before.abs() * 100.0;
    match percent {
        _ if before.total_cmp(&after).is_eq() => "=".into(),
        percent if percent == f64::INFINITY => format!("+{}", number(after)),
        percent if !percent.is_finite() => number(after),
        percent => format!("{percent:+.1} %"),
    }
}

/// Better or worse, where several runs of each have ranges that don't meet.
fn judged(figure: &Figure, before: &Spread, after: &Spread) -> &'static str {
    let (rose, fell) = (after.least > before.most, after.most < before.least);
    match figure.worse {
        _ if before.runs < 2 || after.runs < 2 => "",
        Worse::More if rose => "worse",
        Worse::More if fell => "better",
        Worse::Less if fell => "worse",
        Worse::Less if rose => "better",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_document_is_as_it_was() {
        let document = samples::full();
        let diff = Diff::of(&document, &document, &["p99:+0%".parse().unwrap(), "rate:-0%".parse().unwrap()]).unwrap();
        assert_eq!(diff.cells.len(), document.cells.len());
        assert!(diff.missed.is_empty() && diff.gone.is_empty() && diff.new.is_empty());
        let text = diff.to_string();
        assert!(!text.contains('%') || !text.contains("worse"), "{text}");
    }

    #[test]
    fn cells_are_matched_by_name_and_the_others_named() {
        let (mut before, mut after) = (samples::compared(), samples::compared());
        before.cells.remove(0);
        after.cells.remove(3);
        after.cells.reverse();
        let diff = Diff::of(&before, &after, &[]).unwrap();
        assert_eq!(diff.cells.iter().map(|cell| cell.name.as_str()).collect::<Vec<_>>(), ["comet", "long-polling"]);
        let text = diff.to_string();
        assert!(text.contains("only in the first: polling\nonly in the second: websocket\n"), "{text}");
        after.cells.retain(|cell| cell.name == "websocket");
        let error = Diff::of(&before, &after, &[]).unwrap_err().to_string();
        assert!(error.contains("no cell in common"), "{error}");
    }

    #[test]
    fn what_was_known_and_is_not_any_more_is_missed() {
        let (before, mut after) = (samples::compared(), samples::compared());
        let missed = |after: &Document, threshold: &str| {
            let diff = Diff::of(&before, after, &[threshold.parse().unwrap()]).unwrap();
            diff.missed
        };
        assert_eq!(missed(&after, "p99:+0%"), [""; 0]);
        let gone = after.cells.remove(0);
        let of_gone = missed(&after, "p99:+50%");
        assert!(of_gone.len() == 1 && of_gone[0].starts_with("websocket: p99 from "), "{of_gone:?}");
        assert!(of_gone[0].ends_with(" to nothing: may change by +50 %"), "{of_gone:?}");
        // Broken off before anything came of it.
        after.cells.push(Cell { runs: Vec::new(), ..gone });
        assert_eq!(missed(&after, "rate:-50%").len(), 1);
        let new = Diff::of(&after, &before, &["rate:-0%".parse().unwrap()]).unwrap();
        assert_eq!(new.missed, [""; 0], "what is new has nothing to be compared with");
    }

    #[test]
    fn more_is_plus_of_what_is_below_zero_too() {
        let changes = [(-100.0, -50.0), (-100.0, -150.0), (100.0, 150.0), (0.0, 2.0), (0.0, -2.0), (7.0, 7.0)];
        let told = ["+50.0 %", "-50.0 %", "+50.0 %", "+2", "-2", "="];
        assert_eq!(changes.map(|(before, after)| change(before, after)), told);
    }

    #[test]
    fn what_was_not_asked_for_alike_comes_first() {
        let (before, mut after) = (samples::compared(), samples::compared());
        assert!(!Diff::of(&before, &after, &[]).unwrap().to_string().contains("not the same"));
        after.scenario = "fanout".into();
        let text = Diff::of(&before, &after, &[]).unwrap().to_string();
        assert!(text.starts_with("not the same workload: scenario compare → fanout\n\nwebsocket "), "{text}");
    }

    #[test]
    fn changes_are_told_with_ranges() {
        let (mut before, mut after) = (samples::compared(), samples::compared());
        before.cells.truncate(1);
        after.cells = vec![Cell { name: "websocket".into(), ..after.cells[1].clone() }];
        let text = Diff::of(&before, &after, &[]).unwrap().to_string();
        let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
        assert!(line("rate (/s)").contains("1,010 [1,000–1,020]  1,010 [1,000–1,020]"), "{text}");
        assert!(line("rate (/s)").ends_with(" ="), "{text}");
        assert!(line("server CPU per 1,000").ends_with("+300.0 %   worse"), "{text}");
        assert!(line("per CPU second").ends_with("-75.0 %   worse"), "{text}");
        assert!(line("requests").contains("+900"), "{text}");
    }
}
