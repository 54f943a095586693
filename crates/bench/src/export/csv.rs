//! A row for each run (RFC 4180).

use crate::{Document, FIGURES, Figure, Figures};

/// The document's runs as CSV: a row for each, with what it was and each of [`FIGURES`], whose units are in the head; an empty
/// field is a figure that the run doesn't have. Numbers are as exact as they are known.
#[must_use]
pub fn csv(document: &Document) -> String {
    let mut text = String::new();
    let head = ["scenario", "cell", "transport", "axis", "at", "run", "verdict"].map(String::from);
    line(&mut text, head.into_iter().chain(FIGURES.iter().map(Figure::head)));
    for cell in &document.cells {
        for (index, run) in cell.runs.iter().enumerate() {
            let figures = Figures::of(run);
            let of_cell = [
                document.scenario.clone(),
                cell.name.clone(),
                cell.transport.map(|transport| transport.name().into()).unwrap_or_default(),
                cell.at.as_ref().map(|at| at.axis.clone()).unwrap_or_default(),
                cell.at.as_ref().map(|at| at.value.to_string()).unwrap_or_default(),
                (index + 1).to_string(),
                run.verdict().name().into(),
            ];
            let values = FIGURES.iter().map(|figure| figures.get(figure.name).map(|value| value.to_string()));
            line(&mut text, of_cell.into_iter().chain(values.map(Option::unwrap_or_default)));
        }
    }
    text
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
    fn names_may_have_commas_and_quotes() {
        assert_eq!(quoted("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(quoted("plain"), "plain");
    }
}
