//! A WebSocket without the socket: its opening handshake, its frames, answers to pings.

use super::frames::Frames;
use super::output::Output;
use crate::handshake::Handshake;
use crate::parser::closed;
use crate::{Counts, frame};

/// Most bytes of answers to pings that wait to be written: over 8,000 pings with nothing in them.
const MAX_PONGS: usize = 64 << 10;
/// Frames of a client are masked (RFC 6455 §5.3). The key is of no use against anybody here, and this one costs nothing.
const MASK: [u8; 4] = [0; 4];

/// What came.
pub(super) enum Heard<'a> {
    /// The server has agreed.
    Open,
    /// A message, with its opcode.
    Message(u8, &'a [u8]),
}

/// One WebSocket.
#[derive(Debug)]
pub(super) struct Socket {
    /// Until it is answered, and what has come of the answer.
    opening: Option<Box<(Handshake, Vec<u8>)>>,
    is_connected: bool,
    frames: Frames,
    pub(super) output: Output,
    /// Bytes of answers to pings in `output`.
    pongs: usize,
    pub(super) counts: Counts,
}

impl Socket {
    /// `longest` is the longest message that may come.
    pub(super) fn new(handshake: Handshake, longest: usize) -> Self {
        Self {
            opening: Some(Box::new((handshake, Vec::new()))),
            is_connected: false,
            frames: Frames::new(longest),
            output: Output::default(),
            pongs: 0,
            counts: Counts::default(),
        }
    }

    pub(super) const fn wants(&self) -> bool {
        !self.is_connected
    }

    pub(super) fn connected(&mut self) {
        self.is_connected = true;
        self.counts.connections += 1;
        let Some(opening) = &self.opening else { return };
        self.counts.requests += 1;
        let request = &opening.0.request;
        self.output.append(request.len(), 0, |bytes| bytes.extend_from_slice(request));
    }

    /// Sends a text message, of which so many bytes are payload.
    pub(super) fn send(&mut self, text: &[u8], payload: usize) {
        self.output.append(0, payload, |bytes| frame::write(bytes, frame::TEXT, Some(MASK), text));
    }

    /// Begins the closing handshake, with code 1000, if it is open: who ends otherwise shows as an error in many a server's log.
    pub(super) fn close(&mut self) {
        if self.opening.is_none() {
            self.output.append(0, 0, |bytes| bytes.extend_from_slice(frame::CLOSE_NORMALLY));
        }
    }

    pub(super) fn wrote(&mut self, count: usize) {
        self.counts.sent.add(&self.output.wrote(count));
        if self.output.len() == 0 {
            self.pongs = 0;
        }
    }

    /// Takes bytes, and hands on what came with them. `take` says how many bytes of a message are payload of a delivery, if it is one.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Heard<'_>) -> Result<Option<usize>, String>,
    ) -> Result<(), String> {
        // All is framing until it shows to be something else.
        self.counts.received.framing += bytes.len() as u64;
        let Some(opening) = &mut self.opening else { return self.messages(bytes, take) };
        let (handshake, answer) = &mut **opening;
        answer.extend_from_slice(bytes);
        let Some(len) = handshake.answer(answer).map_err(|error| error.to_string())? else { return Ok(()) };
        self.counts.received.framing -= len as u64;
        self.counts.received.headers += len as u64;
        let rest = answer.split_off(len);
        self.opening = None;
        take(Heard::Open)?;
        self.messages(&rest, take)
    }

    fn messages(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Heard<'_>) -> Result<Option<usize>, String>,
    ) -> Result<(), String> {
        let Self { frames, output, pongs, counts, .. } = self;
        let mut has_arrived = false;
        let result = frames.receive(bytes, |opcode, payload| match opcode {
            frame::PING => pong(output, pongs, payload),
            frame::PONG => Ok(()),
            frame::CLOSE => Err(closed(payload)),
            _ => {
                if let Some(delivered) = take(Heard::Message(opcode, payload))? {
                    counts.received.framing -= delivered as u64;
                    counts.received.payload += delivered as u64;
                    has_arrived = true;
                }
                Ok(())
            }
        });
        counts.arrivals += u64::from(has_arrived);
        result
    }
}

fn pong(output: &mut Output, pongs: &mut usize, payload: &[u8]) -> Result<(), String> {
    *pongs += output.append(0, 0, |bytes| frame::write(bytes, frame::PONG, Some(MASK), payload));
    if *pongs > MAX_PONGS {
        return Err(format!("the server sends pings and doesn't read the answers: {pongs} bytes of them wait"));
    }
    Ok(())
}
