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

/// Boxed, because buffers are handed to and fro all the time, and a word moves faster than four.
pub type ReadBuffer = Box<BytesMut>;
/// Boxed for the same reason.
pub type WriteBuffer = Box<Vec<u8>>;

#[derive(Default)]
struct Spare {
    read: Vec<ReadBuffer>,
    write: Vec<WriteBuffer>,
}

thread_local! {
    static SPARE: RefCell<Spare> = RefCell::default();
}

/// An empty buffer with room for at least [`READ_BUFFER`] bytes.
#[inline]
#[must_use]
pub fn borrow_read_buffer() -> ReadBuffer {
    let mut buffer = SPARE.with_borrow_mut(|spare| spare.read.pop()).unwrap_or_default();
    // Fails for a new buffer, and while a message still shares this one: then it is that message's.
    if buffer.capacity() < READ_BUFFER && !buffer.try_reclaim(READ_BUFFER) {
        *buffer = BytesMut::with_capacity(READ_BUFFER);
    }
    buffer
}

/// Gives a buffer back to the thread.
#[inline]
pub fn return_read_buffer(mut buffer: ReadBuffer) {
    buffer.clear();
    SPARE.with_borrow_mut(|spare| {
        if spare.read.len() < SPARE_BUFFERS {
            spare.read.push(buffer);
        }
    });
}

/// An empty buffer to encode into.
#[inline]
#[must_use]
pub fn borrow_write_buffer() -> WriteBuffer {
    SPARE.with_borrow_mut(|spare| spare.write.pop()).unwrap_or_default()
}

/// Gives a buffer back to the thread.
#[inline]
pub fn return_write_buffer(mut buffer: WriteBuffer) {
    if buffer.capacity() > SPARE_WRITE_CAPACITY {
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
    chunk: Option<ReadBuffer>,
    position: usize,
    borrowed: bool,
}

impl Input {
    /// Input that starts with `bytes`.
    #[must_use]
    pub fn new(bytes: BytesMut) -> Self {
        let chunk = (!bytes.is_empty()).then(|| Box::new(bytes));
        Self { chunk, position: 0, borrowed: false }
    }

    /// Input in a buffer of [`borrow_read_buffer`].
    #[inline]
    #[must_use]
    pub const fn borrowed(chunk: ReadBuffer) -> Self {
        Self { chunk: Some(chunk), position: 0, borrowed: true }
    }

    /// What has not been understood.
    #[inline]
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.chunk.as_deref().map_or(&[], |chunk| &chunk[self.position..])
    }

    /// The same, to unmask in place.
    #[inline]
    pub fn unread_mut(&mut self) -> &mut [u8] {
        self.chunk.as_deref_mut().map_or(&mut [], |chunk| &mut chunk[self.position..])
    }

    /// Whether everything has been understood.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunk.as_ref().is_none_or(|chunk| self.position == chunk.len())
    }

    /// Steps past `count` bytes.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.unread().len());
        self.position += count;
    }

    /// Takes the next `count` bytes, as a part of the buffer if they are many, else as a copy.
    #[inline(always)]
    pub fn take(&mut self, count: usize) -> Bytes {
        if count < SHARE_AT_LEAST {
            let bytes = Bytes::copy_from_slice(&self.unread()[..count]);
            self.position += count;
            return bytes;
        }
        self.share(count)
    }

    fn share(&mut self, count: usize) -> Bytes {
        let Some(chunk) = self.chunk.as_deref_mut() else { return Bytes::new() };
        let _ = chunk.split_to(std::mem::take(&mut self.position));
        chunk.split_to(count).freeze()
    }

    /// Lets go of a buffer that is empty or nearly so, before the application runs for who knows how long.
    #[inline]
    pub fn settle(&mut self) {
        if self.is_empty() {
            self.release();
        } else if self.borrowed && self.unread().len() < RETAIN_AT_LEAST {
            let rest = BytesMut::from(self.unread());
            self.release();
            self.chunk = Some(Box::new(rest));
        }
    }

    /// Gives the buffer back to the thread, and forgets what is in it.
    #[inline]
    pub fn release(&mut self) {
        if let Some(chunk) = self.chunk.take()
            && std::mem::take(&mut self.borrowed)
        {
            return_read_buffer(chunk);
        }
        self.position = 0;
    }

    /// What has not been understood, to hand to somebody else.
    #[must_use]
    pub fn into_unread(self) -> BytesMut {
        self.chunk.map_or_else(BytesMut::new, |mut chunk| chunk.split_off(self.position))
    }
}
