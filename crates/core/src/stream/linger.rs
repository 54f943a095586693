//! Reading to the peer's end before a socket is dropped.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::timeout,
};

/// How long the transport's end is waited for once everything is said.
pub(super) const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// How much is read and thrown away meanwhile. A peer that is told 1009 in the middle of a message has up to its kernel's send
/// buffer and our receive buffer on the way (4 and 6 MiB by default on Linux), and what it writes before it reads the Close.
const MAX_LINGER: usize = 16 << 20;

/// Reads to the end, or past [`MAX_LINGER`], and throws it away: closing a socket with unread input would reset it, and
/// destroy what is on its way to the peer.
pub(super) fn poll_discard<IO: AsyncRead + Unpin>(
    io: &mut IO,
    cx: &mut Context<'_>,
    discarded: &mut usize,
) -> Poll<()> {
    let mut scratch = [0; 4096];
    loop {
        let mut buffer = ReadBuf::new(&mut scratch);
        let read = ready!(Pin::new(&mut *io).poll_read(cx, &mut buffer));
        *discarded += buffer.filled().len();
        if read.is_err() || buffer.filled().is_empty() || *discarded > MAX_LINGER {
            return Poll::Ready(());
        }
    }
}

/// Ends a stream to which everything has been said: shutdown, then discard for [`LINGER_TIMEOUT`] at most.
pub(super) async fn linger<IO: AsyncRead + AsyncWrite + Unpin>(io: &mut IO) {
    let end = async {
        if io.shutdown().await.is_ok() {
            let mut discarded = 0;
            poll_fn(|cx| poll_discard(io, cx, &mut discarded)).await;
        }
    };
    // Nobody is left to be told that the peer keeps its end open.
    let _ = timeout(LINGER_TIMEOUT, end).await;
}
