//! Several runs' figures as one.

use std::fmt;

use super::{number, short};

/// The median of several figures, and their range.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Spread {
    /// The middle one; the mean of the two in the middle of an even number.
    pub median: f64,
    /// The smallest.
    pub least: f64,
    /// The largest.
    pub most: f64,
    /// How many there were.
    pub runs: usize,
}

impl Spread {
    /// Of these; `None` of none.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let runs = values.len();
        let (least, most) = (*values.first()?, *values.last()?);
        let (low, high) = (*values.get((runs - 1) / 2)?, *values.get(runs / 2)?);
        Some(Self { median: f64::midpoint(low, high), least, most, runs })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&number(self.median))?;
        let (least, most) = (short(self.least), short(self.most));
        // A range that doesn't show is none.
        if least == most { Ok(()) } else { write!(f, " [{least}–{most}]") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_ranges() {
        let of = |values: &[f64]| Spread::of(values.to_vec()).map(|spread| spread.to_string());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[5.0]).unwrap(), "5");
        assert_eq!(of(&[9.0, 1.0, 5.0]).unwrap(), "5 [1–9]");
        assert_eq!(of(&[9.0, 1.0, 5.0, 6.0]).unwrap(), "5.50 [1–9]");
    }
}
