//! How much worse a figure may get: `p99:+10%`, `rate:-5%`, `p99:+2ms`.

use std::fmt;
use std::str::FromStr;

use super::CellDiff;
use crate::figures::{Measured, number};
use crate::{Error, FIGURES, Figure, Spread, Worse};

/// How much a figure may grow, or shrink, from one document to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold {
    figure: &'static Figure,
    /// 1 for what may grow by so much, -1 for what may shrink by so much.
    sign: f64,
    amount: f64,
    is_percent: bool,
}

impl Threshold {
    /// What to say of the cells that missed it: of the common ones, and of those that are gone. A figure that was known and isn't
    /// any more missed it as well, or the worst run would pass.
    pub(super) fn missed_in(&self, cells: &[CellDiff], gone: &[Measured<'_>]) -> Result<Vec<String>, Error> {
        let (mut compared, mut missed) = (false, Vec::new());
        for cell in cells {
            let known = cell.figures.iter().find(|(figure, ..)| figure.name == self.figure.name);
            let Some((_, Some(before), after)) = known else { continue };
            compared = true;
            if after.is_none_or(|after| self.is_missed(before.median, after.median)) {
                missed.push(self.missed(&cell.name, before, after.as_ref()));
            }
        }
        for cell in gone {
            let Some(before) = cell.spread(self.figure) else { continue };
            compared = true;
            missed.push(self.missed(&cell.cell.name, &before, None));
        }
        if compared {
            return Ok(missed);
        }
        let name = self.figure.name;
        Err(Error::Plan {
            problem: format!("can't compare {name}: there is no cell that has it in the first document"),
        })
    }

    fn missed(&self, cell: &str, before: &Spread, after: Option<&Spread>) -> String {
        let (name, before, unit) = (self.figure.name, number(before.median), self.figure.unit);
        let after = after.map_or_else(|| "nothing".to_owned(), |after| format!("{} {unit}", number(after.median)));
        format!("{cell}: {name} from {before} to {}: may change by {self}", after.trim_end())
    }

    /// At the threshold is not past it. A billionth is left to how numbers are kept.
    fn is_missed(&self, before: f64, after: f64) -> bool {
        let allowed = if self.is_percent { before.abs() * self.amount / 100.0 } else { self.amount };
        (after - before) * self.sign > allowed + before.abs().max(allowed) * 1e-9
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.sign < 0.0 { '-' } else { '+' };
        match (self.is_percent, self.figure.unit) {
            (true, _) => write!(f, "{sign}{} %", self.amount),
            (false, "") => write!(f, "{sign}{}", self.amount),
            (false, unit) => write!(f, "{sign}{} {unit}", self.amount),
        }
    }
}

impl FromStr for Threshold {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |why: String| Error::Plan { problem: format!("can't read the threshold '{text}': {why}") };
        let form =
            || wrong("it is a figure and by how much it may get worse, as in p99:+10%, p99:+2ms or rate:-5%".into());
        let (name, amount) = text.split_once(':').ok_or_else(form)?;
        let figure = Figure::named(name.trim()).ok_or_else(|| {
            let names: Vec<_> = FIGURES.iter().map(|figure| figure.name).collect();
            wrong(format!("there is no figure '{}'; there are {}", name.trim(), names.join(", ")))
        })?;
        let amount = amount.trim();
        let (sign, rest) = match (amount.strip_prefix('+'), amount.strip_prefix(['-', '−'])) {
            (Some(rest), _) => (1.0, rest),
            (_, Some(rest)) => (-1.0, rest),
            _ => return Err(form()),
        };
        if let (Worse::More, -1.0) | (Worse::Less, 1.0) = (figure.worse, sign) {
            let (worse, should) = if sign < 0.0 { ("more", '+') } else { ("less", '-') };
            return Err(wrong(format!("of {name} {worse} is worse: write {name}:{should}{rest}")));
        }
        let end = rest.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(rest.len());
        let (digits, unit) = rest.split_at(end);
        let amount: f64 = digits.parse().map_err(|_| form())?;
        let (is_percent, times) = factor(unit.trim(), figure.unit).ok_or_else(|| {
            let unit = if figure.unit.is_empty() { "no unit" } else { figure.unit };
            wrong(format!("{name} is in {unit}: write that, or % of what it was"))
        })?;
        Ok(Self { figure, sign, amount: amount * times, is_percent })
    }
}

/// Whether a unit is a percentage, or what an amount in it is times to be the figure's. A figure that is itself in percent is
/// compared by the share of what it was.
fn factor(unit: &str, own: &str) -> Option<(bool, f64)> {
    match (unit, own) {
        ("%", _) => Some((true, 1.0)),
        ("", _) => Some((false, 1.0)),
        (unit, own) if unit == own => Some((false, 1.0)),
        ("us" | "µs", "ms") => Some((false, 1e-3)),
        ("s", "ms") => Some((false, 1e3)),
        ("ms", "s") => Some((false, 1e-3)),
        ("us/s", "µs/s") => Some((false, 1.0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missed(threshold: &str, before: f64, after: f64) -> bool {
        threshold.parse::<Threshold>().unwrap().is_missed(before, after)
    }

    #[test]
    fn at_the_threshold_is_not_past_it() {
        assert!(!missed("p99:+10%", 10.0, 11.0) && missed("p99:+10%", 10.0, 11.001));
        assert!(!missed("p99:+10%", 0.1, 0.11) && !missed("p99:+10%", 10.0, 1.0));
        assert!(!missed("rate:-5%", 1_000.0, 950.0) && missed("rate:-5%", 1_000.0, 949.9));
        assert!(!missed("rate:-5%", 1_000.0, 5_000.0));
        assert!(!missed("p99:+2ms", 10.0, 12.0) && missed("p99:+2ms", 10.0, 12.001));
        assert!(!missed("p99.9:+500us", 10.0, 10.5) && missed("p99.9:+500µs", 10.0, 10.501));
        assert!(!missed("rate:-500", 1_000.0, 500.0) && missed("rate:-500/s", 1_000.0, 499.0));
        assert!(!missed("missing:+0", 0.0, 0.0) && missed("missing:+0", 0.0, 1.0) && missed("missing:+10%", 0.0, 1.0));
        assert!(missed("per_arrival:-1%", 2.0, 1.0) && missed("per_arrival:+1%", 1.0, 2.0));
    }

    #[test]
    fn what_is_wrong_with_a_threshold_is_told() {
        let why = |text: &str| text.parse::<Threshold>().unwrap_err().to_string();
        assert!(
            why("p98:+10%").contains("no figure 'p98'; there are rate, per_cpu_second, cpu,"),
            "{}",
            why("p98:+10%")
        );
        assert!(why("p99:-10%").contains("more is worse: write p99:+10%"), "{}", why("p99:-10%"));
        assert!(why("rate:+5%").contains("less is worse: write rate:-5%"), "{}", why("rate:+5%"));
        assert!(why("p99:+2MiB").contains("p99 is in ms"), "{}", why("p99:+2MiB"));
        assert!(why("missing:+2ms").contains("missing is in no unit"));
        for text in ["p99", "p99:", "p99:10%", "p99:+", "p99:+%", "p99:+1.2.3%", "p99:+-3%"] {
            assert!(why(text).contains("as in p99:+10%"), "{text}: {}", why(text));
        }
    }
}
