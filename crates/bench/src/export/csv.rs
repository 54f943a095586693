//! A row for each run (RFC 4180).

use std::borrow::Cow;

use crate::{Cell, Document, FIGURES, Figure, Figures};

/// The document's runs as CSV: a row for each, with what it was and each of [`FIGURES`], whose units are in the head; an empty
/// field is a figure that the run doesn't have. Numbers are as exact as they are known. A run that was broken off is `interrupted`; of a
/// document that was broken off each workload that lacks runs has a row for the first of them besides, whose verdict is `missing`.
#[must_use]
pub fn csv(document: &Document) -> String {
    let mut text = String::new();
    let head = ["scenario", "cell", "transport", "axis", "at", "run", "verdict", "interrupted"].map(String::from);
    line(&mut text, head.into_iter().chain(FIGURES.iter().map(Figure::head)));
    for cell in &document.cells {
        for (index, run) in cell.runs.iter().enumerate() {
            let figures = Figures::of(run);
            let of_run = [(index + 1).to_string(), run.verdict().name().into(), run.is_interrupted().to_string()];
            let values = FIGURES.iter().map(|figure| figures.get(figure.name).map(|value| value.to_string()));
            let of_cell = of_cell(document, cell).into_iter().chain(of_run);
            line(&mut text, of_cell.chain(values.map(Option::unwrap_or_default)));
        }
    }
    for (cell, run) in missing(document) {
        let of_run = [run.to_string(), "missing".into(), "true".into()];
        let values = FIGURES.iter().map(|_| String::new());
        line(&mut text, of_cell(document, &cell).into_iter().chain(of_run).chain(values));
    }
    text
}

fn of_cell(document: &Document, cell: &Cell) -> [String; 5] {
    [
        document.scenario.clone(),
        cell.name.clone(),
        cell.transport.map(|transport| transport.name().into()).unwrap_or_default(),
        cell.at.as_ref().map(|at| at.axis.clone()).unwrap_or_default(),
        cell.at.as_ref().map(|at| at.value.to_string()).unwrap_or_default(),
    ]
}

/// The workloads that lack runs, each with the number of the first of them.
fn missing(document: &Document) -> Vec<(Cow<'_, Cell>, usize)> {
    let Some(interruption) = &document.interrupted else { return Vec::new() };
    let fewer = document.cells.iter().filter(|cell| cell.runs.len() < interruption.rounds);
    let fewer = fewer.map(|cell| (Cow::Borrowed(cell), cell.runs.len() + 1));
    let none = interruption.missing.iter().map(|name| (Cow::Owned(Cell::new(name.clone(), Vec::new())), 1));
    fewer.chain(none).collect()
}

fn line(text: &mut String, fields: impl Iterator<Item = String>) {
    let fields: Vec<_> = fields.map(|field| quoted(&field)).collect();
    text.push_str(&fields.join(","));
    text.push_str("\r\n");
}

/// RFC 4180 §2.6 and §2.7: what has commas, quotes or line breaks in it stands in quotes, and quotes are doubled.
fn quoted(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn each_run_is_a_row_as_long_as_the_head() {
        let document = samples::compared();
        let text = csv(&document);
        let rows: Vec<Vec<&str>> = text.split_terminator("\r\n").map(|row| row.split(',').collect()).collect();
        assert_eq!(rows.len(), 1 + document.runs().count());
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));
        let column = |name: &str| rows[0].iter().position(|head| *head == name).unwrap();
        assert_eq!(rows[1][column("cell")], "websocket");
        assert_eq!(rows[1][column("verdict")], "fine");
        assert_eq!(rows[1][column("rate (/s)")], "1000");
        assert_eq!(rows[1][column("down_framing (B)")], "7");
        assert_eq!(rows[1][column("idle_cpu (µs/s)")], "");
        let p99: f64 = rows[1][column("p99 (ms)")].parse().unwrap();
        assert!((1.0..100.0).contains(&p99), "{p99}");
    }

    #[test]
    fn what_was_broken_off_is_marked() {
        let document = samples::broken_off();
        let text = csv(&document);
        let rows: Vec<Vec<&str>> = text.split_terminator("\r\n").map(|row| row.split(',').collect()).collect();
        assert!(rows.iter().all(|row| row.len() == rows[0].len()));
        let marks: Vec<_> = rows.iter().map(|row| [row[1], row[5], row[6], row[7]]).collect();
        let of = |cell, run, verdict, interrupted| [cell, run, verdict, interrupted];
        let head = of("cell", "run", "verdict", "interrupted");
        let (first, last) = (of("websocket", "1", "fine", "false"), of("websocket", "2", "fine", "true"));
        assert_eq!(marks[..3], [head, first, last]);
        let lacking = [("websocket", "3"), ("comet", "1"), ("long-polling", "1"), ("polling", "1")];
        assert_eq!(marks[3..], lacking.map(|(cell, run)| of(cell, run, "missing", "true")));
    }

    #[test]
    fn names_may_have_commas_and_quotes() {
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(quoted("plain"), "plain");
    }
}
