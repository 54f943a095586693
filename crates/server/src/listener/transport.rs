//! What hyper reads from and writes to.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::time::{Sleep, sleep};

use crate::io::Io;

/// A socket, what was read from it already, and an eye on writes that get nowhere: a peer that answers the kernel's
/// probes with a closed window would hold a response and its buffers for ever.
#[derive(Debug)]
pub(crate) struct Transport {
    io: TokioIo<Io>,
    unread: Bytes,
    write_timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Transport {
    pub(super) fn new(io: Io, unread: impl Into<Bytes>, write_timeout: Duration) -> Self {
        Self { io: TokioIo::new(io), unread: unread.into(), write_timeout, stalled: None }
    }

    /// The socket, and what was read from it and hasn't been taken.
    pub(crate) fn into_parts(self) -> (Io, Bytes) {
        (self.io.into_inner(), self.unread)
    }

    fn written<T>(&mut self, cx: &mut Context<'_>, progress: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if progress.is_ready() {
            self.stalled = None;
            return progress;
        }
        let timeout = self.write_timeout;
        match self.stalled.get_or_insert_with(|| Box::pin(sleep(timeout))).as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Read for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.unread.is_empty() {
            return Pin::new(&mut this.io).poll_read(cx, buffer);
        }
        let taken = this.unread.len().min(buffer.remaining());
        buffer.put_slice(&this.unread[..taken]);
        this.unread.advance(taken);
        if this.unread.is_empty() {
            // Empty it would still hold its memory.
            this.unread = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.written(cx, progress)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let progress = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.written(cx, progress)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A TLS stream writes here too.
        let progress = Pin::new(&mut self.io).poll_flush(cx);
        self.written(cx, progress)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let progress = Pin::new(&mut self.io).poll_shutdown(cx);
        self.written(cx, progress)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_write_that_gets_nowhere_fails_in_time() {
        let timeout = Duration::from_secs(10);
        let (mut far, near) = tokio::io::duplex(1);
        let mut near = Transport::new(Io::other(near), Bytes::new(), timeout);
        let mut write = async || poll_fn(|cx| Pin::new(&mut near).poll_write(cx, b"a")).await;
        assert_eq!(write().await.expect("room"), 1);
        let begun = Instant::now();
        // A byte read meanwhile is progress, and the time begins anew.
        let (written, ()) = tokio::join!(write(), async {
            sleep(timeout - Duration::from_millis(1)).await;
            let mut byte = [0];
            tokio::io::AsyncReadExt::read_exact(&mut far, &mut byte).await.expect("one");
        });
        assert_eq!(written.expect("room again"), 1);
        assert_eq!(write().await.expect_err("stalled").kind(), ErrorKind::TimedOut);
        assert!(begun.elapsed() >= timeout * 2 - Duration::from_millis(1), "{:?}", begun.elapsed());
    }
}
