//! Charts as SVG whose colours are left to a style sheet: a page's, or one that a file of its own has.

mod axis;
mod bars;
mod lines;
mod svg;

pub(super) use self::axis::{Axis, Scale};
pub(super) use self::bars::{Bar, Bars};
pub(super) use self::lines::{Curve, Lines, Weight};
pub(super) use self::svg::{COLOURS, escaped};

use self::svg::Drawn;

/// A chart and what is said of it.
#[derive(Debug, Clone)]
pub(super) struct Chart {
    /// A word for file names and anchors.
    pub(super) name: String,
    pub(super) title: String,
    /// What to know to read it; often nothing.
    pub(super) note: String,
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Lines(Lines),
    Bars(Bars),
}

/// For how much room a chart is drawn; letters are of the same size in both, and about as large on the page: 12 to 16 pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// A screen's, or half of a large one's.
    Wide,
    /// A telephone's.
    Narrow,
}

impl Room {
    const fn width(self) -> u32 {
        match self {
            Self::Wide => 600,
            Self::Narrow => 380,
        }
    }
}

impl Chart {
    /// The chart as an element of a page.
    pub(super) fn inline(&self, room: Room) -> Result<String, std::fmt::Error> {
        self.draw(room, 0).map(|drawn| drawn.inline(&self.title))
    }

    /// The chart as a file: with its title and its own style sheet.
    pub(super) fn file(&self) -> Result<String, std::fmt::Error> {
        self.draw(Room::Wide, svg::TITLE).map(|drawn| drawn.file(&self.title, &self.note))
    }

    fn draw(&self, room: Room, above: u32) -> Result<Drawn, std::fmt::Error> {
        match &self.kind {
            Kind::Lines(lines) => lines.draw(room.width(), above),
            Kind::Bars(bars) => bars.draw(room.width(), above),
        }
        // What a drawing can fail of is writing to a string.
        .map_err(|_| std::fmt::Error)
    }
}
