//! Bars that lie, each below its name.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::lines::{draw_legend, rows};
use super::svg::{Drawn, FINE, Ink, fill, fine, letters, stroke, width};
use super::{Axis, Scale};
use crate::figures::number;

/// Height of a bar with its name.
const ROW: u32 = 40;
/// Height of a row of the legend.
const LEGEND: u32 = 22;

/// Bars of one or more parts.
#[derive(Debug, Clone)]
pub(in super::super) struct Bars {
    /// What is measured, with its unit.
    pub(in super::super) x: String,
    /// The unit alone, for the ends of bars.
    pub(in super::super) unit: String,
    /// What the parts are, and their colours; empty where there is one only.
    pub(in super::super) parts: Vec<(String, usize)>,
    pub(in super::super) bars: Vec<Bar>,
}

#[derive(Debug, Clone)]
pub(in super::super) struct Bar {
    pub(in super::super) name: String,
    /// From left to right, as long as the chart's parts; of one part where it has none.
    pub(in super::super) values: Vec<f64>,
    /// The colour where the chart has no parts.
    pub(in super::super) colour: usize,
    /// The smallest and the largest of several runs.
    pub(in super::super) range: Option<(f64, f64)>,
}

type Failed<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

impl Bars {
    pub(super) fn draw(&self, width: u32, above: u32) -> Result<Drawn, Failed<'static>> {
        let legend: Vec<_> =
            self.parts.iter().map(|(name, colour)| (name.as_str(), fill(Ink::Series(*colour)))).collect();
        let rows = rows(&legend, width);
        let top = above + LEGEND * u32::try_from(rows.len()).unwrap_or(0);
        let height = top + ROW * u32::try_from(self.bars.len()).unwrap_or(0) + 56;
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (width * FINE, height * FINE)).into_drawing_area();
            draw_legend(&area, &rows, above)?;
            self.plot(&area, (width, height), top)?;
            area.present()?;
        }
        Ok(Drawn { svg, width, height })
    }

    fn plot<'a>(
        &self,
        area: &DrawingArea<SVGBackend<'a>, Shift>,
        (wide, high): (u32, u32),
        top: u32,
    ) -> Result<(), Failed<'a>> {
        let most = |bar: &Bar| bar.range.map_or(0.0, |(_, most)| most).max(bar.values.iter().sum());
        let mut axis = Axis::over(Scale::Linear, self.bars.iter().map(most), if wide < 500 { 3 } else { 6 });
        // The longest bar ends where its figure still has room.
        let room = self.bars.iter().map(|bar| width(&self.figure(bar)) + 14).max().unwrap_or(0);
        axis.to = axis
            .to
            .max(self.bars.iter().map(most).fold(0.0, f64::max) / (1.0 - f64::from(room) / f64::from(wide - 30)));
        let place = (fine(wide - 14), fine(high - 20));
        area.draw(&Text::new(self.x.clone(), place, letters(Ink::Faint, HPos::Right, VPos::Top)))?;
        let mut chart = ChartBuilder::on(area)
            .margin_top(fine(top + 6))
            .margin_right(fine(22))
            .margin_left(fine(8))
            .margin_bottom(fine(22))
            .x_label_area_size(fine(26))
            .build_cartesian_2d(axis.clone(), 0.0..self.bars.len() as f64)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .bold_line_style(stroke(Ink::Grid, 1.0))
            .light_line_style(TRANSPARENT)
            .axis_style(TRANSPARENT)
            .set_all_tick_mark_size(fine(5))
            .label_style(letters(Ink::Faint, HPos::Left, VPos::Top))
            .x_labels(axis.ticks.len())
            .draw()?;
        for (bar, row) in self.bars.iter().rev().zip(0_u32..) {
            let row = f64::from(row);
            let mut from = 0.0;
            for (index, value) in bar.values.iter().enumerate() {
                let colour = self.parts.get(index).map_or(bar.colour, |(_, colour)| *colour);
                let corners = [(from, row + 0.14), (from + value, row + 0.50)];
                chart.draw_series([Rectangle::new(corners, fill(Ink::Series(colour)))])?;
                from += value;
            }
            if let Some((least, most)) = bar.range.filter(|(least, most)| least < most) {
                let line = vec![(least, row + 0.32), (most, row + 0.32)];
                chart.draw_series([PathElement::new(line, stroke(Ink::Text, 1.5))])?;
            }
            let name = Text::new(bar.name.clone(), (0.0, row + 0.74), letters(Ink::Text, HPos::Left, VPos::Center));
            chart.draw_series([name])?;
            let end = most(bar).min(axis.to);
            let figure = EmptyElement::at((end, row + 0.32))
                + Text::new(self.figure(bar), (fine(7), 0), letters(Ink::Text, HPos::Left, VPos::Center));
            chart.draw_series([figure])?;
        }
        Ok(())
    }

    fn figure(&self, bar: &Bar) -> String {
        format!("{} {}", number(bar.values.iter().sum()), self.unit).trim_end().to_owned()
    }
}
