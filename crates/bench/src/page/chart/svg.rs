//! From what the plotting library draws to SVG whose colours and letters are a style sheet's.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// What is drawn is drawn so many times as large, because the library knows whole units only.
pub(super) const FINE: u32 = 8;

/// Room for a title, in units of the finished chart.
pub(super) const TITLE: u32 = 34;

/// Height of letters, in units of the finished chart.
pub(super) const LETTERS: u32 = 14;

/// The library writes its letters smaller than it is asked to by this.
const SHRUNK: f64 = 1.24;

/// Colours that the style sheet has.
pub(in super::super) const COLOURS: usize = 14;

/// What stands for a colour until it is the style sheet's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// Letters.
    Text,
    /// Letters of less weight: axes.
    Faint,
    /// Lines behind everything.
    Grid,
    /// The page's own colour.
    Ground,
    /// Of a series.
    Series(usize),
    /// Of a series, dashed.
    Dashed(usize),
}

impl From<Ink> for RGBColor {
    fn from(ink: Ink) -> Self {
        let number = |series: usize| u8::try_from(series % COLOURS).unwrap_or(0);
        match ink {
            Ink::Text => Self(2, 0, 0),
            Ink::Faint => Self(2, 1, 0),
            Ink::Grid => Self(2, 2, 0),
            Ink::Ground => Self(2, 3, 0),
            Ink::Series(series) => Self(1, number(series), 0),
            Ink::Dashed(series) => Self(1, number(series), 1),
        }
    }
}

/// A line of this width.
pub(super) fn stroke(ink: Ink, width: f64) -> ShapeStyle {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a width of few units")]
    let width = (width * f64::from(FINE)).round() as u32;
    RGBColor::from(ink).stroke_width(width)
}

pub(super) fn fill(ink: Ink) -> ShapeStyle {
    RGBColor::from(ink).filled()
}

/// Letters, from a place to the right, about it, or up to it.
pub(super) fn letters(ink: Ink, across: HPos, down: VPos) -> TextStyle<'static> {
    ("sans-serif", f64::from(LETTERS * FINE) * SHRUNK)
        .into_font()
        .color(&RGBColor::from(ink))
        .pos(Pos::new(across, down))
}

/// About how wide a text is: no font is there to ask.
pub(super) fn width(text: &str) -> u32 {
    let letters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    letters.saturating_mul(LETTERS * 58) / 100
}

/// Units as the library has them.
pub(super) fn fine(units: u32) -> i32 {
    i32::try_from(units.saturating_mul(FINE)).unwrap_or(i32::MAX)
}

/// What the library drew.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) svg: String,
    pub(super) width: u32,
    pub(super) height: u32,
}

/// The style of a chart that stands alone.
const STYLE: &str = include_str!("../colours.css");

impl Drawn {
    /// As an element of a page, which scales it.
    pub(super) fn inline(&self, title: &str) -> String {
        let (body, width, height) = (self.body(), self.width * FINE, self.height * FINE);
        let title = escaped(title);
        format!(
            "<svg class=\"chart\" role=\"img\" aria-label=\"{title}\" viewBox=\"0 0 {width} {height}\">\n{body}</svg>\n"
        )
    }

    /// As a file.
    pub(super) fn file(&self, title: &str, note: &str) -> String {
        let (body, width, height) = (self.body(), self.width, self.height);
        let (fine_width, fine_height) = (width * FINE, height * FINE);
        let note = if note.is_empty() { String::new() } else { format!("<desc>{}</desc>\n", escaped(note)) };
        let (at, size, title) = (20 * FINE, 16 * FINE, escaped(title));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"chart\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {fine_width} {fine_height}\">\n<title>{title}</title>\n{note}<style>\n{STYLE}</style>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"var(--ground)\"/>\n\
             <text x=\"{margin}\" y=\"{at}\" font-size=\"{size}\" font-weight=\"600\" fill=\"var(--text)\">{title}</text>\n\
             {body}</svg>\n",
            margin = 8 * FINE,
        )
    }

    /// What is between the library's outermost tags, in colours of the style sheet.
    fn body(&self) -> String {
        let start = self.svg.find("<svg").and_then(|at| self.svg[at..].find('>').map(|end| at + end + 1)).unwrap_or(0);
        let end = self.svg.rfind("</svg>").unwrap_or(self.svg.len());
        let mut body = self.svg.get(start..end).unwrap_or_default().trim_start().to_owned();
        for noise in [" opacity=\"1\"", " font-family=\"sans-serif\"", " stroke=\"none\""] {
            body = body.replace(noise, "");
        }
        for (ink, name) in [(Ink::Text, "text"), (Ink::Faint, "faint"), (Ink::Grid, "grid"), (Ink::Ground, "ground")] {
            body = body.replace(&quoted(ink), &format!("\"var(--{name})\""));
        }
        let dashes = format!("{} {}", 6 * FINE, 5 * FINE);
        for series in 0..COLOURS {
            body = body.replace(&quoted(Ink::Series(series)), &format!("\"var(--series-{series})\""));
            let dashed = format!("\"var(--series-{series})\" stroke-dasharray=\"{dashes}\"");
            body = body.replace(&quoted(Ink::Dashed(series)), &dashed);
        }
        body
    }
}

/// An ink as the library writes it.
fn quoted(ink: Ink) -> String {
    let RGBColor(red, green, blue) = ink.into();
    format!("\"#{red:02X}{green:02X}{blue:02X}\"")
}

/// Text as the content of an element or an attribute.
pub(in super::super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
