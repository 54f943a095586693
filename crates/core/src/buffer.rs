//! Buffers that connections borrow from their thread while they work, so that an idle one holds none.
//!
//! One hot buffer that serves every socket of a thread stays in the cache; one a connection doesn't.

use std::cell::RefCell;

use bytes::{Bytes, BytesMut};

/// What one read from a socket may bring, in bytes.
pub const READ_BUFFER: usize = 128 << 10;
/// Payloads of at least this many bytes are handed out as a part of the read buffer, shorter ones as a copy: a message
/// that the application keeps must not keep a buffer many times its size.
pub const SHARE_AT_LEAST: usize = READ_BUFFER / 8;
/// Unread bytes below this are copied out when a message is handed to the application, for the same reason.
const RETAIN_AT_LEAST: usize = READ_BUFFER / 16;
/// Spare buffers that a thread keeps, of each kind. More are in use only while handlers wait with input unread.
const SPARE_BUFFERS: usize = 2;
/// A write buffer that has grown past this is freed rather than kept.
const SPARE_WRITE_CAPACITY: usize = 256 << 10;

#[derive(Default)]
struct Spare {
    read: Vec<BytesMut>,
    write: Vec<Vec<u8>>,
}

thread_local! {
    static SPARE: RefCell<Spare> = RefCell::default();
}

/// An empty buffer with room for at least [`READ_BUFFER`] bytes.
#[must_use]
pub fn borrow_read_buffer() -> BytesMut {
    let spare = SPARE.with_borrow_mut(|spare| spare.read.pop());
    match spare {
        Some(mut buffer) => {
            // Fails while a message still shares the buffer: then it is that message's, and this thread gets a new one.
            if buffer.try_reclaim(READ_BUFFER) { buffer } else { BytesMut::with_capacity(READ_BUFFER) }
        }
        None => BytesMut::with_capacity(READ_BUFFER),
    }
}

/// Gives a buffer back to the thread.
pub fn return_read_buffer(mut buffer: BytesMut) {
    buffer.clear();
    SPARE.with_borrow_mut(|spare| {
        if spare.read.len() < SPARE_BUFFERS {
            spare.read.push(buffer);
        }
    });
}

/// An empty buffer to encode into.
#[must_use]
pub fn borrow_write_buffer() -> Vec<u8> {
    SPARE.with_borrow_mut(|spare| spare.write.pop()).unwrap_or_default()
}

/// Gives a buffer back to the thread.
pub fn return_write_buffer(mut buffer: Vec<u8>) {
    if buffer.capacity() == 0 || buffer.capacity() > SPARE_WRITE_CAPACITY {
        return;
    }
    buffer.clear();
    SPARE.with_borrow_mut(|spare| {
        if spare.write.len() < SPARE_BUFFERS {
            spare.write.push(buffer);
        }
    });
}

/// Bytes that have come and have not been understood yet.
#[derive(Debug, Default)]
pub struct Input {
    chunk: BytesMut,
    position: usize,
    borrowed: bool,
}

impl Input {
    /// Input that starts with `bytes`.
    #[must_use]
    pub fn new(bytes: BytesMut) -> Self {
        Self { chunk: bytes, position: 0, borrowed: false }
    }

    /// Input in a buffer of [`borrow_read_buffer`].
    #[must_use]
    pub fn borrowed(chunk: BytesMut) -> Self {
        Self { chunk, position: 0, borrowed: true }
    }

    /// Appends bytes that came.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.chunk.extend_from_slice(bytes);
    }

    /// What has not been understood.
    #[inline]
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.chunk[self.position..]
    }

    /// The same, to unmask in place.
    #[inline]
    pub fn unread_mut(&mut self) -> &mut [u8] {
        &mut self.chunk[self.position..]
    }

    /// Whether everything has been understood.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.position == self.chunk.len()
    }

    /// Steps past `count` bytes.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        self.position += count;
        debug_assert!(self.position <= self.chunk.len());
    }

    /// Takes the next `count` bytes, as a part of the buffer if they are many, else as a copy.
    #[inline(always)]
    pub fn take(&mut self, count: usize) -> Bytes {
        if count < SHARE_AT_LEAST {
            let bytes = Bytes::copy_from_slice(&self.unread()[..count]);
            self.position += count;
            return bytes;
        }
        let _ = self.chunk.split_to(self.position);
        self.position = 0;
        self.chunk.split_to(count).freeze()
    }

    /// Lets go of a buffer that is empty or nearly so, before the application runs for who knows how long.
    #[inline]
    pub fn settle(&mut self) {
        if self.is_empty() {
            self.release();
        } else if self.borrowed && self.unread().len() < RETAIN_AT_LEAST {
            let rest = BytesMut::from(self.unread());
            self.release();
            self.chunk = rest;
        }
    }

    /// Gives the buffer back to the thread, and forgets what is in it.
    #[inline]
    pub fn release(&mut self) {
        let chunk = std::mem::take(&mut self.chunk);
        if std::mem::take(&mut self.borrowed) {
            return_read_buffer(chunk);
        }
        self.position = 0;
    }

    /// What has not been understood, to hand to somebody else.
    #[must_use]
    pub fn into_unread(mut self) -> BytesMut {
        self.chunk.split_off(self.position)
    }
}
