//! The events of an answer's body, read where they lie.

use std::time::Duration;

use bowline_core::event_stream::{Parser, Piece};
use bowline_core::position::Position;
use bowline_core::session::events::{self, Item};
use bowline_core::session::{ServerRecord, max_event};
use memchr::{memchr, memchr_iter};

use super::partial::Partial;
use super::session::digits;

/// Takes an event stream apart whose lines end with a line feed. Only an event that isn't whole is kept.
#[derive(Debug)]
pub(super) struct Stream {
    partial: Partial,
    /// The most bytes of an event.
    longest: usize,
}

/// What an event says.
#[derive(Debug)]
pub(super) enum Said<'a> {
    /// A message of one line, with its number.
    Message(u64, &'a [u8]),
    /// A publication of one line.
    Publication(Position, &'a [u8]),
    /// Anything.
    Item(Box<Item<ServerRecord>>),
    /// The least time before the next carrier.
    Retry(Duration),
}

impl Stream {
    /// `longest` is the longest message that may come.
    pub(super) fn new(longest: usize) -> Self {
        Self { partial: Partial::default(), longest: max_event(longest) }
    }

    /// An answer begins.
    pub(super) fn begin(&mut self) {
        self.partial = Partial::default();
    }

    /// Whether what came are whole events.
    pub(super) const fn is_whole(&self) -> bool {
        self.partial.is_empty()
    }

    /// Takes bytes, and hands on each event that is whole by them.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        mut hand_on: impl FnMut(Said<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let Self { partial, longest } = self;
        partial.feed(bytes, |bytes, seen| {
            let (mut at, mut seen) = (0, seen);
            loop {
                at += comments(&bytes[at..]);
                // The last byte seen may be the first of an event's two line feeds.
                let from = at.max(seen.saturating_sub(1));
                let rest = &bytes[from..];
                let end = memchr_iter(b'\n', rest).find(|end| rest.get(end + 1) == Some(&b'\n'));
                let Some(end) = end else { break };
                let lines = &bytes[at..from + end];
                check(lines.len(), *longest)?;
                block(lines, *longest, &mut hand_on)?;
                (at, seen) = (from + end + 2, 0);
            }
            // The first of its two line feeds may be among them.
            check((bytes.len() - at).saturating_sub(1), *longest)?;
            Ok(at)
        })
    }
}

fn check(event: usize, longest: usize) -> Result<(), String> {
    if event <= longest {
        return Ok(());
    }
    Err(format!("an event is longer than {longest} bytes, or its end is not two line feeds"))
}

/// How long the comments and empty lines at the front are: any number may come between two events.
fn comments(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(b':' | b'\n') = bytes.get(at) {
        let Some(end) = memchr(b'\n', &bytes[at..]) else { break };
        at += end + 1;
    }
    at
}

/// The lines of an event, without its end.
fn block(lines: &[u8], longest: usize, hand_on: &mut impl FnMut(Said<'_>) -> Result<(), String>) -> Result<(), String> {
    if let Some(said) = plain(lines) {
        return hand_on(said);
    }
    let mut parser = Parser::new(longest);
    parser.push(lines);
    parser.push(b"\n\n");
    while let Some(piece) = parser.next().map_err(|error| error.to_string())? {
        match piece {
            Piece::Event(event) => {
                let item = events::read(&event).map_err(|error| error.to_string())?;
                hand_on(Said::Item(Box::new(item)))?;
            }
            Piece::Retry(wait) => hand_on(Said::Retry(wait))?,
            _ => {}
        }
    }
    Ok(())
}

/// What comes most often: two lines, an id and a text.
fn plain(lines: &[u8]) -> Option<Said<'_>> {
    let rest = lines.strip_prefix(b"id: ")?;
    let end = memchr(b'\n', rest)?;
    let (id, text) = (rest.get(..end)?, rest.get(end + 1..)?.strip_prefix(b"data: ")?);
    if memchr::memchr2(b'\n', b'\r', text).is_some() {
        return None;
    }
    if let Some(number) = digits(id) {
        return (number > 0).then_some(Said::Message(number, text));
    }
    let position: Position = std::str::from_utf8(id).ok()?.parse().ok()?;
    (position.offset > 0).then_some(Said::Publication(position, text))
}
