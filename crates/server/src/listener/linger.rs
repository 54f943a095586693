//! The end of a connection to which everything has been said.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::io::Io;

/// How long the peer's end is waited for.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// How much is read and thrown away meanwhile: the pipelined requests and the part of a body that were on their way.
const MAX_LINGER: usize = 256 << 10;

/// Ends this half of the connection, and reads the other's to its end, for two seconds or 256 KiB at most: closing a
/// socket with unread input would reset it, and destroy the answer that is on its way.
pub(super) async fn linger(tcp: &TcpStream) {
    if SockRef::from(tcp).shutdown(Shutdown::Write).is_err() {
        return;
    }
    let mut discarded = 0;
    // Nobody is left to be told that the peer keeps its end open.
    let _ = timeout(LINGER_TIMEOUT, poll_fn(|cx| poll_discard(tcp, cx, &mut discarded))).await;
}

/// The same for a stream that may be TLS: it says so first (`close_notify`), if it hasn't yet and the peer takes it.
pub(super) async fn end(mut io: Io) {
    if let Ok(Ok(())) = timeout(LINGER_TIMEOUT, io.shutdown()).await
        && let Some(tcp) = io.tcp()
    {
        linger(tcp).await;
    }
}

fn poll_discard(tcp: &TcpStream, cx: &mut Context<'_>, discarded: &mut usize) -> Poll<()> {
    let mut scratch = [0; 4096];
    loop {
        if ready!(tcp.poll_read_ready(cx)).is_err() {
            return Poll::Ready(());
        }
        match tcp.try_read(&mut scratch) {
            Ok(0) => return Poll::Ready(()),
            Ok(read) => *discarded += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return Poll::Ready(()),
        }
        if *discarded > MAX_LINGER {
            return Poll::Ready(());
        }
    }
}
