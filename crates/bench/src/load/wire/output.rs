//! What is to be written.

/// An emptied buffer that has more room than this is given back.
const KEPT: usize = 4 << 10;
/// What is written is let go of once it is so much, and more than what isn't: 64 KiB.
const LET_GO: usize = 64 << 10;

/// Bytes to be written, and how many of them are.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    written: usize,
}

impl Output {
    /// To be appended to.
    pub(super) const fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// What is not written.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// How much is not written.
    pub(super) const fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.written)
    }

    pub(super) fn wrote(&mut self, count: usize) {
        self.written += count;
        if self.len() > 0 {
            // Where the reader never quite keeps up it is never empty.
            if self.written >= LET_GO && self.written > self.len() {
                self.bytes.drain(..self.written);
                self.written = 0;
            }
            return;
        }
        self.written = 0;
        self.bytes.clear();
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_empty_stays_short() {
        let (mut output, mut expected) = (Output::default(), 0_u8);
        output.bytes().push(0);
        let mut next = 1_u8;
        for _ in 0..10_000 {
            for _ in 0..1_000 {
                output.bytes().push(next);
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
        output.bytes().resize(4 * LET_GO, 1);
        output.wrote(LET_GO);
        assert_eq!((output.written, output.len()), (LET_GO, 3 * LET_GO));
        output.wrote(LET_GO + 1);
        assert_eq!((output.written, output.len()), (0, 2 * LET_GO - 1));
    }
}
