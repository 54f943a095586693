//! What is to be written.

use crate::Bytes;

/// An emptied buffer that has more room than this is given back.
const KEPT: usize = 4 << 10;
/// What is written is let go of once it is so much, and more than what isn't: 64 KiB.
const LET_GO: usize = 64 << 10;

/// Bytes to be written, and how many of them are.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    written: usize,
    unwritten: Unwritten,
}

/// What bytes to be written are.
#[derive(Debug, Default)]
pub(super) struct Unwritten(Bytes);

impl Output {
    /// Appends what `write` does, and says how many bytes that is. Framing is what is neither headers nor payload.
    pub(super) fn append(&mut self, headers: usize, payload: usize, write: impl FnOnce(&mut Vec<u8>)) -> usize {
        let before = self.bytes.len();
        write(&mut self.bytes);
        let len = self.bytes.len() - before;
        self.unwritten.append(len, headers, payload);
        len
    }

    /// What is not written.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// How much is not written.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.written)
    }

    /// So many bytes are written: what they are.
    pub(super) fn wrote(&mut self, count: usize) -> Bytes {
        self.written += count;
        if self.len() > 0 {
            // Where the reader never quite keeps up it is never empty.
            if self.written >= LET_GO && self.written > self.len() {
                self.bytes.drain(..self.written);
                self.written = 0;
            }
            return self.unwritten.wrote(count);
        }
        self.written = 0;
        self.bytes.clear();
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
        self.unwritten.wrote(count)
    }
}

impl Unwritten {
    /// So many bytes more, among them headers and payload.
    pub(super) fn append(&mut self, len: usize, headers: usize, payload: usize) {
        let [framing, headers, payload] = [len - headers - payload, headers, payload].map(|count| count as u64);
        self.0.add(&Bytes { payload, framing, headers });
    }

    /// All of it is to be written again: payload is only what wasn't written yet.
    pub(super) fn again(&mut self, len: usize, headers: usize) {
        let payload = self.0.payload;
        let [framing, headers] = [len - headers, headers].map(|count| count as u64);
        self.0 = Bytes { payload, framing: framing - payload, headers };
    }

    /// Takes the first so many bytes: headers, which always stand first, and then as much framing and payload as they come to on
    /// average. Once all is written each kind is exact.
    pub(super) fn wrote(&mut self, count: usize) -> Bytes {
        let (count, waiting) = (count as u64, &mut self.0);
        if count >= waiting.all() {
            return std::mem::take(waiting);
        }
        let headers = count.min(waiting.headers);
        let rest = count - headers;
        // What waits is bounded far below 4 GiB.
        let payload = rest * waiting.payload / (waiting.payload + waiting.framing).max(1);
        let written = Bytes { payload, framing: rest - payload, headers };
        *waiting = Bytes {
            payload: waiting.payload - payload,
            framing: waiting.framing - written.framing,
            headers: waiting.headers - headers,
        };
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_empty_stays_short() {
        let (mut output, mut expected) = (Output::default(), 0_u8);
        output.append(0, 0, |bytes| bytes.push(0));
        let mut next = 1_u8;
        for _ in 0..10_000 {
            for _ in 0..1_000 {
                output.append(0, 0, |bytes| bytes.push(next));
                next = next.wrapping_add(1);
            }
            // All but one byte, so that it always has some.
            let count = output.len() - 1;
            for &byte in &output.rest()[..count] {
                assert_eq!(byte, expected);
                expected = expected.wrapping_add(1);
            }
            output.wrote(count);
            assert_eq!(output.len(), 1);
            assert!(output.bytes.capacity() <= 4 * LET_GO, "{}", output.bytes.capacity());
        }
        output.wrote(1);
        assert_eq!((output.len(), output.bytes.capacity()), (0, 0));
    }

    #[test]
    fn what_waits_is_not_copied_for_little() {
        let mut output = Output::default();
        output.append(0, 0, |bytes| bytes.resize(4 * LET_GO, 1));
        output.wrote(LET_GO);
        assert_eq!((output.written, output.len()), (LET_GO, 3 * LET_GO));
        output.wrote(LET_GO + 1);
        assert_eq!((output.written, output.len()), (0, 2 * LET_GO - 1));
    }

    #[test]
    fn what_is_written_in_pieces_adds_up() {
        for piece in [1, 2, 3, 7, 100, 128, 10_000] {
            let (mut output, mut written) = (Output::default(), Bytes::default());
            output.append(200, 0, |bytes| bytes.resize(200, 0));
            for payload in [0, 1, 100, 65, 0] {
                output.append(0, payload, |bytes| bytes.resize(bytes.len() + payload + 6, 0));
                let (count, before) = (piece.min(output.len()), written.all());
                written.add(&output.wrote(count));
                assert_eq!(written.all(), before + count as u64, "each byte is counted once, when it is written");
                assert!(written.payload + written.framing == 0 || written.headers == 200, "{written:?}");
            }
            while output.len() > 0 {
                written.add(&output.wrote(piece.min(output.len())));
            }
            assert_eq!(written, Bytes { payload: 166, framing: 30, headers: 200 }, "{piece} at a time");
        }
    }
}
