//! What is to be written.

/// An emptied buffer that has more room than this is given back.
const KEPT: usize = 4 << 10;

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
            return;
        }
        self.written = 0;
        self.bytes.clear();
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
        }
    }
}
