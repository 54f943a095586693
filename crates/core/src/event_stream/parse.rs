//! Reading an event stream, however it comes in pieces.

use std::{fmt, time::Duration};

use bytes::{Buf as _, BytesMut};
use memchr::memchr2;

use super::Event;
use crate::Utf8Bytes;

const BOM: &[u8] = "\u{feff}".as_bytes();

/// Reads an event stream as the HTML Standard interprets it ("Interpreting an event stream"), piece by piece: bytes are
/// [`push`](Self::push)ed as they come, and after each push [`next`](Self::next) is called until it gives `None`.
///
/// The work is linear in the bytes, however they are cut. What is held is what was pushed and not yet read, and one event
/// of at most `max_event` bytes; between events an idle parser owns no memory. A stream that isn't UTF-8 is an error, where
/// the standard would have replaced what it can't read: a message must come as it was sent, or not at all.
#[derive(Debug)]
pub struct Parser {
    max_event: usize,
    input: BytesMut,
    /// So many bytes at the front of `input` have no line's end among them.
    scanned: usize,
    at_start: bool,
    /// The last line ended with CR: an LF that follows belongs to that end.
    after_cr: bool,
    event: Unfinished,
    failed: Option<ParseError>,
}

/// Something that an event stream says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Piece {
    /// An event, whole.
    Event(Event),
    /// An `id` without data: no event, but from here on the last event ID.
    Id(Box<str>),
    /// How long the reader shall wait before it comes back.
    Retry(Duration),
    /// A comment: it says that the path is alive. One for each line.
    Comment,
}

/// Why an event stream can't be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseError {
    /// An event, or a comment's line, is over the parser's bound.
    EventTooLong {
        /// The bound, in bytes of its lines.
        max: usize,
    },
    /// A line is not UTF-8.
    NotUtf8,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EventTooLong { max } => write!(f, "an event is over {max} bytes"),
            Self::NotUtf8 => f.write_str("the event stream is not UTF-8"),
        }
    }
}

impl std::error::Error for ParseError {}

impl Parser {
    /// A parser at the start of a stream. An event whose lines have over `max_event` bytes, their ends not counted, ends in
    /// [`ParseError::EventTooLong`] before more of it is held; so does a comment's line.
    #[must_use]
    pub fn new(max_event: usize) -> Self {
        Self {
            max_event,
            input: BytesMut::new(),
            scanned: 0,
            at_start: true,
            after_cr: false,
            event: Unfinished::default(),
            failed: None,
        }
    }

    /// Takes more of the stream. After an error it is dropped.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.input.extend_from_slice(bytes);
        }
    }

    /// What comes next, or `None` where more of the stream is needed.
    ///
    /// # Errors
    /// See [`ParseError`]; from then on it is the same one always. What came before it has been given.
    #[expect(clippy::should_implement_trait, reason = "after None there may be more, and an error is no item")]
    pub fn next(&mut self) -> Result<Option<Piece>, ParseError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.read();
        if let Err(error) = result {
            *self = Self { failed: Some(error), ..Self::new(self.max_event) };
        } else if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        result
    }

    /// How many bytes it has not read, and room for how many it owns.
    #[cfg(test)]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.input.len(), self.input.capacity())
    }

    fn read(&mut self) -> Result<Option<Piece>, ParseError> {
        if self.at_start {
            if self.input.len() < BOM.len() && BOM.starts_with(&self.input) {
                return Ok(None);
            }
            self.at_start = false;
            if self.input.starts_with(BOM) {
                self.input.advance(BOM.len());
            }
        }
        while let Some(len) = self.find_line()? {
            let line = simdutf8::basic::from_utf8(&self.input[..len]).map_err(|_| ParseError::NotUtf8)?;
            let piece = self.event.line(line);
            self.after_cr = self.input[len] == b'\r';
            self.input.advance(len + 1);
            if piece.is_some() {
                return Ok(piece);
            }
        }
        Ok(None)
    }

    /// The length of the line at the front of `input`, if its end has come.
    fn find_line(&mut self) -> Result<Option<usize>, ParseError> {
        if self.after_cr
            && let Some(&first) = self.input.first()
        {
            self.after_cr = false;
            if first == b'\n' {
                self.input.advance(1);
            }
        }
        let end = memchr2(b'\r', b'\n', &self.input[self.scanned..]).map(|at| self.scanned + at);
        let len = end.unwrap_or(self.input.len());
        self.scanned = if end.is_some() { 0 } else { len };
        // A comment is no part of an event, and there may be any number of them.
        let before = if self.input.first() == Some(&b':') { 0 } else { self.event.size };
        if len > self.max_event.saturating_sub(before) {
            return Err(ParseError::EventTooLong { max: self.max_event });
        }
        Ok(end)
    }
}

/// An event whose empty line has not come.
#[derive(Debug, Default)]
struct Unfinished {
    /// The bytes of its lines.
    size: usize,
    id: Option<Box<str>>,
    name: Box<str>,
    data: Option<String>,
}

impl Unfinished {
    fn line(&mut self, line: &str) -> Option<Piece> {
        if line.is_empty() {
            return self.dispatch();
        }
        if line.starts_with(':') {
            return Some(Piece::Comment);
        }
        self.size += line.len();
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = value.into(),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.id = Some(value.into()),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                return value.parse().ok().map(Duration::from_millis).map(Piece::Retry);
            }
            _ => {}
        }
        None
    }

    /// An event without any `data` line is none.
    fn dispatch(&mut self) -> Option<Piece> {
        let Self { id, name, data, .. } = std::mem::take(self);
        match data {
            Some(data) => Some(Piece::Event(Event { id, name, data: Utf8Bytes::from(data) })),
            None => id.map(Piece::Id),
        }
    }
}
