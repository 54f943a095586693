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

/// XORs `payload` with the repeated `key`; doing it twice undoes it.
pub fn apply_mask(payload: &mut [u8], key: [u8; 4]) {
    // A block wide enough for the compiler to use whole vector registers; the key repeats evenly in it.
    const BLOCK: usize = 64;
    let word = u64::from(u32::from_ne_bytes(key));
    let word = word | word << 32;
    let mut blocks = payload.chunks_exact_mut(BLOCK);
    for block in &mut blocks {
        for bytes in block.chunks_exact_mut(8) {
            if let Ok(chunk) = <&mut [u8; 8]>::try_from(bytes) {
                *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
            }
        }
    }
    let mut words = blocks.into_remainder().chunks_exact_mut(8);
    for bytes in &mut words {
        if let Ok(chunk) = <&mut [u8; 8]>::try_from(bytes) {
            *chunk = (u64::from_ne_bytes(*chunk) ^ word).to_ne_bytes();
        }
    }
    for (byte, key) in words.into_remainder().iter_mut().zip(key.into_iter().cycle()) {
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
        fn any_split_equals_byte_by_byte(payload: Vec<u8>, key: [u8; 4], cut in 0_usize..300) {
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
