//! What messages say.

use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// What messages say. Both are ASCII, so that they go as text or as binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Content {
    /// Letters in no order: hardly compressible.
    #[default]
    Letters,
    /// An array of small chat records in JSON, as an application would send: compressible about four to one at 1 KiB.
    Json,
}

/// The payload of the `index`th message of a connection: `size` bytes, different from its neighbours'.
///
/// JSON that can't be shorter than 2 bytes is letters below that.
#[must_use]
pub fn payload(content: Content, size: usize, index: usize) -> Vec<u8> {
    match content {
        Content::Json if size >= 2 => json(size, index),
        _ => letters(size, index),
    }
}

/// A xorshift generator: the same messages in every run, everywhere.
struct Random(u64);

impl Random {
    fn new(seed: usize) -> Self {
        Self((seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn below(&mut self, bound: u64) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 32) % bound).unwrap_or_default()
    }
}

fn letters(size: usize, index: usize) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut random = Random::new(index);
    // The first letter tells neighbours apart at any size but 0.
    (0..size).map(|at| LETTERS[if at == 0 { index % 64 } else { random.below(64) }]).collect()
}

fn json(size: usize, index: usize) -> Vec<u8> {
    const NAMES: [&str; 8] = ["ada", "grace", "edsger", "barbara", "donald", "frances", "tony", "radia"];
    const WORDS: [&str; 16] = [
        "the", "line", "holds", "under", "load", "and", "comes", "apart", "cleanly", "again", "when", "nobody",
        "pulls", "at", "either", "end",
    ];
    let mut random = Random::new(index);
    let mut text = String::from("[");
    let mut id = 100_000 + index * 100;
    loop {
        let mut record = String::new();
        let name = NAMES[random.below(8)];
        // Writing to a string can't fail.
        let _infallible = write!(record, "{{\"id\":{id},\"user\":\"{name}\",\"room\":\"harbour\",\"text\":\"");
        for word in 0..4 + random.below(6) {
            record.push_str(if word == 0 { "" } else { " " });
            record.push_str(WORDS[random.below(16)]);
        }
        let _infallible = write!(record, "\",\"at\":{}}}", 1_700_000_000_000_u64 + random.below(1_000_000_000) as u64);
        let comma = usize::from(text.len() > 1);
        if text.len() + comma + record.len() + 1 > size {
            break;
        }
        text.push_str(&","[..comma]);
        text.push_str(&record);
        id += 1;
    }
    // White space is JSON's own filler.
    let filler = size - text.len() - 1;
    text.extend(std::iter::repeat_n(' ', filler));
    text.push(']');
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_have_their_size_and_differ() {
        for content in [Content::Letters, Content::Json] {
            for size in [1, 2, 16, 125, 1024, 70_000] {
                let first = payload(content, size, 0);
                assert_eq!(first.len(), size);
                assert!(first.is_ascii());
            }
        }
        assert_ne!(payload(Content::Letters, 1, 0), payload(Content::Letters, 1, 1));
        assert_ne!(payload(Content::Json, 1024, 0), payload(Content::Json, 1024, 1));
    }

    #[test]
    fn json_is_json() {
        for size in [2, 100, 1024] {
            let value: serde_json::Value = serde_json::from_slice(&payload(Content::Json, size, 3)).unwrap();
            assert!(value.is_array());
        }
    }
}
