//! Text in columns.

/// Rows of entries, aligned when they are written: the first column to the left, the others to the right.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grid(Vec<Vec<String>>);

impl Grid {
    pub(crate) fn row(&mut self, entries: impl IntoIterator<Item = String>) {
        self.0.push(entries.into_iter().collect());
    }

    /// The lines, without blanks at their ends.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let widths = self.widths();
        for row in &self.0 {
            let mut line = String::new();
            for (index, (entry, width)) in row.iter().zip(&widths).enumerate() {
                if index == 0 {
                    line.push_str(&format!("{entry:<width$}"));
                } else {
                    line.push_str(&format!("  {entry:>width$}"));
                }
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |column: usize| self.0.iter().filter_map(|row| row.get(column)).map(|entry| entry.chars().count()).max();
        (0..columns).map(|column| width(column).unwrap_or(0)).collect()
    }
}
