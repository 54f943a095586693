//! What waits to be written.

use std::{collections::VecDeque, io::IoSlice};

use bytes::Bytes;

use crate::buffer::{WriteBuffer, borrow_write_buffer, return_write_buffer};

/// The most slices that one vectored write is given.
pub const MAX_SLICES: usize = 64;
/// Written bytes at the front of the buffer are cut off once they are this many.
const COMPACT_AT: usize = 64 << 10;

/// Bytes on their way to the transport: small frames joined in one buffer that is borrowed from the thread, big payloads
/// by reference between them. Owns no memory when empty.
#[derive(Debug, Default)]
pub struct Output {
    buffer: Option<WriteBuffer>,
    written: usize,
    /// Boxed, because few connections have any, and none for long.
    shared: Option<Box<Shared>>,
    total_written: u64,
}

/// Payloads, each with the place in the buffer before which it goes.
#[derive(Debug, Default)]
struct Shared {
    payloads: VecDeque<(usize, Bytes)>,
    len: usize,
}

impl Output {
    /// How many bytes wait.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        let shared = match &self.shared {
            Some(shared) => shared.len,
            None => 0,
        };
        self.joined().len() - self.written + shared
    }

    /// The small frames, those that are written too.
    #[inline]
    const fn joined(&self) -> &[u8] {
        match &self.buffer {
            Some(buffer) => buffer.as_slice(),
            None => &[],
        }
    }

    /// Whether nothing waits.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes have been written, ever.
    pub(crate) const fn total_written(&self) -> u64 {
        self.total_written
    }

    /// The buffer to append small frames to.
    #[inline]
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        self.buffer.get_or_insert_with(borrow_write_buffer)
    }

    /// Appends bytes without copying them.
    pub(crate) fn push_shared(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            let at = self.joined().len();
            let shared = self.shared.get_or_insert_default();
            shared.len += bytes.len();
            shared.payloads.push_back((at, bytes));
        }
    }

    /// What waits, if it stands in one piece.
    #[inline]
    #[must_use]
    pub fn as_single(&self) -> Option<&[u8]> {
        if self.shared.is_none() { Some(&self.joined()[self.written..]) } else { None }
    }

    /// What waits, in order, as far as `slices` holds it; the number of slices filled.
    pub fn fill_slices<'a>(&'a self, slices: &mut [IoSlice<'a>; MAX_SLICES]) -> usize {
        let mut count = 0;
        let mut add = |bytes: &'a [u8]| {
            if !bytes.is_empty() && count < MAX_SLICES {
                slices[count] = IoSlice::new(bytes);
                count += 1;
            }
        };
        let (joined, mut position) = (self.joined(), self.written);
        let payloads = self.shared.iter().flat_map(|shared| &shared.payloads);
        for (at, bytes) in payloads.take(MAX_SLICES) {
            add(&joined[position..*at]);
            add(bytes);
            position = *at;
        }
        if self.shared.as_ref().is_none_or(|shared| shared.payloads.len() < MAX_SLICES) {
            add(&joined[position..]);
        }
        count
    }

    /// Steps past `count` bytes that have been written.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        debug_assert!(count <= self.len());
        self.total_written += count as u64;
        self.written += if self.shared.is_none() { count } else { self.advance_shared(count) };
        if self.is_empty() {
            self.release();
        } else if self.written >= COMPACT_AT {
            self.compact();
        }
    }

    /// Steps past payloads and what stands before them; what is left of `count` is of the buffer.
    fn advance_shared(&mut self, mut count: usize) -> usize {
        let Some(shared) = &mut self.shared else { return count };
        while let Some((at, bytes)) = shared.payloads.front_mut() {
            let before = *at - self.written;
            if count < before {
                return count;
            }
            count -= before;
            self.written = *at;
            let taken = count.min(bytes.len());
            count -= taken;
            shared.len -= taken;
            if taken < bytes.len() {
                let _ = bytes.split_to(taken);
                return 0;
            }
            shared.payloads.pop_front();
        }
        self.shared = None;
        count
    }

    /// Forgets what waits: nobody is there to take it.
    pub fn clear(&mut self) {
        self.total_written += self.len() as u64;
        self.release();
    }

    fn release(&mut self) {
        if let Some(buffer) = self.buffer.take() {
            return_write_buffer(buffer);
        }
        self.written = 0;
        self.shared = None;
    }

    fn compact(&mut self) {
        if let Some(buffer) = &mut self.buffer {
            buffer.drain(..self.written);
        }
        for (at, _) in self.shared.iter_mut().flat_map(|shared| &mut shared.payloads) {
            *at -= self.written;
        }
        self.written = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drain(output: &mut Output, step: usize) -> Vec<u8> {
        let mut wire = Vec::new();
        while !output.is_empty() {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let count = output.fill_slices(&mut slices);
            let seen: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).take(step).collect();
            assert!(!seen.is_empty());
            wire.extend_from_slice(&seen);
            output.advance(seen.len());
        }
        wire
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out_in_order(pieces: Vec<(bool, Vec<u8>)>, step in 1_usize..50) {
            let mut output = Output::default();
            let mut expected = Vec::new();
            for (shared, bytes) in pieces {
                expected.extend_from_slice(&bytes);
                if bytes.is_empty() { continue; }
                if shared { output.push_shared(bytes.into()); } else { output.buffer().extend_from_slice(&bytes); }
            }
            prop_assert_eq!(output.len(), expected.len());
            prop_assert_eq!(drain(&mut output, step), expected);
            prop_assert!(output.buffer.is_none() && output.shared.is_none(), "an idle output holds memory");
        }
    }

    #[test]
    fn a_backlog_that_never_ends_is_compacted() {
        let mut output = Output::default();
        for _ in 0..100 {
            output.buffer().extend_from_slice(&[7; 10_000]);
            output.advance(output.len() - 1);
        }
        assert_eq!(output.len(), 1);
        assert!(output.buffer().capacity() <= 256 << 10, "{}", output.buffer().capacity());
    }
}
