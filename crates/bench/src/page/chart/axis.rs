//! What is along an edge of a chart: from where to where, and what is written there.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::figures::number;

/// How places along an axis are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Scale {
    /// Evenly.
    Linear,
    /// By their logarithm.
    Log,
    /// Shares of all (0 to 1), by how many nines they have.
    Nines,
}

impl Scale {
    /// Where a value is, in the axis' own coordinates; `None` for one that has no place.
    pub(in super::super) fn place(self, value: f64) -> Option<f64> {
        let place = match self {
            Self::Linear => value,
            Self::Log => value.log10(),
            Self::Nines => -(1.0 - value).log10(),
        };
        place.is_finite().then_some(place)
    }
}

/// A range with ticks, in the axis' own coordinates.
#[derive(Debug, Clone)]
pub(in super::super) struct Axis {
    scale: Scale,
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) ticks: Vec<f64>,
}

/// How many nines the last percentile has: 99.999.
const NINES: u32 = 5;

impl Axis {
    /// An axis that holds all of `values`, with about as many ticks as asked for. One that isn't logarithmic begins at 0.
    pub(in super::super) fn over(scale: Scale, values: impl Iterator<Item = f64>, about: usize) -> Self {
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite() && (scale != Scale::Log || *value > 0.0)) {
            (least, most) = (least.min(value), most.max(value));
        }
        match scale {
            Scale::Nines => {
                Self { scale, from: 0.0, to: f64::from(NINES), ticks: (0..=NINES).map(f64::from).collect() }
            }
            Scale::Log if least <= most => Self::log(least, most, about),
            Scale::Log => Self::log(1.0, 10.0, about),
            Scale::Linear => Self::linear(if most > 0.0 { most } else { 1.0 }, about),
        }
    }

    /// From 0 to the tick that ends it: steps are 1, 2 or 5 of some power of ten.
    fn linear(most: f64, about: usize) -> Self {
        let wanted = most / about.max(1) as f64;
        let power = 10_f64.powf(wanted.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power).into_iter().find(|step| *step >= wanted);
        let step = step.unwrap_or(power);
        let count = (most / step - 1e-9).ceil().max(1.0);
        let ticks = (0_u32..64).map(f64::from).take_while(|n| *n <= count).map(|n| n * step).collect();
        Self { scale: Scale::Linear, from: 0.0, to: count * step, ticks }
    }

    /// Ticks at 1, 2 and 5 of each power of ten, or at powers alone where those would be too many.
    fn log(least: f64, most: f64, about: usize) -> Self {
        let (low, high) = (least.log10().floor(), most.log10().ceil());
        let decades = (0_u32..64).map(|n| low + f64::from(n)).take_while(|power| *power <= high);
        let fine: Vec<f64> =
            decades.clone().flat_map(|power| [1.0_f64, 2.0, 5.0].map(|times| power + times.log10())).collect();
        // The range ends at a tick on either side.
        let (from, to) = (least.log10(), most.log10());
        let from = fine.iter().copied().filter(|tick| *tick <= from + 1e-9).fold(low, f64::max);
        let to = fine.iter().copied().filter(|tick| *tick >= to - 1e-9).fold(high, f64::min);
        let to = if to > from { to } else { from + 1.0 };
        let inside =
            |ticks: Vec<f64>| ticks.into_iter().filter(|tick| (from - 1e-9..=to + 1e-9).contains(tick)).collect();
        let mut ticks: Vec<f64> = inside(fine);
        if ticks.len() > about + 2 {
            ticks = inside(decades.collect());
        }
        Self { scale: Scale::Log, from, to, ticks }
    }

    /// Where on it a value is; `None` for one that has no place.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        self.scale.place(value).map(|place| place.clamp(self.from, self.to))
    }

    /// What is written at a tick.
    pub(super) fn label(&self, place: f64) -> String {
        match self.scale {
            Scale::Linear => tidy(place),
            Scale::Log => tidy(10_f64.powf(place)),
            Scale::Nines => percentile(place),
        }
    }
}

/// Places along the axis are what the plotting library draws at.
impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (place - self.from) / (self.to - self.from);
        #[expect(clippy::cast_possible_truncation, reason = "within the limits, which are i32")]
        let distance = (share * f64::from(to - from)).round() as i32;
        from + distance
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(place: &f64) -> String {
        place.to_string()
    }

    fn format_ext(&self, place: &f64) -> String {
        self.label(*place)
    }
}

fn percentile(nines: f64) -> String {
    let percent = (1.0 - 10_f64.powf(-nines)) * 100.0;
    let digits = if nines > 2.5 { (nines - 2.0).round() } else { 0.0 };
    match digits {
        digits if digits >= 3.0 => format!("{percent:.3}"),
        digits if digits >= 2.0 => format!("{percent:.2}"),
        digits if digits >= 1.0 => format!("{percent:.1}"),
        _ => format!("{percent:.0}"),
    }
}

/// A round number without the zeros that say nothing.
fn tidy(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 1e6 => return tidy(value / 1e6) + "M",
        size if size >= 1e4 => return tidy(value / 1e3) + "k",
        size if size >= 100.0 => return number(value.round()),
        size if size >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.5}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, values: &[f64], about: usize) -> Vec<String> {
        let axis = Axis::over(scale, values.iter().copied(), about);
        axis.ticks.iter().map(|tick| axis.label(*tick)).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(Scale::Linear, &[3.0, 7.3], 4), ["0", "2", "4", "6", "8"]);
        assert_eq!(labels(Scale::Linear, &[0.042], 4), ["0", "0.02", "0.04", "0.06"]);
        assert_eq!(labels(Scale::Linear, &[19_000.0], 4), ["0", "5,000", "10k", "15k", "20k"]);
        assert_eq!(labels(Scale::Linear, &[], 1), ["0", "1"]);
        assert_eq!(labels(Scale::Log, &[0.3, 4.0], 6), ["0.2", "0.5", "1", "2", "5"]);
        assert_eq!(labels(Scale::Log, &[0.3, 4_000.0], 4), ["1", "10", "100", "1,000"]);
        assert_eq!(labels(Scale::Log, &[0.0, -1.0], 6), ["1", "2", "5", "10"]);
        assert_eq!(labels(Scale::Nines, &[], 6), ["0", "90", "99", "99.9", "99.99", "99.999"]);
    }

    #[test]
    fn what_has_no_place_is_left_out() {
        let axis = Axis::over(Scale::Log, [1.0, 100.0].into_iter(), 6);
        assert_eq!(axis.place(10.0), Some(1.0));
        assert_eq!((axis.place(0.0), axis.place(-1.0), axis.place(f64::NAN)), (None, None, None));
        assert_eq!(Axis::over(Scale::Nines, [].into_iter(), 6).place(1.0), None);
    }
}
