//! What a slow reader makes a `WebSocket` hold (threats.md S3).

use bowline_core::{Limits, Message, Role, connection::Config, handshake::Negotiated, stream::WebSocket};
use bytes::BytesMut;
use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, DuplexStream, duplex};

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
