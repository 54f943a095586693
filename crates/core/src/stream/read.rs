//! Reading into the thread's buffer.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use crate::buffer::{Input, borrow_read_buffer, return_read_buffer};

/// Reads once; empty input is the stream's end.
#[inline]
pub(super) fn poll_input<IO: AsyncRead + Unpin>(io: &mut IO, cx: &mut Context<'_>) -> Poll<io::Result<Input>> {
    let mut buffer = borrow_read_buffer();
    match poll_read_buf(Pin::new(io), cx, &mut buffer) {
        Poll::Ready(Ok(1..)) => Poll::Ready(Ok(Input::borrowed(buffer))),
        other => {
            return_read_buffer(buffer);
            other.map_ok(|_| Input::default())
        }
    }
}
