//! UTF-8 that comes in pieces (RFC 6455 §8.1), refused at its first bad byte.

use simdutf8::compat::from_utf8;

use crate::error::ProtocolError;

/// Checks text piece by piece; holds the start of a character whose end has not come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Utf8Check {
    partial: [u8; 3],
    len: u8,
}

impl Utf8Check {
    /// Checks the next piece, and tells how many bytes at its end belong to a character that goes on in the next.
    pub(crate) fn check(&mut self, piece: &[u8]) -> Result<usize, ProtocolError> {
        let rest = self.complete(piece)?;
        match from_utf8(rest) {
            Ok(_) => Ok(usize::from(self.len)),
            Err(error) if error.error_len().is_none() => {
                let tail = &rest[error.valid_up_to()..];
                self.keep(tail);
                Ok(tail.len())
            }
            Err(_) => Err(ProtocolError::InvalidUtf8),
        }
    }

    /// Ends the text: no character may be left unfinished.
    pub(crate) const fn finish(self) -> Result<(), ProtocolError> {
        if self.len == 0 { Ok(()) } else { Err(ProtocolError::InvalidUtf8) }
    }

    /// The bytes of the unfinished character.
    pub(crate) fn partial(&self) -> &[u8] {
        &self.partial[..usize::from(self.len)]
    }

    /// Ends the unfinished character with bytes of `piece`, and gives what comes after it.
    fn complete<'a>(&mut self, mut piece: &'a [u8]) -> Result<&'a [u8], ProtocolError> {
        while self.len != 0 {
            let Some((&byte, rest)) = piece.split_first() else { break };
            piece = rest;
            let mut character = [0; 4];
            let len = usize::from(self.len);
            character[..len].copy_from_slice(self.partial());
            character[len] = byte;
            match std::str::from_utf8(&character[..=len]) {
                Ok(_) => self.len = 0,
                Err(error) if error.error_len().is_none() => self.keep(&character[..=len]),
                Err(_) => return Err(ProtocolError::InvalidUtf8),
            }
        }
        Ok(piece)
    }

    fn keep(&mut self, tail: &[u8]) {
        self.partial[..tail.len()].copy_from_slice(tail);
        #[expect(clippy::cast_possible_truncation, reason = "an unfinished character has at most three bytes")]
        let len = tail.len() as u8;
        self.len = len;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(bytes: &[u8]) -> bool {
        let mut check = Utf8Check::default();
        check.check(bytes).is_ok() && check.finish().is_ok()
    }

    fn in_pieces(bytes: &[u8], size: usize) -> bool {
        let mut check = Utf8Check::default();
        bytes.chunks(size).all(|piece| check.check(piece).is_ok()) && check.finish().is_ok()
    }

    // RFC 6455 §8.1, as Autobahn 6.4 checks it: the first byte that can't go on is refused, not the last of the text.
    #[test]
    fn a_bad_byte_is_refused_at_once() {
        let mut check = Utf8Check::default();
        assert_eq!(check.check(b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4"), Ok(1));
        assert_eq!(check.check(b"\x90"), Err(ProtocolError::InvalidUtf8));
    }

    #[test]
    fn text_cut_inside_a_character_is_refused_at_its_end() {
        assert!(!whole(b"\xe2\x82"));
        assert!(whole("€".as_bytes()));
    }

    proptest! {
        #[test]
        fn pieces_equal_the_whole(bytes: Vec<u8>, text: String, size in 1_usize..9) {
            for input in [bytes.as_slice(), text.as_bytes()] {
                let expected = std::str::from_utf8(input).is_ok();
                prop_assert_eq!(whole(input), expected);
                prop_assert_eq!(in_pieces(input, size), expected);
            }
        }
    }
}
