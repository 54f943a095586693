//! What RFC 6455 and RFC 7692 say of one frame, written from their text and nothing else.

use bowline_core::{
    CloseCode, CloseFrame, Message, Role,
    connection::Event,
    error::ProtocolError::{self, *},
};
use bytes::Bytes;

use crate::common::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, RSV1, TEXT};

/// RFC 7692 §7.2.3.1: "Hello" compressed, and where its example cuts it into two fragments.
const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
const HELLO_CUT: usize = 3;

/// Going away, because "bye".
const GOODBYE: &[u8] = &[0x03, 0xe9, b'b', b'y', b'e'];

/// The data frame that came before, without FIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    Nothing,
    Text,
    Binary,
    Compressed,
}

impl Before {
    pub(crate) const ALL: [Self; 4] = [Self::Nothing, Self::Text, Self::Binary, Self::Compressed];

    pub(crate) fn needs_deflate(self) -> bool {
        self == Self::Compressed
    }

    /// Its first byte and payload.
    pub(crate) const fn opening(self) -> Option<(u8, &'static [u8])> {
        match self {
            Self::Nothing => None,
            Self::Text => Some((TEXT, b"Hel")),
            Self::Binary => Some((BINARY, b"Hel")),
            Self::Compressed => Some((RSV1 | TEXT, HELLO.split_at(HELLO_CUT).0)),
        }
    }
}

/// A frame, and all that its meaning depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Of the end that receives it.
    pub(crate) role: Role,
    /// permessage-deflate was agreed on.
    pub(crate) deflate: bool,
    pub(crate) before: Before,
    /// The end that receives it has sent Close.
    pub(crate) closing: bool,
    pub(crate) first: u8,
    pub(crate) masked: bool,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    /// A fragment that something must follow.
    Nothing,
    Event(Event),
    /// Any of these rules is broken; which one is told is left open.
    Fails(Vec<ProtocolError>),
}

impl Outcome {
    /// The frame that answers it: opcode and payload; of a Close only the code.
    pub(crate) fn answer(&self) -> Option<(u8, Vec<u8>)> {
        match self {
            // RFC 6455 §5.5.2 and §5.5.3: a Ping is answered by a Pong with the same payload.
            Self::Event(Event::Ping(payload)) => Some((PONG, payload.to_vec())),
            // RFC 6455 §5.5.1: a Close is answered by a Close, typically with the code that came.
            Self::Event(Event::Close(Some(frame))) => Some((CLOSE, frame.code().get().to_be_bytes().to_vec())),
            // RFC 6455 §7.4.1: 1002 for a protocol error.
            Self::Fails(_) => Some((CLOSE, 1002_u16.to_be_bytes().to_vec())),
            Self::Nothing | Self::Event(_) => None,
        }
    }

    pub(crate) const fn closes(&self) -> bool {
        matches!(self, Self::Fails(_) | Self::Event(Event::Close(_)))
    }
}

impl Case {
    const fn opcode(&self) -> u8 {
        self.first & 0x0f
    }

    const fn has(&self, bit: u8) -> bool {
        self.first & bit != 0
    }

    const fn is_control(&self) -> bool {
        self.opcode() & 0x8 != 0
    }

    /// A payload that is right wherever the header is.
    pub(crate) const fn payload(&self) -> &'static [u8] {
        match self.opcode() {
            CLOSE => GOODBYE,
            CONTINUATION if matches!(self.before, Before::Compressed) => HELLO.split_at(HELLO_CUT).1,
            TEXT | BINARY if self.deflate && self.has(RSV1) => HELLO,
            _ => b"lo",
        }
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let broken = self.broken_rules();
        if !broken.is_empty() {
            return Outcome::Fails(broken);
        }
        let payload = Bytes::from_static(self.payload());
        match self.opcode() {
            CLOSE => Outcome::Event(Event::Close(Some(CloseFrame::new(CloseCode::GOING_AWAY, "bye")))),
            PING => Outcome::Event(Event::Ping(payload)),
            PONG => Outcome::Event(Event::Pong(payload)),
            // RFC 6455 §5.4: a message ends with FIN, not before.
            _ if !self.has(FIN) => Outcome::Nothing,
            opcode => Outcome::Event(Event::Message(match (opcode, self.before) {
                (CONTINUATION, Before::Binary) => Message::binary(&b"Hello"[..]),
                (CONTINUATION, _) => Message::text("Hello"),
                (TEXT, _) => Message::text(if self.has(RSV1) { "Hello" } else { "lo" }),
                _ => Message::binary(if self.has(RSV1) { &b"Hello"[..] } else { b"lo" }),
            })),
        }
    }

    fn broken_rules(&self) -> Vec<ProtocolError> {
        let is_start = matches!(self.opcode(), TEXT | BINARY);
        let is_begun = self.before != Before::Nothing;
        // RFC 7692 §6: RSV1 says "compressed" on the first fragment of a message, and nothing elsewhere.
        let may_have_rsv1 = self.deflate && is_start;
        [
            // RFC 6455 §5.2: RSV bits must be 0 unless an extension gives them a meaning.
            (self.has(0x30) || (self.has(RSV1) && !may_have_rsv1), ReservedBits),
            // RFC 6455 §5.2: 3-7 and B-F are reserved.
            (matches!(self.opcode(), 0x3..=0x7 | 0xB..=0xF), ReservedOpcode(self.opcode())),
            // RFC 6455 §5.1: a server must fail on a frame without a mask, a client on one with it.
            (self.role == Role::Server && !self.masked, UnmaskedFrame),
            (self.role == Role::Client && self.masked, MaskedFrame),
            // RFC 6455 §5.5: control frames must not be fragmented.
            (self.is_control() && !self.has(FIN), FragmentedControl),
            // RFC 6455 §5.4: a continuation continues a message, and fragments of messages don't interleave.
            (self.opcode() == CONTINUATION && !is_begun, UnexpectedContinuation),
            (is_start && is_begun, ExpectedContinuation),
        ]
        .into_iter()
        .filter_map(|(is_broken, rule)| is_broken.then_some(rule))
        .collect()
    }
}
