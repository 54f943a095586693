//! What a WebSocket holds: nothing while it is idle, and no message of any size while it relays one.
//!
//! A test binary of its own, for its allocator; one test, so that nobody else allocates meanwhile.
#![cfg(feature = "tokio")]
#![expect(clippy::unwrap_used, reason = "a test's helpers fail the test")]

use std::{alloc::System, future::poll_fn, task::Poll};

use bowline_core::{
    Limits, Message, Role,
    connection::Config,
    handshake::Negotiated,
    message::{Kind, Piece},
    stream::WebSocket,
};
use bytes::{Bytes, BytesMut};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Bytes on the heap now.
fn held() -> isize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated as isize - stats.bytes_deallocated as isize
}

async fn pair(config: &Config) -> (WebSocket<TcpStream>, WebSocket<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
    let socket = |io, role| WebSocket::from_raw(io, &Negotiated::assumed(role), config.clone(), BytesMut::new());
    (socket(client.unwrap(), Role::Client), socket(server.unwrap().0, Role::Server))
}

async fn echo_once(client: &mut WebSocket<TcpStream>, server: &mut WebSocket<TcpStream>, message: Message) {
    let asks = async {
        client.send(message.clone()).await.unwrap();
        assert_eq!(client.recv().await.unwrap(), Some(message));
    };
    let answers = async {
        let message = server.recv().await.unwrap().unwrap();
        server.send(message).await.unwrap();
    };
    tokio::join!(asks, answers);
}

/// Receives, and whether that has to wait.
async fn waits(socket: &mut WebSocket<TcpStream>) -> bool {
    poll_fn(|cx| Poll::Ready(socket.poll_recv(cx).is_pending())).await
}

/// After an echo of each size, a pair that waits for more holds what it held when it was new and waited.
async fn an_idle_connection_holds_no_buffer() {
    const PAIRS: isize = 50;
    // What a timer and tokio's own state of a socket take, a pair.
    const MOST_PER_PAIR: isize = 800;
    let config = Config::default().limits(Limits::default().max_message_size(2 << 20));
    // The thread's spare buffers are made before anything is counted.
    let (mut client, mut server) = pair(&config).await;
    for len in [10, 1_000, 20_000, 100_000, 1 << 20] {
        echo_once(&mut client, &mut server, vec![7; len].into()).await;
    }
    // tokio's table of sockets grows by the page, and keeps its pages.
    let mut sockets = Vec::new();
    for _ in 0..PAIRS {
        sockets.push(pair(&config).await);
    }
    drop(sockets);
    for len in [0, 10, 125, 126, 1_000, 10_000, 20_000, 70_000, 200_000, 1 << 20] {
        let mut pairs = Vec::with_capacity(50);
        let before = held();
        for _ in 0..PAIRS {
            pairs.push(pair(&config).await);
        }
        for (client, server) in &mut pairs {
            echo_once(client, server, vec![7; len].into()).await;
            // Both wait, as idle connections do.
            assert!(waits(client).await && waits(server).await);
        }
        let each = (held() - before) / PAIRS;
        assert!(each <= MOST_PER_PAIR, "a pair holds {each} bytes after an echo of {len}");
    }
}

/// 256 MiB go through two connections in pieces.
async fn a_relay_of_a_huge_message_needs_no_memory_of_its_size() {
    const TOTAL: usize = 256 << 20;
    const PIECE: usize = 64 << 10;
    const MOST: isize = 1 << 20;
    let config = Config::default();
    let (mut from, mut relay_in) = pair(&config).await;
    let (mut to, mut relay_out) = pair(&config).await;
    let before = held();
    let source = Bytes::from_static(&[7; PIECE]);
    let sends = async {
        for sent in (PIECE..=TOTAL).step_by(PIECE) {
            let piece = Piece { kind: Kind::Binary, data: source.clone(), last: sent == TOTAL };
            from.send_piece(piece).await.unwrap();
        }
    };
    let relays = async {
        loop {
            let piece = relay_in.recv_piece().await.unwrap().unwrap();
            let last = piece.last;
            relay_out.send_piece(piece).await.unwrap();
            if last {
                break;
            }
        }
    };
    let receives = async {
        let (mut total, mut most) = (0, 0);
        loop {
            let piece = to.recv_piece().await.unwrap().unwrap();
            assert!(piece.data.first().is_none_or(|&byte| byte == 7));
            total += piece.data.len();
            most = most.max(held() - before);
            if piece.last {
                return (total, most);
            }
        }
    };
    let ((), (), (total, most)) = tokio::join!(sends, relays, receives);
    assert_eq!(total, TOTAL);
    assert!(most <= MOST, "{most} bytes were held");
}

#[test]
fn memory_is_bounded() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(an_idle_connection_holds_no_buffer());
    runtime.block_on(a_relay_of_a_huge_message_needs_no_memory_of_its_size());
}
