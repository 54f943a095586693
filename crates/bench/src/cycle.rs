//! A connection's traffic as two periodic strings of bytes, prepared before the run.

use crate::{EchoPlan, Error, MessageKind, Protocol, deflate, frame, payload};
use std::io;

/// Length of the one buffer that all connections read into.
pub(crate) const READ_BUFFER: usize = 256 * 1024;

/// About how many bytes of messages a period has: small enough to stay in the cache.
const PERIOD: usize = 32 * 1024;

/// Most bytes that one write offers.
const WRITE: usize = 256 * 1024;

/// The messages of a period, and the bytes that they are on the wire. All connections share it.
#[derive(Debug)]
pub(crate) struct Cycle {
    /// Payloads, in their order.
    pub(crate) messages: Vec<Vec<u8>>,
    /// The opcode that an answer must have.
    pub(crate) opcode: u8,
    /// Where each outgoing frame begins in the period; and, last, the period's length.
    starts: Vec<usize>,
    /// The outgoing period, and enough of the next to write without a break.
    outgoing: Box<[u8]>,
    /// What to expect byte by byte; `None` where a server may answer in different bytes: compressed.
    incoming: Option<Incoming>,
    /// Whether the bytes are frames, so that unexpected ones can be parsed.
    framed: bool,
}

#[derive(Debug)]
struct Incoming {
    frame: usize,
    period: usize,
    bytes: Box<[u8]>,
}

impl Cycle {
    pub(crate) fn new(plan: &EchoPlan) -> Result<Self, Error> {
        let framed = plan.target.protocol() == Protocol::WebSocket;
        let count = (PERIOD / (plan.size + frame::header_len(plan.size))).clamp(2, 64);
        let messages: Vec<_> = (0..count).map(|index| payload(plan.content, plan.size, index)).collect();
        let opcode = if plan.kind == MessageKind::Text { frame::TEXT } else { frame::BINARY };
        let (mut outgoing, mut incoming, mut starts) = (Vec::new(), Vec::new(), vec![0]);
        for (index, message) in messages.iter().enumerate() {
            let key = mask(index);
            if !framed {
                raw(&mut outgoing, message);
                raw(&mut incoming, message);
            } else if plan.deflate.is_some() {
                let wire = deflate::compress(message)
                    .map_err(|error| Error::Io { doing: "compress a message", source: io::Error::other(error) })?;
                frame::write(&mut outgoing, opcode | frame::RSV1, Some(key), &wire);
            } else {
                frame::write(&mut outgoing, opcode, Some(key), message);
                frame::write(&mut incoming, opcode, None, message);
            }
            starts.push(outgoing.len());
        }
        let write = outgoing.len().saturating_mul(plan.in_flight).clamp(1, WRITE);
        let incoming = (!incoming.is_empty()).then(|| Incoming {
            frame: incoming.len() / count,
            period: incoming.len(),
            bytes: repeated(&incoming, READ_BUFFER),
        });
        Ok(Self { messages, opcode, starts, outgoing: repeated(&outgoing, write), incoming, framed })
    }

    pub(crate) fn framed(&self) -> bool {
        self.framed
    }

    /// How long an answer may be and still be taken: wrong, but no reason to give the connection up.
    pub(crate) fn longest(&self) -> usize {
        self.messages[0].len() * 2 + 1024
    }

    /// Length of the `index`th outgoing frame.
    pub(crate) fn frame_len(&self, index: usize) -> usize {
        self.starts[index + 1] - self.starts[index]
    }

    /// Length of the outgoing period.
    pub(crate) fn period(&self) -> usize {
        self.starts[self.messages.len()]
    }

    /// At most `wanted` outgoing bytes from `at`, which is within the period.
    pub(crate) fn outgoing(&self, at: usize, wanted: usize) -> &[u8] {
        &self.outgoing[at..self.outgoing.len().min(at + wanted)]
    }

    /// How many bytes from `at` are still of the frame that `at` is in; 0 at its beginning.
    pub(crate) fn rest_of_frame(&self, at: usize) -> usize {
        match self.starts.binary_search(&at) {
            Ok(_) => 0,
            Err(next) => self.starts[next] - at,
        }
    }

    /// The incoming bytes from `at`, which is within the period: at least a read buffer's.
    pub(crate) fn incoming(&self, at: usize) -> Option<&[u8]> {
        self.incoming.as_ref().map(|incoming| &incoming.bytes[at..])
    }

    /// Length of an incoming frame and of the incoming period, if answers have to be the same bytes.
    pub(crate) fn incoming_lengths(&self) -> Option<(usize, usize)> {
        self.incoming.as_ref().map(|incoming| (incoming.frame, incoming.period))
    }
}

/// A message without WebSocket, as long as the mean of a masked and an unmasked frame.
fn raw(out: &mut Vec<u8>, message: &[u8]) {
    out.resize(out.len() + frame::header_len(message.len()) + 2, b'#');
    out.extend_from_slice(message);
}

/// A masking key without a zero byte. One that can't be foreseen protects proxies (RFC 6455 §10.3), which are not measured.
fn mask(index: usize) -> [u8; 4] {
    let byte = u8::try_from(index % 64).unwrap_or_default();
    [0x9d ^ byte, 0xe5, 0xa3 ^ byte, 0xc7]
}

/// `period`, and `more` bytes of its repetitions.
fn repeated(period: &[u8], more: usize) -> Box<[u8]> {
    period.iter().copied().cycle().take(period.len() + more).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Deflate;

    fn plan(url: &str, size: usize) -> EchoPlan {
        let mut plan = EchoPlan::new(url.parse().unwrap());
        plan.size = size;
        plan
    }

    #[test]
    fn a_raw_echo_carries_the_bytes_of_a_websocket_echo() {
        for size in [0, 16, 125, 126, 65_536] {
            let websocket = Cycle::new(&plan("ws://127.0.0.1/", size)).unwrap();
            let raw = Cycle::new(&plan("tcp://127.0.0.1:1", size)).unwrap();
            let both_ways = |cycle: &Cycle| cycle.frame_len(0) + cycle.incoming_lengths().unwrap().0;
            assert_eq!(both_ways(&websocket), both_ways(&raw), "{size}");
        }
    }

    #[test]
    fn neighbours_differ() {
        for size in [1, 2, 16, 1 << 20] {
            let cycle = Cycle::new(&plan("ws://127.0.0.1/", size)).unwrap();
            assert!(cycle.messages.len() >= 2);
            assert!(cycle.messages.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }

    #[test]
    fn compressed_frames_have_rsv1_and_lengths_of_their_own() {
        let mut plan = plan("ws://127.0.0.1/", 1024);
        (plan.deflate, plan.content) = (Some(Deflate::Shared), crate::Content::Json);
        let cycle = Cycle::new(&plan).unwrap();
        assert_eq!(cycle.outgoing(0, 1), [0x80 | frame::RSV1 | frame::BINARY]);
        assert!(cycle.incoming(0).is_none());
        assert_eq!(cycle.rest_of_frame(0), 0);
        assert_eq!(cycle.rest_of_frame(1), cycle.frame_len(0) - 1);
    }
}
