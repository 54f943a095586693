//! Frames of a server, read where they lie.

use super::partial::Partial;
use crate::frame::{self, Header};

/// Longest payload of a control frame (RFC 6455 §5.5).
const MAX_CONTROL: u64 = 125;

/// Takes frames apart. What is whole is handed on without a copy; only a frame that isn't, and a message in fragments, are kept.
#[derive(Debug)]
pub(super) struct Frames {
    /// The longest message.
    longest: usize,
    partial: Partial,
    fragments: Fragments,
}

/// A message of which fragments have come.
#[derive(Debug, Default)]
struct Fragments {
    opcode: Option<u8>,
    payload: Vec<u8>,
}

impl Frames {
    pub(super) fn new(longest: usize) -> Self {
        Self { longest, partial: Partial::default(), fragments: Fragments::default() }
    }

    /// Takes bytes, and hands on each message and each control frame that is whole by them, with its opcode.
    pub(super) fn receive(
        &mut self,
        bytes: &[u8],
        mut hand_on: impl FnMut(u8, &[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let Self { longest, partial, fragments } = self;
        partial.feed(bytes, |bytes, _| {
            let mut at = 0;
            while let Some(header) = frame::parse(&bytes[at..])? {
                let length = check(&header, fragments, *longest)?;
                let begin = at + header.len;
                let Some(payload) = bytes.get(begin..begin.saturating_add(length)) else { break };
                at = begin + length;
                let is_whole = header.fin && header.opcode != frame::CONTINUATION;
                if is_whole {
                    hand_on(header.opcode, payload)?;
                } else {
                    fragments.add(&header, payload, &mut hand_on)?;
                }
            }
            Ok(at)
        })
    }
}

impl Fragments {
    fn add(
        &mut self,
        header: &Header,
        payload: &[u8],
        hand_on: impl FnOnce(u8, &[u8]) -> Result<(), String>,
    ) -> Result<(), String> {
        let opcode = *self.opcode.get_or_insert(header.opcode);
        self.payload.extend_from_slice(payload);
        if header.fin {
            let whole = std::mem::take(self);
            hand_on(opcode, &whole.payload)?;
        }
        Ok(())
    }
}

/// The length of a frame's payload, if such a frame may come now.
fn check(header: &Header, fragments: &Fragments, longest: usize) -> Result<usize, String> {
    let Header { fin, rsv1, opcode, payload, .. } = *header;
    let is_in_turn = match opcode {
        frame::CONTINUATION => fragments.opcode.is_some(),
        frame::TEXT | frame::BINARY => fragments.opcode.is_none(),
        frame::CLOSE | frame::PING | frame::PONG => fin,
        _ => false,
    };
    if !is_in_turn {
        return Err(format!("a frame with opcode {opcode} came out of turn"));
    }
    if rsv1 {
        return Err("a compressed message came, and compression was not agreed on".into());
    }
    let max = if opcode & 8 != 0 { MAX_CONTROL } else { longest.saturating_sub(fragments.payload.len()) as u64 };
    match usize::try_from(payload) {
        Ok(length) if payload <= max => Ok(length),
        _ => Err(format!("a frame of {payload} bytes came, which is longer than any message may be")),
    }
}
