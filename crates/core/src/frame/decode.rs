//! A decoder that takes any split of the bytes.

use super::{Header, MaskingKey, Opcode, Peek};
use crate::{Role, buffer::Input, error::ProtocolError};

/// Cuts a byte stream into frames. Holds at most a part of one header; payloads stay with the caller.
#[derive(Debug)]
pub struct Decoder {
    sender: Role,
    deflate: bool,
    /// The start of a header whose end has not come.
    partial: [u8; Header::MAX_SIZE - 1],
    partial_len: u8,
    current: Option<Payload>,
}

/// The payload of a frame whose header has been read, as far as it has not.
#[derive(Clone, Copy, Debug)]
pub struct Payload {
    /// The frame's opcode.
    pub opcode: Opcode,
    /// The last frame of its message.
    pub fin: bool,
    /// Bytes still to come.
    pub remaining: u64,
    key: Option<MaskingKey>,
}

impl Payload {
    /// Takes what `bytes` starts with of the payload, unmasked in place.
    #[inline]
    pub fn take<'a>(&mut self, bytes: &'a mut [u8]) -> &'a [u8] {
        let len = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(bytes.len());
        let piece = &mut bytes[..len];
        if let Some(key) = &mut self.key {
            key.apply(piece);
        }
        self.remaining -= len as u64;
        piece
    }
}

impl Decoder {
    /// A decoder of what `sender` sends; `deflate` gives RSV1 a meaning.
    #[must_use]
    pub const fn new(sender: Role, deflate: bool) -> Self {
        Self { sender, deflate, partial: [0; _], partial_len: 0, current: None }
    }

    /// The next header, once all of it has come; what is left of `input` then begins with the payload.
    ///
    /// # Errors
    /// A header that breaks RFC 6455 §5.2; nothing after it can be understood.
    #[inline]
    pub fn header(&mut self, input: &mut Input) -> Result<Option<Header>, ProtocolError> {
        debug_assert!(self.current.is_none(), "the payload before was not read");
        if self.partial_len != 0 {
            return self.resume(input);
        }
        match Header::parse(input.unread(), self.sender, self.deflate)? {
            Some((header, size)) => {
                input.consume(size);
                Ok(Some(header))
            }
            None => {
                self.keep(input);
                Ok(None)
            }
        }
    }

    /// Joins a header's kept start with what has come since.
    #[cold]
    fn resume(&mut self, input: &mut Input) -> Result<Option<Header>, ProtocolError> {
        let kept = usize::from(self.partial_len);
        let mut bytes = [0; Header::MAX_SIZE];
        let more = input.unread().len().min(Header::MAX_SIZE - kept);
        bytes[..kept].copy_from_slice(&self.partial[..kept]);
        bytes[kept..kept + more].copy_from_slice(&input.unread()[..more]);
        match Header::parse(&bytes[..kept + more], self.sender, self.deflate)? {
            Some((header, size)) => {
                input.consume(size - kept);
                self.partial_len = 0;
                Ok(Some(header))
            }
            None => {
                self.keep(input);
                Ok(None)
            }
        }
    }

    /// Keeps the start of a header: `Header::parse` asked for more, so it fits.
    fn keep(&mut self, input: &mut Input) {
        let kept = usize::from(self.partial_len);
        let more = input.unread().len();
        self.partial[kept..kept + more].copy_from_slice(input.unread());
        input.consume(more);
        #[expect(clippy::cast_possible_truncation, reason = "at most 13, the length of the array")]
        let len = (kept + more) as u8;
        self.partial_len = len;
    }

    /// Turns to the payload of `header`.
    pub const fn begin(&mut self, header: &Header) {
        self.current =
            Some(Payload { opcode: header.opcode, fin: header.fin, remaining: header.len, key: header.mask });
    }

    /// The payload that is being read.
    pub const fn current(&mut self) -> Option<&mut Payload> {
        self.current.as_mut()
    }

    /// Turns to the next header.
    pub const fn finish(&mut self) {
        self.current = None;
    }

    /// Whether a frame has begun and not ended.
    #[must_use]
    pub const fn is_mid_frame(&self) -> bool {
        self.partial_len != 0 || self.current.is_some()
    }

    /// The header at the start of `unread`, if it is of the commonest kind; see [`Peek`].
    #[inline]
    #[must_use]
    pub fn peek(&self, unread: &[u8]) -> Option<Peek> {
        if self.is_mid_frame() { None } else { Peek::at(unread, self.sender) }
    }

    /// Whether `unread` starts with a whole data frame that ends its message.
    #[inline]
    #[must_use]
    pub fn has_whole_message(&self, unread: &[u8]) -> bool {
        if let Some(peek) = self.peek(unread) {
            return unread.len() >= peek.start + peek.len;
        }
        if unread.is_empty() || self.is_mid_frame() {
            return false;
        }
        match Header::parse(unread, self.sender, self.deflate) {
            Ok(Some((header, size))) => {
                header.fin && !header.opcode.is_control() && header.len <= (unread.len() - size) as u64
            }
            _ => false,
        }
    }
}
