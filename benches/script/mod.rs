//! A byte stream without a socket, the same for every crate: it gives the same bytes whenever it is told to, else has
//! nothing yet, and takes whatever is written.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What one stream gives, and what it took.
#[derive(Debug)]
pub(crate) struct Script {
    wire: Vec<u8>,
    read: Cell<usize>,
    record: RefCell<Option<Vec<u8>>>,
    writes: Cell<u32>,
}

impl Script {
    /// A stream that will give `wire`.
    pub(crate) fn new(wire: Vec<u8>) -> Rc<Self> {
        let read = Cell::new(wire.len());
        Rc::new(Self { wire, read, record: RefCell::new(None), writes: Cell::new(0) })
    }

    /// Lets the bytes be read once more.
    pub(crate) fn offer(&self) {
        self.read.set(0);
    }

    /// Keeps what is written from now on.
    pub(crate) fn record(&self) {
        *self.record.borrow_mut() = Some(Vec::new());
        self.writes.set(0);
    }

    /// What was written since [`record`](Self::record), and in how many writes; keeps no more.
    pub(crate) fn recorded(&self) -> (Vec<u8>, u32) {
        (self.record.take().unwrap_or_default(), self.writes.get())
    }

    /// Takes as a kernel would, but for its copy: unless recorded, the bytes are only counted.
    fn take(&self, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.writes.set(self.writes.get().wrapping_add(1));
        if let Some(record) = self.record.borrow_mut().as_mut() {
            slices.iter().for_each(|slice| record.extend_from_slice(slice));
        }
        Poll::Ready(Ok(black_box(slices).iter().map(|slice| slice.len()).sum()))
    }
}

/// The end of a [`Script`] that a WebSocket holds.
#[derive(Debug)]
pub(crate) struct End(pub(crate) Rc<Script>);

impl AsyncRead for End {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Script { wire, read, .. } = &*self.0;
        let unread = &wire[read.get()..];
        if unread.is_empty() {
            // Nobody is ever woken: whoever offers polls.
            return Poll::Pending;
        }
        let count = unread.len().min(buffer.remaining());
        buffer.put_slice(&unread[..count]);
        read.set(read.get() + count);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for End {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.take(&[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.take(slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
