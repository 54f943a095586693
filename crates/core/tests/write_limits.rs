//! What a slow reader makes a `WebSocket` hold, and for how long (threats.md S3), on tokio's paused clock.
#![cfg(feature = "tokio")]

use std::time::Duration;

use bowline_core::{
    Error, Limits, Message, Role,
    connection::Config,
    error::{SendErrorReason, Timeout},
    handshake::Negotiated,
    stream::WebSocket,
};
use bytes::BytesMut;
use futures_util::FutureExt;
use tokio::{
    io::{AsyncReadExt, DuplexStream, duplex},
    time::Instant,
};

/// What the pipe itself takes, in bytes.
const PIPE: usize = 64;
const MESSAGE: usize = 100;
/// With its header.
const FRAME: usize = MESSAGE + 2;

fn server(limits: Limits) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = duplex(PIPE);
    let config = Config::default().limits(limits).keepalive(None);
    (WebSocket::from_raw(near, &Negotiated::assumed(Role::Server), config, BytesMut::new()), far)
}

fn message() -> Message {
    Message::binary(vec![7; MESSAGE])
}

/// How many messages are taken before one has to wait.
fn feed_all(socket: &mut WebSocket<DuplexStream>) -> usize {
    (0..1_000).take_while(|_| socket.feed(message()).now_or_never().is_some_and(|result| result.is_ok())).count()
}

#[tokio::test]
async fn max_write_buffer_is_past_when_the_next_message_would_wait() {
    for (limit, fits) in [(0, 1), (1, 1), (FRAME, 1), (FRAME + 1, 2), (10 * FRAME, 10), (10 * FRAME + 1, 11)] {
        let (mut socket, mut peer) = server(Limits::default().max_write_buffer(limit));
        // The pipe takes a part of what waits once the buffer is full, and makes room for at most one message more.
        let taken = feed_all(&mut socket);
        assert!((fits..=fits + 1).contains(&taken), "{limit}: {taken} rather than {fits}");
        assert_eq!(feed_all(&mut socket), 0, "{limit}");

        let mut wire = vec![0; taken * FRAME];
        let (read, flushed) = tokio::join!(peer.read_exact(&mut wire), socket.flush());
        assert_eq!(read.unwrap(), wire.len());
        flushed.unwrap();
        assert!(wire.chunks(FRAME).all(|frame| frame[..2] == [0x82, 100] && frame[2..] == [7; MESSAGE]));
        assert!(feed_all(&mut socket) > 0, "there is room again");
    }
}

#[tokio::test(start_paused = true)]
async fn write_timeout_ends_a_connection_whose_peer_reads_nothing() {
    let (mut socket, peer) = server(Limits::default().max_write_buffer(1).write_timeout(Duration::from_secs(10)));
    let start = Instant::now();
    socket.feed(message()).await.unwrap();
    let error = loop {
        match socket.send(message()).await {
            Ok(()) => {}
            Err(error) => break error,
        }
    };
    let waited = start.elapsed();
    assert!((Duration::from_secs(10)..Duration::from_millis(10_100)).contains(&waited), "{waited:?}");
    assert!(matches!(error.reason(), SendErrorReason::Closed | SendErrorReason::Failed(_)), "{error:?}");
    assert!(matches!(socket.recv().await, Err(Error::Timeout(Timeout::Write) | Error::Closed) | Ok(None)));
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_slowly_is_not_given_up() {
    let (mut socket, mut peer) = server(Limits::default().max_write_buffer(1).write_timeout(Duration::from_secs(10)));
    let reader = async {
        let mut wire = vec![0; 10 * FRAME];
        for piece in wire.chunks_mut(PIPE) {
            tokio::time::sleep(Duration::from_secs(9)).await;
            peer.read_exact(piece).await.unwrap();
        }
    };
    let writer = async {
        for _ in 0..10 {
            socket.send(message()).await.unwrap();
        }
        socket.flush().await.unwrap();
    };
    tokio::join!(reader, writer);
}
