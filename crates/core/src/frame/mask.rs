//! Masking (RFC 6455 §5.3).

/// The 32 bits that a client's payload is XORed with.
///
/// Keeps its own place, so that a payload may be masked in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaskingKey([u8; 4]);

impl MaskingKey {
    /// The key as it stands in a frame's header.
    #[must_use]
    pub const fn new(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// A fresh key from the thread's CSPRNG: it must not be predictable (RFC 6455 §10.3).
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// The key's bytes, from where it stands.
    #[must_use]
    pub const fn bytes(self) -> [u8; 4] {
        self.0
    }

    /// Masks or unmasks the next piece of the payload, and steps past it.
    pub fn apply(&mut self, piece: &mut [u8]) {
        apply_mask(piece, self.0);
        self.0.rotate_left(piece.len() % 4);
    }
}

/// A cache line, and as much as the widest vector register.
const LINE: usize = 64;
/// Payloads of at least this many bytes are worth stepping to the bound of a cache line first.
const ALIGN_AT_LEAST: usize = 512;

/// XORs `payload` with the repeated `key`; doing it twice undoes it.
#[inline]
pub fn apply_mask(payload: &mut [u8], key: [u8; 4]) {
    if payload.len() < ALIGN_AT_LEAST {
        return xor(payload, key);
    }
    // A payload stands behind a header of 6, 8 or 14 bytes, so that every load and store would straddle two lines.
    let start = payload.as_ptr().align_offset(LINE).min(payload.len());
    let (head, aligned) = payload.split_at_mut(start);
    let mut key = MaskingKey(key);
    key.apply(head);
    xor(aligned, key.0);
}

/// Written so that the compiler makes it vector instructions.
#[inline]
fn xor(payload: &mut [u8], key: [u8; 4]) {
    let word = u64::from(u32::from_ne_bytes(key));
    let word = word | word << 32;
    // The key repeats evenly in a line.
    let (lines, rest) = payload.as_chunks_mut::<LINE>();
    for line in lines {
        for bytes in line.as_chunks_mut().0 {
            *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
        }
    }
    let (words, rest) = rest.as_chunks_mut();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(key.into_iter().cycle()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // RFC 6455 §5.7: a masked "Hello".
    #[test]
    fn the_rfc_example() {
        let mut payload = [0x7f, 0x9f, 0x4d, 0x51, 0x58];
        apply_mask(&mut payload, [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(&payload, b"Hello");
    }

    proptest! {
        #[test]
        fn any_split_equals_byte_by_byte(
            payload in proptest::collection::vec(any::<u8>(), 0..2 * ALIGN_AT_LEAST),
            key: [u8; 4],
            cut in 0..2 * ALIGN_AT_LEAST,
        ) {
            let expected: Vec<u8> = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
            let mut masked = payload.clone();
            let (head, tail) = masked.split_at_mut(cut.min(payload.len()));
            let mut running = MaskingKey::new(key);
            running.apply(head);
            running.apply(tail);
            prop_assert_eq!(&masked, &expected);
        }

        #[test]
        fn twice_is_identity(payload: Vec<u8>, key: [u8; 4]) {
            let mut twice = payload.clone();
            apply_mask(&mut twice, key);
            apply_mask(&mut twice, key);
            prop_assert_eq!(twice, payload);
        }
    }
}
