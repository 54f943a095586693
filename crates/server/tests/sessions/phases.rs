//! Peers that go away, by FIN or by RST, whatever is going on: nothing is left of them.

use std::{future::pending, time::Duration};

use bowline_core::{
    Limits,
    connection::{Config, Keepalive},
};
use bowline_server::{
    Hub, Session,
    io::Io,
    room::{RoomOptions, SlowConsumer, Start},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Handle,
};

use crate::support::{no_sessions, serve, until};

/// Where a peer goes away.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Before anything.
    Idle,
    /// After so many bytes of a message.
    InMessage(usize),
    /// Its messages are not received.
    Unread,
    /// It takes nothing of what its room has.
    Behind,
    /// It takes nothing of what its handler sends.
    Sending,
    /// Direct messages wait for it.
    Direct,
    /// It was told Close, and hasn't answered.
    Closing,
    /// It has sent Close, and is gone before the answer.
    Closed,
}

const MESSAGE: &[u8] = &[0x81, 0x85, 1, 2, 3, 4, b'h' ^ 1, b'e' ^ 2, b'l' ^ 3, b'l' ^ 4, b'o' ^ 1];

async fn handle(mut session: Session, phase: Phase) {
    match phase {
        Phase::Unread => pending::<()>().await,
        Phase::Sending => while session.send("x".repeat(100_000)).await.is_ok() {},
        _ => while let Ok(Some(_)) = session.recv().await {},
    }
}

async fn go_away(hub: &Hub, listener: &TcpListener, phase: Phase, resets: bool) {
    let address = listener.local_addr().unwrap();
    let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (mut client, server) = (client.unwrap(), server.unwrap().0);
    let limits = Limits::default().close_timeout(Duration::from_secs(2));
    let mut config = Config::default().limits(limits);
    if matches!(phase, Phase::Unread) {
        // Nothing is read past what waits, so that it is a write that fails: that of a Ping, here in no time.
        config = config.keepalive(Some(Keepalive::default().ping_interval(Duration::from_millis(50))));
    }
    let session = serve(hub, Io::Tcp(server), config, move |session| handle(session, phase));
    let room = hub.room("r").unwrap();
    session.join(&room, Start::Newest).unwrap();
    match phase {
        Phase::Idle => {}
        Phase::InMessage(bytes) => client.write_all(&MESSAGE[..bytes]).await.unwrap(),
        Phase::Unread => client.write_all(&MESSAGE.repeat(1_000)).await.unwrap(),
        Phase::Behind => {
            for _ in 0..200 {
                room.broadcast("x".repeat(50_000)).unwrap();
                tokio::task::yield_now().await;
            }
        }
        Phase::Sending => until_stalled(&client).await,
        Phase::Direct => {
            while session.send("x".repeat(10_000)).is_ok() {
                tokio::task::yield_now().await;
            }
        }
        Phase::Closing => {
            session.close(None);
            let mut close = [0; 4];
            client.read_exact(&mut close).await.unwrap();
            assert_eq!(close, [0x88, 2, 3, 0xe8]);
        }
        Phase::Closed => client.write_all(&[0x88, 0x80, 0, 0, 0, 0]).await.unwrap(),
    }
    if resets {
        socket2::SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    }
    drop(client);
}

async fn until_stalled(client: &TcpStream) {
    client.readable().await.unwrap();
    // The kernel's buffers are full once the peek gives the same twice.
    let mut buffer = vec![0; 1 << 20];
    let mut before = usize::MAX;
    loop {
        let now = client.peek(&mut buffer).await.unwrap();
        if now == before {
            return;
        }
        before = now;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_peer_that_goes_away_in_any_phase() {
    let hub =
        Hub::builder().room_options("*", RoomOptions::default().slow_consumer(SlowConsumer::SkipToOldest)).build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut phases =
        vec![Phase::Idle, Phase::Unread, Phase::Behind, Phase::Sending, Phase::Direct, Phase::Closing, Phase::Closed];
    phases.extend((1..MESSAGE.len()).map(Phase::InMessage));
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let mut left = tasks();
    for phase in phases {
        for resets in [false, true] {
            go_away(&hub, &listener, phase, resets).await;
            // A handler that neither receives nor returns is the application's to end.
            left += usize::from(matches!(phase, Phase::Unread));
            println!("{phase:?}, resets: {resets}");
            no_sessions(&hub).await;
            until(|| tasks() == left).await;
        }
    }
    until(|| hub.room_count() == 0).await;
}
