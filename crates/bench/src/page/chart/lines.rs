//! Lines over an axis.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, VPos};

use super::svg::{Drawn, FINE, Ink, fill, fine, letters, stroke, width};
use super::{Axis, Scale};

/// Height of what is between the axes.
const HEIGHT: u32 = 260;
/// Height of a row of the legend.
const ROW: u32 = 22;
/// Room at the edges.
const EDGE: u32 = 14;
/// Most points that are marked: more would be a band.
const MAX_MARKED: usize = 16;

/// Curves, and how they are to be drawn.
#[derive(Debug, Clone)]
pub(in super::super) struct Lines {
    pub(in super::super) x: (Scale, String),
    pub(in super::super) y: (Scale, String),
    pub(in super::super) curves: Vec<Curve>,
}

#[derive(Debug, Clone)]
pub(in super::super) struct Curve {
    /// What the legend says of it; empty for one that goes with another.
    pub(in super::super) name: String,
    pub(in super::super) colour: usize,
    pub(in super::super) weight: Weight,
    pub(in super::super) points: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Weight {
    Thick,
    Thin,
    /// Calculated: without points.
    Dashed,
}

type Failed<'a> = DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>;

impl Curve {
    fn style(&self) -> ShapeStyle {
        match self.weight {
            Weight::Thick => stroke(Ink::Series(self.colour), 2.25),
            Weight::Thin => stroke(Ink::Series(self.colour), 1.1),
            Weight::Dashed => stroke(Ink::Dashed(self.colour), 1.75),
        }
    }
}

impl Lines {
    pub(super) fn draw(&self, width: u32, above: u32) -> Result<Drawn, Failed<'static>> {
        let points = || self.curves.iter().flat_map(|curve| curve.points.iter());
        let about = if width < 500 { 4 } else { 8 };
        let x = Axis::over(self.x.0, points().map(|(x, _)| *x), about);
        let y = Axis::over(self.y.0, points().map(|(_, y)| *y), 6);
        let names = self.curves.iter().filter(|curve| !curve.name.is_empty());
        let legend: Vec<_> = names.map(|curve| (curve.name.as_str(), curve.style())).collect();
        let rows = rows(&legend, width);
        let top = above + ROW * u32::try_from(rows.len()).unwrap_or(0);
        let height = top + ROW + HEIGHT + 48;
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (width * FINE, height * FINE)).into_drawing_area();
            draw_legend(&area, &rows, above)?;
            self.plot(&area, (&x, &y), (width, top))?;
            area.present()?;
        }
        Ok(Drawn { svg, width, height })
    }

    /// The axes, and the curves between them.
    fn plot<'a>(
        &self,
        area: &DrawingArea<SVGBackend<'a>, Shift>,
        (x, y): (&Axis, &Axis),
        (width_of_all, top): (u32, u32),
    ) -> Result<(), Failed<'a>> {
        let left = y.ticks.iter().map(|tick| width(&y.label(*tick))).max().unwrap_or(0) + 18;
        // The last label is about its tick.
        let right = x.ticks.last().map_or(0, |tick| width(&x.label(*tick)) / 2 + 2).max(EDGE + 8);
        area.draw(&Text::new(self.y.1.clone(), (fine(8), fine(top + 6)), letters(Ink::Faint, HPos::Left, VPos::Top)))?;
        let bottom = (fine(width_of_all - EDGE), fine(top + ROW + HEIGHT + 30));
        area.draw(&Text::new(self.x.1.clone(), bottom, letters(Ink::Faint, HPos::Right, VPos::Top)))?;
        let mut chart = ChartBuilder::on(area)
            .margin_top(fine(top + ROW + 8))
            .margin_right(fine(right))
            .margin_bottom(fine(22))
            .x_label_area_size(fine(26))
            .y_label_area_size(fine(left))
            .build_cartesian_2d(x.clone(), y.clone())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(stroke(Ink::Grid, 1.0))
            .light_line_style(TRANSPARENT)
            .axis_style(stroke(Ink::Grid, 1.0))
            .set_all_tick_mark_size(fine(5))
            .label_style(letters(Ink::Faint, HPos::Left, VPos::Top))
            .x_labels(x.ticks.len())
            .y_labels(y.ticks.len())
            .draw()?;
        // Thin ones lie below, so that what matters more is seen.
        let order = |curve: &&Curve| curve.weight != Weight::Thin;
        let mut curves: Vec<_> = self.curves.iter().collect();
        curves.sort_by_key(order);
        for curve in curves {
            let places = curve.points.iter().filter_map(|(at, value)| Some((x.place(*at)?, y.place(*value)?)));
            let places: Vec<_> = places.collect();
            chart.draw_series(LineSeries::new(places.iter().copied(), curve.style()))?;
            if curve.weight == Weight::Thick && places.len() <= MAX_MARKED {
                let dot = |place: &(f64, f64)| Circle::new(*place, fine(4), fill(Ink::Ground));
                chart.draw_series(places.iter().map(dot))?;
                let dot = |place: &(f64, f64)| Circle::new(*place, fine(3), fill(Ink::Series(curve.colour)));
                chart.draw_series(places.iter().map(dot))?;
            }
        }
        Ok(())
    }
}

/// What a legend shows: a name, and how it is drawn.
type Key<'a> = (&'a str, ShapeStyle);

/// The legend by rows. Of a single thing there is none.
pub(super) fn rows<'a>(legend: &[Key<'a>], room: u32) -> Vec<Vec<(u32, Key<'a>)>> {
    let mut rows = Vec::new();
    let (mut row, mut at) = (Vec::new(), 8);
    for key in legend.iter().filter(|_| legend.len() > 1) {
        let wide = 24 + width(key.0) + 18;
        if at + wide > room && !row.is_empty() {
            rows.push(std::mem::take(&mut row));
            at = 8;
        }
        row.push((at, *key));
        at += wide;
    }
    if !row.is_empty() {
        rows.push(row);
    }
    rows
}

pub(super) fn draw_legend<'a>(
    area: &DrawingArea<SVGBackend<'a>, Shift>,
    rows: &[Vec<(u32, Key<'_>)>],
    above: u32,
) -> Result<(), Failed<'a>> {
    for (row, number) in rows.iter().zip(0_u32..) {
        let middle = fine(above + number * ROW + ROW / 2);
        for (at, (name, style)) in row {
            if style.filled {
                let corners = [(fine(*at), middle - fine(5)), (fine(at + 12), middle + fine(5))];
                area.draw(&Rectangle::new(corners, *style))?;
            } else {
                area.draw(&PathElement::new(vec![(fine(*at), middle), (fine(at + 18), middle)], *style))?;
            }
            let place = (fine(at + 24), middle);
            area.draw(&Text::new((*name).to_owned(), place, letters(Ink::Text, HPos::Left, VPos::Center)))?;
        }
    }
    Ok(())
}
