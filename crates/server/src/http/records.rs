//! The body of a session's POST.

use bowline_core::{
    event_stream::{ParseError, Parser, Piece},
    session::{
        ClientRecord,
        events::{self, Item},
        max_event,
    },
};
use http::StatusCode;

use super::guards::{Turned, of};
use crate::metrics::Refused;

/// The most records of one POST.
const MAX_RECORDS: usize = 256;
/// A body's bytes besides 4/3 of a message: so many small records.
const MAX_OVERHEAD: usize = 64 << 10;
/// The parser is given no more at a time, so that it holds no second copy of the body.
const PIECE: usize = 16 << 10;

/// The most bytes of a body, where a message has at most `max_message`.
pub(super) const fn max_body(max_message: usize) -> usize {
    max_message.div_ceil(3).saturating_mul(4).saturating_add(MAX_OVERHEAD)
}

/// What a POST brings.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// In order, each with its number, without a hole between them.
    pub(super) records: Vec<(u64, ClientRecord)>,
    /// What is wrong with the one after them, if it can't be read.
    pub(super) wrong: Option<String>,
}

impl Records {
    /// # Errors
    /// 413 for more records, or a larger one, than may be.
    pub(super) fn parse(body: &[u8], max_message: usize) -> Result<Self, Turned> {
        let mut parser = Parser::new(max_event(max_message));
        let mut read = Self::default();
        for piece in body.chunks(PIECE) {
            parser.push(piece);
            while let Some(piece) = next(&mut parser, &mut read.wrong)? {
                read.take(piece, max_message)?;
                if read.wrong.is_some() {
                    break;
                }
            }
            if read.wrong.is_some() {
                return Ok(read);
            }
        }
        // What isn't ended is no event (HTML Standard, "interpreting an event stream"): whoever sent it is to know.
        parser.push(b"\n\n");
        if let Some(Piece::Event(_)) = next(&mut parser, &mut read.wrong)? {
            read.wrong = Some("the last event has no empty line behind it, which ends an event".to_owned());
        }
        Ok(read)
    }

    fn take(&mut self, piece: Piece, max_message: usize) -> Result<(), Turned> {
        let Piece::Event(event) = piece else { return Ok(()) };
        if self.records.len() == MAX_RECORDS {
            return Err(too_large(&format!("there are over {MAX_RECORDS} records")));
        }
        match events::read(&event) {
            Ok(Item::Record { record: ClientRecord::Message(message), .. }) if message.len() > max_message => {
                return Err(too_large(&format!("a message is over {max_message} bytes")));
            }
            Ok(Item::Record { number, record }) => match self.records.last() {
                Some((before, _)) if before.checked_add(1) != Some(number) => {
                    self.wrong = Some(format!("record {number} stands behind record {before}"));
                }
                _ => self.records.push((number, record)),
            },
            Ok(Item::Signal(_) | Item::Publication { .. }) => {
                self.wrong = Some("an acknowledgement is a header, Bowline-Cursor".to_owned());
            }
            Err(error) => self.wrong = Some(error.to_string()),
        }
        Ok(())
    }
}

/// What comes next; what is wrong is noted.
fn next(parser: &mut Parser, wrong: &mut Option<String>) -> Result<Option<Piece>, Turned> {
    match parser.next() {
        Ok(piece) => Ok(piece),
        Err(error @ ParseError::EventTooLong { .. }) => Err(too_large(&error.to_string())),
        Err(error) => {
            *wrong = Some(error.to_string());
            Ok(None)
        }
    }
}

fn too_large(what: &str) -> Turned {
    let text = format!("Nothing was taken: {what}. Send less at a time.\n");
    Turned::new(Refused::TooLarge, of(StatusCode::PAYLOAD_TOO_LARGE, text))
}
