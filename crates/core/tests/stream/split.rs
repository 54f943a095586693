//! Owned halves: they can't deadlock, starve each other of wakes, or lose a Pong.

use std::time::Duration;

use bowline_core::{Error, Limits, Message, Role, connection::Event, stream::WebSocket};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::yield_now,
    time::timeout,
};

use crate::{
    common::{Peer, pair, scripted, socket, tcp, untimed},
    scripted::Scripted,
};

/// Fails a test that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

fn big() -> Message {
    vec![7; 300_000].into()
}

async fn settled() {
    for _ in 0..20 {
        yield_now().await;
    }
}

/// Sends `count` messages of `len` bytes in one task and receives as many in another.
async fn both_ways<IO>(socket: WebSocket<IO>, count: u32, len: usize)
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, mut receiver) = socket.split();
    let sends = tokio::spawn(async move {
        for number in 0..count {
            let mut payload = vec![0; len];
            payload[..4].copy_from_slice(&number.to_be_bytes());
            sender.send(payload).await.unwrap();
        }
        sender
    });
    let receives = tokio::spawn(async move {
        for number in 0..count {
            let message = receiver.recv().await.unwrap().unwrap();
            assert_eq!((message.len(), &message.as_bytes()[..4]), (len, &number.to_be_bytes()[..]));
        }
        receiver
    });
    let (sender, receiver) = timeout(PATIENCE, async { tokio::join!(sends, receives) }).await.unwrap();
    assert!(sender.unwrap().reunite(receiver.unwrap()).is_ok());
}

#[tokio::test]
async fn two_ends_that_send_10_mb_each_both_finish() {
    let (client, server) = tcp().await;
    let config = untimed().limits(Limits::default().max_message_size(10_000_000));
    let client = socket(client, Role::Client, config.clone());
    let server = socket(server, Role::Server, config);
    tokio::join!(both_ways(client, 1, 10_000_000), both_ways(server, 1, 10_000_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_messages_cross_on_many_threads() {
    for len in [4, 300, 20_000] {
        let (client, server) = tcp().await;
        let client = socket(client, Role::Client, untimed());
        let server = socket(server, Role::Server, untimed());
        tokio::join!(both_ways(client, 2_000, len), both_ways(server, 2_000, len));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_narrow_pipe_on_many_threads_loses_no_wake() {
    for size in [1, 7, 100] {
        let (client, server) = pair(size, untimed());
        tokio::join!(both_ways(client, 300, 50), both_ways(server, 300, 50));
    }
}

#[tokio::test(start_paused = true)]
async fn a_ping_is_answered_while_the_sender_is_blocked() {
    let (server, io) = scripted(Scripted::default(), untimed());
    let (mut sender, mut receiver) = server.split();
    io.script().blocked = true;
    let mut client = Peer::client();
    let sends = tokio::spawn(async move { sender.send(big()).await.unwrap() });
    let receives = tokio::spawn(async move { receiver.recv().await });
    settled().await;
    io.script().incoming.extend(client.ping("there?"));
    io.script().wake();
    settled().await;
    assert!(io.script().incoming.is_empty(), "nobody reads while the sender is blocked");
    io.script().blocked = false;
    io.script().wake();
    sends.await.unwrap();
    settled().await;
    assert_eq!(
        client.understand(&io.script().written()),
        [Event::Message(big()), Event::Pong("there?".into())],
        "the answer came after the message, not inside of it"
    );
    receives.abort();
}

#[tokio::test(start_paused = true)]
async fn a_pong_that_waits_leaves_though_the_sender_is_dropped() {
    let (server, io) = scripted(Scripted::default(), untimed());
    let (mut sender, mut receiver) = server.split();
    io.script().blocked = true;
    let mut client = Peer::client();
    let sends = tokio::spawn(async move { sender.send(big()).await.unwrap() });
    let receives = tokio::spawn(async move { receiver.recv().await });
    settled().await;
    io.script().incoming.extend(client.ping("there?"));
    io.script().wake();
    settled().await;
    sends.abort();
    assert!(sends.await.unwrap_err().is_cancelled());
    io.script().blocked = false;
    io.script().wake();
    settled().await;
    assert_eq!(client.understand(&io.script().written()), [Event::Message(big()), Event::Pong("there?".into())]);
    receives.abort();
}

/// A stream remembers only the waker of the last poll, whichever half that was.
#[tokio::test(start_paused = true)]
async fn each_half_is_woken_though_the_other_asked_last() {
    for sender_last in [true, false] {
        let (server, io) = scripted(Scripted::default(), untimed());
        let (mut sender, mut receiver) = server.split();
        io.script().blocked = true;
        let send = async move { sender.send(big()).await.unwrap() };
        let receive = async move { receiver.recv().await.unwrap() };
        let (sends, receives);
        if sender_last {
            receives = tokio::spawn(receive);
            settled().await;
            sends = tokio::spawn(send);
        } else {
            sends = tokio::spawn(send);
            settled().await;
            receives = tokio::spawn(receive);
        }
        settled().await;
        io.script().incoming.extend(Peer::client().messages(&["for the receiver".into()]));
        io.script().wake();
        assert_eq!(timeout(PATIENCE, receives).await.unwrap().unwrap(), Some("for the receiver".into()));
        io.script().blocked = false;
        io.script().wake();
        timeout(PATIENCE, sends).await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_alone_sends_and_a_receiver_alone_receives() {
    let (client, server) = pair(1_000, untimed());
    let (mut sender, receiver) = client.split();
    drop(receiver);
    let (dropped, mut receiver) = server.split();
    drop(dropped);
    tokio::join!(
        async {
            for _ in 0..10 {
                sender.send(vec![1; 3_000]).await.unwrap();
            }
            drop(sender);
        },
        async {
            for _ in 0..10 {
                assert_eq!(receiver.recv().await.unwrap().unwrap().len(), 3_000);
            }
            // Both halves of the client are gone, and with them its stream.
            assert!(matches!(receiver.recv().await, Err(Error::Abnormal)));
        }
    );
}

#[tokio::test(start_paused = true)]
async fn halves_of_two_sockets_do_not_unite() {
    let (client, server) = pair(1_000, untimed());
    let (client_sender, client_receiver) = client.split();
    let (server_sender, server_receiver) = server.split();
    let (client_sender, server_receiver) = client_sender.reunite(server_receiver).unwrap_err();
    let mut client = client_sender.reunite(client_receiver).unwrap();
    let mut server = server_sender.reunite(server_receiver).unwrap();
    client.send("whole again").await.unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("whole again".into()));
}

#[tokio::test(start_paused = true)]
async fn what_came_while_split_is_there_after_uniting() {
    let (server, io) = scripted(Scripted::default(), untimed());
    let (mut sender, receiver) = server.split();
    io.script().blocked = true;
    io.script().incoming.extend(Peer::client().messages(&["one".into(), "two".into()]));
    let blocked = timeout(Duration::from_secs(1), sender.send(big())).await;
    assert!(blocked.is_err(), "{blocked:?}");
    let mut server = sender.reunite(receiver).unwrap();
    assert_eq!(server.recv().await.unwrap(), Some("one".into()));
    assert_eq!(server.recv().await.unwrap(), Some("two".into()));
}
