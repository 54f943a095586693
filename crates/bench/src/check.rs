//! Answers that are not byte for byte what was expected: parsed, and judged.

use crate::Faults;
use crate::cycle::Cycle;
use crate::deflate::Inflater;
use crate::frame::{self, Header};

/// Longest payload of a control frame (RFC 6455 §5.5).
const MAX_CONTROL: u64 = 125;

/// Where a connection stands in the cycle.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Place {
    /// Index of the message whose answer comes next.
    pub(crate) next: usize,
    /// Messages sent or about to be, and not answered.
    pub(crate) outstanding: usize,
}

/// Parses frames of one connection.
#[derive(Debug)]
pub(crate) struct Parser {
    /// What has come and is not parsed yet.
    bytes: Vec<u8>,
    /// The payload of the frames of a message so far.
    message: Vec<u8>,
    /// Opcode and compression of the message that is under way.
    under_way: Option<(u8, bool)>,
    /// Inflates answers; and where to.
    inflater: Option<(Box<Inflater>, Vec<u8>)>,
}

impl Parser {
    pub(crate) fn new(deflate: bool) -> Self {
        let inflater = deflate.then(|| (Box::new(Inflater::new()), Vec::new()));
        Self { bytes: Vec::new(), message: Vec::new(), under_way: None, inflater }
    }

    /// Whether everything that came is parsed, and was whole.
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.under_way.is_none()
    }

    /// Takes bytes, and judges the messages that are whole by them. Pings are answered into `pongs`. An error is the reason
    /// why nothing more can be made of this connection; what came before it is judged.
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        cycle: &Cycle,
        place: &mut Place,
        faults: &mut Faults,
        pongs: &mut Vec<u8>,
    ) -> Result<(), String> {
        self.bytes.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(header) = frame::parse(&self.bytes[at..])? {
            let end = self.end(at, &header, cycle)?;
            if end > self.bytes.len() {
                break;
            }
            let payload = at + header.len..end;
            match header.opcode {
                frame::PING => frame::write(pongs, frame::PONG, Some([0; 4]), &self.bytes[payload]),
                frame::PONG => {}
                frame::CLOSE => return Err(closed(&self.bytes[payload])),
                _ => {
                    self.begin(&header)?;
                    self.message.extend_from_slice(&self.bytes[payload]);
                    if header.fin {
                        self.finish(cycle, place, faults)?;
                    }
                }
            }
            at = end;
        }
        self.bytes.drain(..at);
        Ok(())
    }

    /// Where the frame at `at` ends, if it may be that long.
    fn end(&self, at: usize, header: &Header, cycle: &Cycle) -> Result<usize, String> {
        let control = header.opcode & 8 != 0;
        let (before, max) = if control { (0, MAX_CONTROL) } else { (self.message.len() as u64, longest(cycle) as u64) };
        if header.payload.saturating_add(before) > max {
            return Err(format!("a frame of {} bytes came, too long for any answer", header.payload));
        }
        Ok(at + header.len + usize::try_from(header.payload).unwrap_or(usize::MAX / 2))
    }

    fn begin(&mut self, header: &Header) -> Result<(), String> {
        match (header.opcode, self.under_way) {
            (frame::CONTINUATION, Some(_)) => {}
            (frame::TEXT | frame::BINARY, None) => {
                self.under_way = Some((header.opcode, header.rsv1));
            }
            (opcode, _) => return Err(format!("a frame with opcode {opcode} came out of turn")),
        }
        Ok(())
    }

    /// A message is whole.
    fn finish(&mut self, cycle: &Cycle, place: &mut Place, faults: &mut Faults) -> Result<(), String> {
        let Some((opcode, compressed)) = self.under_way.take() else { return Ok(()) };
        match (&mut self.inflater, compressed) {
            (Some((inflater, out)), true) => {
                inflater.inflate(&self.message, out, longest(cycle))?;
                judge(out, opcode, cycle, place, faults);
            }
            (None, true) => return Err("a compressed message came, and compression was not agreed on".into()),
            (_, false) => judge(&self.message, opcode, cycle, place, faults),
        }
        self.message.clear();
        Ok(())
    }
}

/// How long an answer may be and still be taken: wrong, but no reason to give the connection up.
fn longest(cycle: &Cycle) -> usize {
    cycle.messages[0].len() * 2 + 1024
}

fn closed(payload: &[u8]) -> String {
    let Some((code, reason)) = payload.split_first_chunk() else { return "the server closed without a code".into() };
    format!("the server closed with {} {}", u16::from_be_bytes(*code), String::from_utf8_lossy(reason))
}

/// Counts what a message is, and moves on by as many as it answers: lost ones too, so that others are sent in their stead.
fn judge(payload: &[u8], opcode: u8, cycle: &Cycle, place: &mut Place, faults: &mut Faults) {
    let count = cycle.messages.len();
    let is = |ahead: usize| payload == cycle.messages[(place.next + ahead) % count];
    let ahead = if opcode == cycle.opcode { (0..count).find(|&ahead| is(ahead)) } else { None };
    let answered = match ahead {
        Some(ahead) if ahead < place.outstanding => {
            if ahead > 0 {
                faults.lost += ahead as u64;
                faults.note(|| format!("an answer came before {ahead} others"));
            }
            ahead + 1
        }
        Some(_) => {
            faults.doubled += 1;
            faults.note(|| "an answer came a second time".into());
            0
        }
        None => {
            faults.wrong += 1;
            faults.note(|| what_is_wrong(payload, opcode, cycle, place));
            1.min(place.outstanding)
        }
    };
    place.outstanding -= answered;
    place.next = (place.next + answered) % count;
}

fn what_is_wrong(payload: &[u8], opcode: u8, cycle: &Cycle, place: &Place) -> String {
    let expected = &cycle.messages[place.next];
    if opcode != cycle.opcode {
        return format!("an answer has opcode {opcode} instead of {}", cycle.opcode);
    }
    if payload.len() != expected.len() {
        return format!("an answer has {} bytes instead of {}", payload.len(), expected.len());
    }
    let at = payload.iter().zip(expected).take_while(|(got, sent)| got == sent).count();
    format!("an answer differs from what was sent at byte {at}")
}
