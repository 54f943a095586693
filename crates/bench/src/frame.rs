//! The few bytes of RFC 6455 §5.2 that a load generator writes and reads.

/// Opcode of a continuation frame.
pub(crate) const CONTINUATION: u8 = 0;
/// Opcode of a text message.
pub(crate) const TEXT: u8 = 1;
/// Opcode of a binary message.
pub(crate) const BINARY: u8 = 2;
/// Opcode of a Close frame.
pub(crate) const CLOSE: u8 = 8;
/// Opcode of a Ping frame.
pub(crate) const PING: u8 = 9;
/// Opcode of a Pong frame.
pub(crate) const PONG: u8 = 10;

/// The bit that marks a message as compressed (RFC 7692 §6).
pub(crate) const RSV1: u8 = 0x40;

/// A Close frame with code 1000, masked with a key of zeros.
pub(crate) const CLOSE_NORMALLY: &[u8] = &[0x80 | CLOSE, 0x80 | 2, 0, 0, 0, 0, 0x03, 0xe8];

/// How long the header of an unmasked frame is.
pub(crate) fn header_len(payload: usize) -> usize {
    match payload {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => 10,
    }
}

/// Appends a final frame. `first` is the first byte without FIN: opcode and reserved bits.
pub(crate) fn write(out: &mut Vec<u8>, first: u8, mask: Option<[u8; 4]>, payload: &[u8]) {
    let masked = if mask.is_some() { 0x80 } else { 0 };
    out.push(0x80 | first);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ 0..=125), _) => out.push(masked | len),
        (_, Ok(len)) => {
            out.push(masked | 126);
            out.extend(len.to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    let key = mask.unwrap_or_default();
    out.extend(mask.iter().flatten());
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
}

/// The header of a frame from a server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) fin: bool,
    pub(crate) rsv1: bool,
    pub(crate) opcode: u8,
    /// Length of the header itself.
    pub(crate) len: usize,
    pub(crate) payload: u64,
}

/// Reads a header; `None` while it isn't whole. A masked one is an error: servers never mask (RFC 6455 §5.1).
pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Header>, &'static str> {
    let [first, second, rest @ ..] = bytes else { return Ok(None) };
    if second & 0x80 != 0 {
        return Err("a frame from the server is masked");
    }
    let (len, payload) = match second & 0x7f {
        126 => match rest.first_chunk() {
            Some(length) => (4, u64::from(u16::from_be_bytes(*length))),
            None => return Ok(None),
        },
        127 => match rest.first_chunk() {
            Some(length) => (10, u64::from_be_bytes(*length)),
            None => return Ok(None),
        },
        short => (2, u64::from(short)),
    };
    Ok(Some(Header { fin: first & 0x80 != 0, rsv1: first & RSV1 != 0, opcode: first & 0x0f, len, payload }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back_at_every_length_form() {
        for size in [0, 125, 126, 65_535, 65_536] {
            let mut wire = Vec::new();
            write(&mut wire, BINARY, None, &vec![7; size]);
            let header = parse(&wire).unwrap().unwrap();
            assert_eq!((header.payload, header.len), (size as u64, header_len(size)));
            assert!(header.fin && !header.rsv1 && header.opcode == BINARY);
            assert_eq!(wire.len(), header_len(size) + size);
            assert_eq!(parse(&wire[..header.len - 1]), Ok(None));
        }
    }

    /// RFC 6455 §5.7, the masked "Hello".
    #[test]
    fn masking_as_in_the_rfc() {
        let mut wire = Vec::new();
        write(&mut wire, TEXT, Some([0x37, 0xfa, 0x21, 0x3d]), b"Hello");
        assert_eq!(wire, [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]);
        assert!(parse(&wire).is_err());
    }
}
