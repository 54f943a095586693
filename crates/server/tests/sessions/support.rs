//! A session over a stream in memory, and its client.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use bowline_core::{Limits, Message, Role, connection::Config, handshake::Negotiated, stream::WebSocket};
use bowline_server::{Hub, handler::Handler, hub::Admission, io::Io, session::SessionHandle};
use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex},
    time::timeout,
};

/// Fails a test that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) type Client = WebSocket<DuplexStream>;

pub(crate) fn socket<IO: AsyncRead + AsyncWrite + Unpin>(io: IO, role: Role, config: Config) -> WebSocket<IO> {
    WebSocket::from_raw(io, &Negotiated::assumed(role), config, BytesMut::new())
}

/// A client that sets no timer and minds no limit.
pub(crate) fn client<IO: AsyncRead + AsyncWrite + Unpin>(io: IO) -> WebSocket<IO> {
    let limits = Limits::default().max_control_rate(u32::MAX).max_message_size(usize::MAX);
    socket(io, Role::Client, Config::default().keepalive(None).limits(limits))
}

/// A session with `size` bytes of room each way, and its client.
pub(crate) fn pair(hub: &Hub, size: usize, handler: impl Handler) -> (SessionHandle, Client) {
    let (near, far) = duplex(size);
    (serve(hub, Io::other(far), Config::default().keepalive(None), handler), client(near))
}

pub(crate) fn serve(hub: &Hub, io: Io, config: Config, handler: impl Handler) -> SessionHandle {
    hub.serve_with(socket(io, Role::Server, config), Admission::default(), handler).expect("it takes sessions")
}

/// All messages up to the end, as texts; and the code of the server's Close.
pub(crate) async fn rest<IO: AsyncRead + AsyncWrite + Unpin>(client: &mut WebSocket<IO>) -> (Vec<String>, u16) {
    let mut texts = Vec::new();
    let all = async {
        while let Ok(Some(message)) = client.recv().await {
            texts.push(text(&message));
        }
    };
    timeout(PATIENCE, all).await.expect("it ends");
    (texts, client.ended().expect("it has ended").code())
}

pub(crate) fn text(message: &Message) -> String {
    message.as_text().expect("a text").to_owned()
}

/// The next message, which is a text.
pub(crate) async fn next<IO: AsyncRead + AsyncWrite + Unpin>(client: &mut WebSocket<IO>) -> String {
    let message = timeout(PATIENCE, client.recv()).await.expect("it comes").expect("it is open");
    text(&message.expect("it has not ended"))
}

/// Waits until `is` so.
pub(crate) async fn until(is: impl Fn() -> bool) {
    let waits = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, waits).await.expect("it comes to be so");
}

pub(crate) async fn no_sessions(hub: &Hub) {
    until(|| hub.session_count() == 0).await;
}

/// Counts how often it is written to.
pub(crate) struct Counting<T> {
    io: T,
    writes: Arc<AtomicUsize>,
}

impl<T> Counting<T> {
    pub(crate) fn new(io: T) -> (Self, impl Fn() -> usize) {
        let writes = Arc::new(AtomicUsize::new(0));
        (Self { io, writes: Arc::clone(&writes) }, move || writes.load(Ordering::Relaxed))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Counting<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counting<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.get_mut().io).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
