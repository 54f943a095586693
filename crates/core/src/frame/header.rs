//! Frame headers (RFC 6455 §5.2).

use super::{MaskingKey, Opcode};
use crate::{Role, error::ProtocolError};

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The last frame of its message.
    pub fin: bool,
    /// The message is compressed (RFC 7692 §6); on a message's first frame only.
    pub rsv1: bool,
    /// The kind.
    pub opcode: Opcode,
    /// The masking key, on frames from a client.
    pub mask: Option<MaskingKey>,
    /// The payload's length in bytes.
    pub len: u64,
}

/// What there is to know of a plain message in one frame of up to 64 KiB − 1.
#[derive(Clone, Copy, Debug)]
pub struct Peek {
    /// Text or Binary.
    pub opcode: Opcode,
    /// The masking key; all zero where there is none.
    pub key: [u8; 4],
    /// Where the payload starts.
    pub start: usize,
    /// The payload's length in bytes.
    pub len: usize,
}

impl Peek {
    /// Reads the commonest of headers in the fewest steps. `None` says nothing but that [`Header::parse`] must look.
    #[inline]
    #[must_use]
    pub fn at(bytes: &[u8], sender: Role) -> Option<Self> {
        let &[first, second, high, low] = bytes.first_chunk()?;
        let opcode = match first {
            0x81 => Opcode::Text,
            0x82 => Opcode::Binary,
            _ => return None,
        };
        let (mask_bit, mask_size) = if sender.masks() { (0x80, 4) } else { (0, 0) };
        let (len, at) = match second ^ mask_bit {
            short @ 0..=125 => (usize::from(short), 2),
            126 if high != 0 || low >= 126 => (usize::from(u16::from_be_bytes([high, low])), 4),
            _ => return None,
        };
        let key = if mask_size == 0 { [0; 4] } else { *bytes.get(at..)?.first_chunk()? };
        Some(Self { opcode, key, start: at + mask_size, len })
    }
}

impl Header {
    /// The longest header in bytes.
    pub const MAX_SIZE: usize = 14;
    /// The longest payload of a control frame (RFC 6455 §5.5).
    pub const MAX_CONTROL: usize = 125;

    /// Reads the header at the start of `bytes`, and tells its own length; `None` if more bytes are needed.
    ///
    /// Bytes are judged in their order on the wire, so that every split of them meets the same error.
    ///
    /// # Errors
    /// Whatever can be wrong with a frame that `sender` sent without knowing the frames before it. `rsv1` is judged by
    /// the caller where `deflate` is on.
    #[inline]
    pub fn parse(bytes: &[u8], sender: Role, deflate: bool) -> Result<Option<(Self, usize)>, ProtocolError> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        let opcode = Self::check_first(first, deflate)?;
        let (fin, rsv1) = (first & 0x80 != 0, first & 0x40 != 0);
        let masked = second & 0x80 != 0;
        // RFC 6455 §5.1: a client masks, a server doesn't.
        match (masked, sender) {
            (false, Role::Client) => return Err(ProtocolError::UnmaskedFrame),
            (true, Role::Server) => return Err(ProtocolError::MaskedFrame),
            (true, Role::Client) | (false, Role::Server) => {}
        }
        let short = second & 0x7f;
        if opcode.is_control() {
            // RFC 6455 §5.5: control frames are short and whole.
            if short > 125 {
                return Err(ProtocolError::OversizedControl);
            }
            if !fin {
                return Err(ProtocolError::FragmentedControl);
            }
        }
        let Some((len, len_size)) = Self::extended_len(short, rest)? else { return Ok(None) };
        let mut size = 2 + len_size;
        let mask = if masked {
            let Some(&key) = bytes.get(size..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
            size += 4;
            Some(MaskingKey::new(key))
        } else {
            None
        };
        Ok(Some((Self { fin, rsv1, opcode, mask, len }, size)))
    }

    #[inline]
    fn check_first(first: u8, deflate: bool) -> Result<Opcode, ProtocolError> {
        let reserved = if deflate { 0x30 } else { 0x70 };
        if first & reserved != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        let Some(opcode) = Opcode::from_bits(first & 0xf) else {
            return Err(ProtocolError::ReservedOpcode(first & 0xf));
        };
        // RFC 7692 §6.1: only a message's first frame says whether it is compressed.
        if first & 0x40 != 0 && !matches!(opcode, Opcode::Text | Opcode::Binary) {
            return Err(ProtocolError::ReservedBits);
        }
        Ok(opcode)
    }

    /// The length, and how many bytes it takes beyond the second byte of the header.
    #[inline]
    fn extended_len(short: u8, rest: &[u8]) -> Result<Option<(u64, usize)>, ProtocolError> {
        match short {
            126 => {
                let Some(&bytes) = rest.first_chunk() else { return Ok(None) };
                let len = u64::from(u16::from_be_bytes(bytes));
                // RFC 6455 §5.2: the minimal number of bytes must be used.
                if len < 126 { Err(ProtocolError::NonMinimalLength) } else { Ok(Some((len, 2))) }
            }
            127 => {
                let Some(&bytes) = rest.first_chunk() else { return Ok(None) };
                let len = u64::from_be_bytes(bytes);
                // RFC 6455 §5.2: the most significant bit must be 0.
                if len >> 63 != 0 {
                    Err(ProtocolError::LengthTooLarge)
                } else if len <= u64::from(u16::MAX) {
                    Err(ProtocolError::NonMinimalLength)
                } else {
                    Ok(Some((len, 8)))
                }
            }
            _ => Ok(Some((u64::from(short), 0))),
        }
    }

    /// Appends the header's bytes.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let first = u8::from(self.fin) << 7 | u8::from(self.rsv1) << 6 | self.opcode as u8;
        let masked = u8::from(self.mask.is_some()) << 7;
        #[expect(clippy::cast_possible_truncation, reason = "each arm's pattern bounds it")]
        match self.len {
            0..=125 => out.extend_from_slice(&[first, masked | self.len as u8]),
            126..=0xffff => {
                let [high, low] = (self.len as u16).to_be_bytes();
                out.extend_from_slice(&[first, masked | 126, high, low]);
            }
            _ => {
                out.extend_from_slice(&[first, masked | 127]);
                out.extend_from_slice(&self.len.to_be_bytes());
            }
        }
        if let Some(key) = self.mask {
            out.extend_from_slice(&key.bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // RFC 6455 §5.2: lengths of 7, 16 and 64 bits, each as short as can be.
    #[test]
    fn lengths_at_their_edges() {
        for (len, size) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10), (u64::MAX >> 1, 10)] {
            let header = Header { fin: true, rsv1: false, opcode: Opcode::Binary, mask: None, len };
            let mut bytes = Vec::new();
            header.encode(&mut bytes);
            assert_eq!(bytes.len(), size, "{len}");
            assert_eq!(Header::parse(&bytes, Role::Server, false), Ok(Some((header, size))));
            for cut in 0..size {
                assert_eq!(Header::parse(&bytes[..cut], Role::Server, false), Ok(None), "{len} cut at {cut}");
            }
        }
    }

    // threats.md F1's inputs: too many bytes for a length, and the top bit.
    #[test]
    fn lengths_that_are_not_minimal_or_too_large() {
        let parse = |bytes: &[u8]| Header::parse(bytes, Role::Server, false);
        assert_eq!(parse(&[0x82, 126, 0, 125]), Err(ProtocolError::NonMinimalLength));
        assert_eq!(parse(&[0x82, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff]), Err(ProtocolError::NonMinimalLength));
        assert_eq!(parse(&[0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0]), Err(ProtocolError::LengthTooLarge));
        assert_eq!(parse(&[0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255]), Err(ProtocolError::LengthTooLarge));
    }

    proptest! {
        // Whatever the quick look sees, the thorough one sees too.
        #[test]
        fn a_peek_agrees_with_parse(bytes: Vec<u8>, first in 0x80_u8..0x84, server: bool) {
            let sender = if server { Role::Server } else { Role::Client };
            let bytes = [&[first], &bytes[..]].concat();
            if let Some(peek) = Peek::at(&bytes, sender) {
                let mask = (!server).then_some(MaskingKey::new(peek.key));
                let header = Header { fin: true, rsv1: false, opcode: peek.opcode, mask, len: peek.len as u64 };
                prop_assert_eq!(Header::parse(&bytes, sender, false), Ok(Some((header, peek.start))));
            }
        }

        #[test]
        fn encode_then_parse_is_identity(fin: bool, text: bool, key: Option<[u8; 4]>, len in 0..=u64::MAX >> 1) {
            let opcode = if text { Opcode::Text } else { Opcode::Binary };
            let header = Header { fin, rsv1: text, opcode, mask: key.map(MaskingKey::new), len };
            let mut bytes = Vec::new();
            header.encode(&mut bytes);
            let sender = if key.is_some() { Role::Client } else { Role::Server };
            prop_assert!(bytes.len() <= Header::MAX_SIZE);
            prop_assert_eq!(Header::parse(&bytes, sender, true), Ok(Some((header, bytes.len()))));
        }
    }
}
