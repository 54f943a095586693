//! Frames of a server, taken apart.

use crate::deflate::Inflater;
use crate::frame::{self, Header};

/// Longest payload of a control frame (RFC 6455 §5.5).
const MAX_CONTROL: u64 = 125;

/// What came between messages.
#[derive(Debug, Default)]
pub(crate) struct Control {
    /// Answers to pings and to what a session sends, to be sent between two frames.
    pub(crate) replies: Vec<u8>,
    /// How many pings came.
    pub(crate) pings: u64,
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
    /// Inflates messages; and where to.
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

    /// Takes bytes, and hands over the messages that are whole by them, each with its opcode: none longer than `longest`. An
    /// error is the reason why nothing more can be made of this connection; what came before it is handed over.
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        longest: usize,
        control: &mut Control,
        mut message: impl FnMut(u8, &[u8]),
    ) -> Result<(), String> {
        self.bytes.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(header) = frame::parse(&self.bytes[at..])? {
            let end = self.end(at, &header, longest)?;
            if end > self.bytes.len() {
                break;
            }
            let payload = at + header.len..end;
            match header.opcode {
                frame::PING => {
                    control.pings += 1;
                    frame::write(&mut control.replies, frame::PONG, Some([0; 4]), &self.bytes[payload]);
                }
                frame::PONG => {}
                frame::CLOSE => return Err(closed(&self.bytes[payload])),
                _ => {
                    self.begin(&header)?;
                    self.message.extend_from_slice(&self.bytes[payload]);
                    if header.fin {
                        self.finish(longest, &mut message)?;
                    }
                }
            }
            at = end;
        }
        self.bytes.drain(..at);
        Ok(())
    }

    /// Where the frame at `at` ends, if it may be that long.
    fn end(&self, at: usize, header: &Header, longest: usize) -> Result<usize, String> {
        let control = header.opcode & 8 != 0;
        let (before, max) = if control { (0, MAX_CONTROL) } else { (self.message.len() as u64, longest as u64) };
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
    fn finish(&mut self, longest: usize, hand_over: &mut impl FnMut(u8, &[u8])) -> Result<(), String> {
        let Some((opcode, compressed)) = self.under_way.take() else { return Ok(()) };
        match (&mut self.inflater, compressed) {
            (Some((inflater, out)), true) => {
                inflater.inflate(&self.message, out, longest)?;
                hand_over(opcode, out);
            }
            (None, true) => return Err("a compressed message came, and compression was not agreed on".into()),
            (_, false) => hand_over(opcode, &self.message),
        }
        self.message.clear();
        Ok(())
    }
}

pub(crate) fn closed(payload: &[u8]) -> String {
    let Some((code, reason)) = payload.split_first_chunk() else { return "the server closed without a code".into() };
    format!("the server closed with {} {}", u16::from_be_bytes(*code), String::from_utf8_lossy(reason))
}
